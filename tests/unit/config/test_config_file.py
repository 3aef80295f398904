import codecs
import json
import os
from pathlib import Path

import pytest
from running import TINY

from repdyn.config import config_file
from repdyn.config import study as studies
from repdyn.errors import RepdynError

TEXT = TINY.read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path):
    def write(content: str | bytes, name: str = "study.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name: a\nseeds: [0]\nname: b\n", ", line 3, repeats `name` of line 1, but only the last would count"),
        ("archs:\n  a: {model: x,\n      model: y}\n", ", line 3, repeats `model` of line 2"),
        ("a: [{yes: 1}, {yes: 1, true: 2}]", ", line 1, repeats `true` of line 1"),
        ('{"name": "a",\n\t"seeds": [0], "name": "b"}', ", line 2, repeats `name` of line 1"),
        ("a: &a {x: 1}\nb: {<<: *a, y: 1, y: 2}", ", line 2, repeats `y`"),
        ("seeds: [010]", "has 010, which is an octal number in YAML, 8; write that, or put it in quotes"),
        ("epochs: 1:30", "has 1:30, which is a number to the base 60 in YAML, 90; write that"),
        ("a: 1\n--- \nb: 2", ", line 2, begins a second document; a file holds one study"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "has the tag `!!python/object/apply:os.system`, but a study has only",
        ),
        ("a: !mine 3", "has the tag `!mine`, but"),
        ("a:\n\tb: 1", ", line 2, is not YAML: found character '\\t' that cannot start any token."),
        ("a: *nowhere", ", line 1, is not YAML: found undefined alias 'nowhere'."),
        ("a: " + "[" * 20_000 + "]" * 20_000, "nests lists or sections by the hundreds"),
        ("a: " + "9" * 5_000, "has a value that cannot be read: Exceeds the limit (4300 digits)"),
        ("a: 2026-13-45", "has a value that cannot be read: month must be in 1..12"),
        ("a: 1\0", ", line 1, has the character U+0000, which YAML does not allow; is it text?"),
        ("a: 1\n# für".encode("latin-1"), ", line 2, is not UTF-8 text: it has a byte 0xfc; save it as UTF-8."),
        ("a: 1".encode("utf-16"), " is UTF-16 text; save it as UTF-8."),
        (codecs.BOM_UTF16_BE + "a: 1".encode("utf-16-be"), " is UTF-16 text; save it as UTF-8."),
        (b"\x89PNG\r\n\x1a\n\0\0\0", ", line 1, is not UTF-8 text: it has a byte 0x89"),
        ("a: &a [1]\nb: [" + "*a, " * 1_500 + "]", "uses anchors for more than the 1,000th time"),
        ("#" * 2_000_000, "has 2,000,000 bytes; a study has at most 1,048,576."),
        ("? {a: 1}\n: 2", ", line 1, is not YAML: found unhashable key."),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_config_is_one_sentence_with_file_and_line(written, content, sentence):
    path = written(content)
    with pytest.raises(RepdynError) as raised:
        config_file.read(path)
    message = str(raised.value)
    assert f"`{path}`" in message
    assert sentence in message
    assert message.isprintable()


def test_merged_sections_that_grow_tenfold_at_every_line_are_refused(written):
    bomb = "a0: &a0 {x: 1}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
    )
    with pytest.raises(RepdynError, match="merges more than 10,000 keys into one section"):
        config_file.read(written(bomb))


def test_merging_sections_and_overriding_their_keys_is_no_repetition(written):
    read = config_file.read(written("a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {y: 3, <<: [*a, *b]}\n"))
    assert read == {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_config_is_utf8_with_or_without_a_mark(written, encoding):
    text = TEXT + "execution: {data_root: Bücher}  # × ²\n"
    assert studies.load(written(text.encode(encoding))).execution.data_root == "Bücher"


def test_json_is_read_as_snakemake_reads_it(written):
    path = written('{\n\t"rate": 1e-3, "name": "\\ud83d\\ude00", "path": "a\\/b"}', "study.json")
    assert config_file.read(path) == json.loads(path.read_text(encoding="utf-8"))


def test_a_place_that_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    for name, sentence in (
        ("", "is a folder; name the file in it."),
        ("pipe", "is a pipe or a device; name a file."),
        ("itself", "cannot be read: Too many levels of symbolic links."),
        ("x" * 300, "cannot be read: File name too long."),
        ("a\0b", "cannot be read: embedded null byte."),
        ("nothing", "There is no study config at"),
    ):
        with pytest.raises(RepdynError, match=sentence):
            config_file.read(tmp_path / name)


@pytest.mark.parametrize("content", ["", "# nothing\n", "- a\n- b\n", "just words"])
def test_a_config_that_holds_no_settings_says_what_it_holds(written, content):
    with pytest.raises(RepdynError, match=r"(is empty|holds .*), but must be a mapping of settings"):
        studies.load(written(content))
