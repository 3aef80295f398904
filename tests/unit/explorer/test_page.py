import base64
import json
import re
import shutil
import zlib
from pathlib import Path

import pytest

from repdyn.explorer import page


def test_a_page_holds_everything_itself() -> None:
    content = page.assemble({"name": "</script><b>&"}, [b"abc"])
    assert "<!--" not in re.sub(r"<script.*?</script>|<style>.*?</style>", "", content, flags=re.S)
    # The report is a link, and what is drawn by a script is a picture made there.
    assert not re.search(r"""(src|href)=["'](?!data:|report\.html"|\$\{cellsPicture)""", content)
    assert re.search(r"""url\((?!["']?data:)|@import""", content) is None
    assert '<script type="application/octet-stream" id="piece-0">YWJj</script>' in content
    (about,) = re.findall(r'<script type="application/json" id="study">(.*?)</script>', content, flags=re.S)
    assert json.loads(about) == {"name": "</script><b>&"}
    assert "<title>&lt;/script&gt;&lt;b&gt;&amp;: representations" in content


def test_an_asset_s_digest_is_of_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = page.assets_digest()
    shutil.copytree(page.ASSETS, tmp_path / "assets")
    monkeypatch.setattr(page, "ASSETS", tmp_path / "assets")
    assert page.assets_digest() == before
    with (tmp_path / "assets" / "page.css").open("a", encoding="utf-8") as style:
        style.write("p { color: red }")
    assert page.assets_digest() != before


def test_every_asset_is_used() -> None:
    assert {path.name for path in page.ASSETS.iterdir()} == {"page.html", "page.css", *page.SCRIPTS}


def test_pieces_are_found_by_their_numbers_and_take_no_more_room_than_is_planned() -> None:
    pieces = [b"", *(bytes(range(n)) for n in (1, 2, 3, 100))]
    content = page.assemble({"name": "é"}, pieces)
    found = re.findall(r'<script [^>]*id="piece-(\d+)">([^<]*)</script>', content)
    assert [(int(number), base64.b64decode(piece)) for number, piece in found] == list(enumerate(pieces))
    empty = page.assemble({"name": "é"}, [])
    assert len(content.encode()) - len(empty.encode()) <= sum(map(page.text_size, pieces))


def test_the_library_in_the_page_is_plotly_as_it_is_shipped() -> None:
    from plotly.offline import get_plotlyjs

    content = page.assemble({"name": "a"}, [])
    shipped = get_plotlyjs()
    assert base64.b64encode(page.library()).decode() in content
    assert zlib.decompress(page.library()).decode() == shipped


def test_the_scripts_keep_their_order() -> None:
    content = page.assemble({"name": "a"}, [])
    places = [content.index((page.ASSETS / name).read_text(encoding="utf-8")) for name in page.SCRIPTS]
    assert places == sorted(places)


def test_data_that_look_like_places_of_the_template_or_like_comments_are_data() -> None:
    study = {"name": "<!--script--><!--pieces-->", "words": "<!-- <script>"}
    content = page.assemble(study, [b"abc"])
    (about,) = re.findall(r'<script type="application/json" id="study">(.*?)</script>', content, flags=re.S)
    assert json.loads(about) == study
    assert "<!--" not in about
    assert content.count('id="piece-0"') == 1
