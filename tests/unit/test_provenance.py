import shutil

import pytest

from repdyn import provenance


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library, to be edited at will."""
    copy = tmp_path / "repdyn"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)

    def digests():
        for function in (
            provenance._tree,
            provenance._normalised,
            provenance._reachable,
            provenance.code_digest,
        ):
            function.cache_clear()
        return {
            stage: provenance.code_digest(stage) for stage in ("training", "activations", "cka", "probes", "regions")
        }

    yield copy, digests
    monkeypatch.undo()
    digests()


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_comments_docstrings_and_formatting_mean_nothing(library):
    folder, digests = library
    before = digests()
    edit(
        folder / "tables.py",
        "from __future__ import annotations",
        "# A remark.\nfrom __future__ import annotations\n\n",
    )
    edit(folder / "training.py", '"""', '"""Other words. ')
    edit(folder / "training.py", '    """Train a run;', '    """Do train a run;')
    assert digests() == before


def test_an_edit_enters_the_module_s_own_digest_and_its_importers_only(library):
    folder, digests = library
    before = digests()
    edit(folder / "training.py", "EVALUATION_BATCH = 256", "EVALUATION_BATCH = 128")
    after = digests()
    assert {stage for stage in before if before[stage] != after[stage]} == {"training"}
    edit(folder / "representations.py", ".reshape(len(column), -1)", ".reshape((len(column), -1))")
    third = digests()
    assert {stage for stage in before if third[stage] != after[stage]} == {"cka", "probes", "regions"} - {
        stage for stage in before if "representations" not in provenance._reachable(stage)
    }
    assert third["cka"] != after["cka"]


def test_an_edit_in_a_helper_of_all_enters_all(library):
    folder, digests = library
    before = digests()
    edit(folder / "files.py", "def missing", "EXTRA = 1\n\n\ndef missing")
    after = digests()
    assert all(before[stage] != after[stage] for stage in before)


def test_the_config_s_own_module_is_no_part_of_a_stage(library):
    _, digests = library
    digests()
    for stage in ("training", "activations", "cka"):
        assert "study" not in provenance._reachable(stage)


def test_versions_are_those_of_what_computes():
    assert {"python", "torch", "timm", "pyarrow"} <= set(provenance.versions("training"))
    assert "torch" not in provenance.versions("tables")
