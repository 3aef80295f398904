"""The notebook runs from top to bottom on a study's tables, in a kernel of the run environment."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from shell import clean


def test_the_notebook_runs_from_top_to_bottom(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    argv = [str(study / ".venv" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = tmp_path / "kernels" / "repdyn" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": argv, "display_name": "repdyn", "language": "python"}), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook = nbformat.read(study / "docs" / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    client = NotebookClient(notebook, kernel_name="repdyn", resources={"metadata": {"path": str(study / "docs")}})
    client.execute(env=clean(study))
    shown = [name for cell in notebook.cells for output in cell.get("outputs", ()) for name in output.get("data", ())]
    assert shown.count("image/png") >= 5
    assert (study / "docs" / "findings.pdf").read_bytes().startswith(b"%PDF")
