import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from repdyn.explorer import page
from repdyn.explorer.build import Detail, details, left_out, probe_accuracies
from repdyn.explorer.pack import TYPES, changes, pack, triangle, unpack

ARRAYS = st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), ARRAYS, max_size=4), st.dictionaries(st.text(), st.integers()))
def test_what_is_packed_is_unpacked_again(arrays, about):
    about.pop("arrays", None)
    head, found = unpack(pack(about, arrays))
    assert head == about
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_lie_where_a_typed_array_can_be_laid_over_them():
    import zlib

    content = zlib.decompress(pack({"é": 1}, {"a": np.zeros(3, np.uint8), "b": np.ones(2)}))
    length = int.from_bytes(content[:4], "little")
    places = json.loads(content[4 : 4 + length])["arrays"]
    assert (4 + length) % 8 == 0
    assert all(place["offset"] % 8 == 0 for place in places.values())


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0, -1]), st.sampled_from([2, 4]))
def test_a_triangle_holds_every_pair_to_its_decimals(size, seed, low, decimals):
    values = low + (1 - low) * np.random.default_rng(seed).random((2, size, size))
    values = (values + values.swapaxes(1, 2)) / 2
    values[0, 0, size - 1] = values[0, size - 1, 0] = np.nan
    packed = triangle(values, low, 1, decimals)
    # As data.js finds a pair.
    for layer, (a, b) in itertools.product(range(2), itertools.product(range(size), repeat=2)):
        i, j = min(a, b), max(a, b)
        found = packed[layer, i * size - i * (i - 1) // 2 + j - i]
        if np.isnan(values[layer, a, b]):
            assert found == 2 ** (8 * packed.itemsize) - 1
        else:
            assert abs(low + found / 10**decimals - values[layer, a, b]) <= 0.5 * 10.0**-decimals + 1e-12


@pytest.mark.parametrize("decimals", TYPES)
def test_no_similarity_is_taken_for_undefined_and_rounding_beyond_the_ends_is_drawn_in(decimals):
    packed = triangle(np.array([[[1 + 1e-9]], [[-1 - 1e-9]], [[np.nan]]]), -1, 1, decimals).ravel().tolist()
    assert packed == [2 * 10**decimals, 0, np.iinfo(TYPES[decimals]).max]


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), (2, 4, 3)))
def test_changes_add_up_to_the_labels(labels):
    np.testing.assert_array_equal(np.cumsum(changes(labels), axis=1, dtype=labels.dtype), labels)


def test_less_and_less_is_shown_down_to_two_checkpoints():
    steps = list(details(planes=3, checkpoints=10))
    sizes = [detail.planes * len(detail.kept(10)) for detail in steps]
    assert steps[:2] == [Detail(3, 1), Detail(1, 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert steps[-1].kept(10).tolist() == [0, 9]
    assert list(details(planes=1, checkpoints=3)) == [Detail(1, 1), Detail(1, 2)]


@pytest.mark.parametrize(
    ("detail", "shown", "sentence"),
    [
        (Detail(2, 1), [0, 1], None),
        (
            Detail(2, 1),
            [0],
            "To stay below 8 MiB this page leaves out seeds other than 0; `figures.explorer_mib` in the config "
            "allows more.",
        ),
        (
            Detail(1, 3),
            [0],
            "To stay below 8 MiB this page leaves out seeds other than 0, planes beyond the first of each set and all "
            "but one in 3 checkpoints; `figures.explorer_mib` in the config allows more.",
        ),
    ],
)
def test_what_is_left_out_is_one_sentence(detail, shown, sentence):
    assert left_out(detail, 2, [0, 1], shown, 8.0) == sentence


def test_a_page_holds_everything_itself():
    content = page.assemble({"name": "</script><b>&"}, [b"abc"])
    assert "<!--" not in re.sub(r"<script.*?</script>|<style>.*?</style>", "", content, flags=re.S)
    # The report is a link, and what is drawn by a script is a picture made there.
    assert not re.search(r"""(src|href)=["'](?!data:|report\.html"|\$\{cellsPicture)""", content)
    assert re.search(r"""url\((?!["']?data:)|@import""", content) is None
    assert '<script type="application/octet-stream" id="piece-0">YWJj</script>' in content
    (about,) = re.findall(r'<script type="application/json" id="study">(.*?)</script>', content, flags=re.S)
    assert json.loads(about) == {"name": "</script><b>&"}
    assert "<title>&lt;/script&gt;&lt;b&gt;&amp;: representations" in content


def test_an_asset_s_digest_is_of_its_content(tmp_path, monkeypatch):
    import shutil

    before = page.assets_digest()
    shutil.copytree(page.ASSETS, tmp_path / "assets")
    monkeypatch.setattr(page, "ASSETS", tmp_path / "assets")
    assert page.assets_digest() == before
    with (tmp_path / "assets" / "page.css").open("a", encoding="utf-8") as style:
        style.write("p { color: red }")
    assert page.assets_digest() != before


def test_every_asset_is_used():
    assert {path.name for path in page.ASSETS.iterdir()} == {"page.html", "page.css", *page.SCRIPTS}


def test_accuracies_of_probes_are_in_the_order_of_layers_and_steps():
    rows = [
        (layer, step, split, 0.5 + 0.1 * depth + step / 100, step / 100)
        for depth, layer in enumerate(("b", "a"))
        for step in (10, 0)
        for split in ("probe", "similarity")
    ]
    frame = pd.DataFrame(rows, columns=["layer", "step", "split", "accuracy", "true_accuracy"])
    found = probe_accuracies(frame, ["b", "a"], np.array([0, 10]))
    np.testing.assert_allclose(found["probe given"], [[0.5, 0.6], [0.6, 0.7]], atol=1e-6)
    np.testing.assert_allclose(found["probe unseen"], [[0, 0.1], [0, 0.1]], atol=1e-6)
    assert probe_accuracies(frame.iloc[:0], ["b", "a"], np.array([0, 10])) == {}
