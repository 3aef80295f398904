"""A config that Snakemake reads with its own eyes."""

import json

import pytest
import yaml
from running import TINY, snakemake

TEXT = TINY.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "twice.yaml",
            f"{TEXT}seeds: [1]\n",
            f", line {TEXT.count(chr(10)) + 1}, repeats `seeds` of line 14, but only the last would count",
        ),
        (
            "twice.json",
            json.dumps(yaml.safe_load(TEXT))[:-1] + ',\n"seeds": [1]}',
            ", line 2, repeats `seeds` of line 1",
        ),
        ("octal.yaml", TEXT.replace("seeds: [0]", "seeds: [010]"), "has 010, which is an octal number in YAML, 8;"),
        ("number.yaml", TEXT.replace("  vit:", "  18:"), "`archs`: `18` is a number, a date or a truth value to"),
    ],
)
def test_what_snakemake_would_take_for_another_study_is_refused(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = snakemake("--dry-run", "--configfile", name, folder=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
