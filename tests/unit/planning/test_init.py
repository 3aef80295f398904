"""`repdyn init`: the study that it writes."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from repdyn.config import config_file, schema
from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.planning import check, init

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("into", "written", "name"),
    [
        (".", "config.yaml", "here"),
        ("new/folder", "new/folder/config.yaml", "folder"),
        ("tries/first.yaml", "tries/first.yaml", "first"),
        ("étude", "étude/config.yaml", "my-study"),
    ],
)
def test_it_writes_the_default_study_under_a_name_of_its_own(tmp_path, monkeypatch, capsys, into, written, name):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    init.main(Path(into))
    study = studies.load(Path(written))
    default = studies.load(ROOT / "config.yaml")
    assert study == default.model_copy(update={"name": name})
    assert f"repdyn check --study {written}" in capsys.readouterr().out


def test_what_it_writes_passes_the_check_and_suits_editors(tmp_path, capsys):
    init.main(tmp_path / "study.yaml")
    capsys.readouterr()
    check.main(studies.load(tmp_path / "study.yaml"))
    assert capsys.readouterr().out == ""
    text = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# yaml-language-server: $schema={schema.COPY.as_uri()}"
    assert Draft202012Validator(schema.schema()).is_valid(config_file.read(tmp_path / "study.yaml"))


def test_within_a_checkout_the_schema_is_named_relative_to_the_study():
    assert init._schema_of(ROOT / "workflow" / "studies" / "new.yaml") == "../repdyn/config/study.schema.json"


def test_it_overwrites_nothing_and_says_what_cannot_be_written(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("mine\n", encoding="utf-8")
    with pytest.raises(RepdynError, match=re.escape(f"`{path}` is there already; name another")):
        init.main(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RepdynError, match=re.escape("notes.txt` is there already; name another file or folder")):
        init.main(tmp_path / "notes.txt")
    with pytest.raises(RepdynError, match="cannot be written: Not a directory"):
        init.main(path / "deeper")
    assert path.read_text(encoding="utf-8") == "mine\n"
