"""That the notebook in the docs runs from top to bottom, on synthetic tables laid out as a study's are."""

from pathlib import Path

import matplotlib.figure
import nbformat
import pandas as pd
import pytest
from sample_tables import EVENTS, LAYERS, RUNS, SETS, findings, history, pairs, segments

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


@pytest.fixture
def results(tmp_path):
    events = pd.DataFrame({"layer": None, "measure": None, "score": list(EVENTS), "value": list(EVENTS.values())})
    changes = pd.DataFrame({"layer": LAYERS[3], "measure": "cka", "score": "change_memorization", "value": 0.2})
    of_run = {
        "history": history(),
        "cka": pairs(LAYERS[3]),
        "regions/similarity": pairs(LAYERS[3], "similarity", SETS),
        "phases/segments": segments(LAYERS[3], ["cka"]),
        "phases/scores": pd.concat([changes, events], ignore_index=True),
    }
    for arch, optimizer, seed in RUNS:
        for name, table in of_run.items():
            folder = tmp_path / name / f"arch={arch}" / f"optimizer={optimizer}" / f"seed={seed}"
            folder.mkdir(parents=True)
            table.to_parquet(folder / "table.parquet")
    (tmp_path / "findings").mkdir()
    findings().to_parquet(tmp_path / "findings" / "findings.parquet")
    return tmp_path


def test_the_notebook_runs_from_top_to_bottom(results, monkeypatch, tmp_path):
    monkeypatch.setenv("REPDYN_RESULTS", str(results))
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
            exec(compile("\n".join(lines), f"{NOTEBOOK.name}, {cell.id}", "exec"), names)
    assert names["events"] == EVENTS
    assert isinstance(names["figure"], matplotlib.figure.Figure)
    assert (tmp_path / "findings.pdf").read_bytes().startswith(b"%PDF")
