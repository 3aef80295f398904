"""What is read of a study's folder of results, and what is said of other folders."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from found_studies import finding, settings, undecidable, write

from repdyn.across_studies import studies
from repdyn.catalogue.paths import Paths
from repdyn.errors import RepdynError
from repdyn.storage import tables


def test_primary_rows_and_what_made_them_are_read_from_the_tables_alone(tmp_path):
    rows = [finding(), finding(primary=False, score="novelty"), undecidable(level="resnet")]
    folder = write(tmp_path / "digits", rows)
    read = studies.read(folder, "digits")
    assert read.rows == [rows[0], rows[2]]
    assert read.settings == json.loads(json.dumps(settings()))
    assert read.seeds == [0, 1, 2, 3, 4, 5]
    assert len(read.code) == 16


def test_a_study_has_its_folder_s_name_and_more_of_the_path_where_two_have_one(tmp_path):
    folders = [tmp_path / "old" / "digits", tmp_path / "new" / "digits", tmp_path / "new" / "clean"]
    assert studies.names_of(folders) == ["old/digits", "new/digits", "clean"]
    assert studies.names_of([tmp_path / "a" / ".", tmp_path / "b"]) == ["a", "b"]
    with pytest.raises(RepdynError, match=r"^The study `.*b/\.\./a` comes twice\.$"):
        studies.names_of([tmp_path / "a", tmp_path / "b" / ".." / "a"])


def refused(folder):
    with pytest.raises(RepdynError) as said:
        studies.read(folder, "x")
    assert "\n" not in str(said.value)
    return str(said.value)


def test_a_folder_without_findings_is_refused_with_the_command_that_makes_them(tmp_path):
    assert refused(tmp_path / "no").startswith(f"There is no folder `{tmp_path}/no`; name a study by its folder")
    config = tmp_path / "config.yaml"
    config.touch()
    assert refused(config).startswith(f"`{config}` is a file; name a study by its folder of results")
    path = f"{tmp_path}/findings/findings.parquet"
    assert f"`{tmp_path}` has no findings of a study; `snakemake --cores all --configfile CONFIG -- {path}` makes" in (
        refused(tmp_path)
    )


def rewritten(folder, change=dict.copy, **columns):
    """Write the findings of a folder again, with changed metadata and further columns."""
    path = Paths(str(folder)).findings()
    table = tables.read(path)
    metadata = json.loads(table.schema.metadata[tables.KEY])
    change(metadata)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    tables.write(path, table, table.schema, metadata)


def test_findings_of_another_version_are_refused_in_a_sentence(tmp_path):
    folder = write(tmp_path / "a", [finding()])
    rewritten(folder, more=[1])
    assert "`more` (int64) where the table `findings` has no column, as if another version of repdyn" in refused(folder)
    folder = write(tmp_path / "b", [finding(claim="cats are liquid")])
    assert "has the claim `cats are liquid`, which this version of repdyn does not have; run" in refused(folder)
    folder = write(tmp_path / "c", [finding(score="fluidity")])
    assert "has the score `fluidity`, which this version" in refused(folder)


def test_a_file_that_is_none_of_repdyn_or_another_one_is_refused(tmp_path):
    folder = write(tmp_path / "a", [finding()])
    rewritten(folder, lambda metadata: metadata.update(table="findings/pairs"))
    assert "says that it is `findings/pairs` (stage findings), but `findings`" in refused(folder)
    rewritten(write(folder, [finding()]), lambda metadata: metadata.pop("hyperparameters"))
    assert "is damaged (its metadata do not say what made it)" in refused(folder)
    path = Paths(str(tmp_path / "b")).findings()
    (tmp_path / "b" / "findings").mkdir(parents=True)
    pq.write_table(pa.table({"claim": ["a"]}), path)
    assert "is damaged" in refused(tmp_path / "b")


def test_rows_that_cannot_decide_are_read_with_their_reason(tmp_path):
    (row,) = studies.read(write(tmp_path / "a", [undecidable("no seeds")]), "a").rows
    assert (row["estimate"], row["reason"]) == (None, "no seeds")
