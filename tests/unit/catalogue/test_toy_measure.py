"""What follows from a measure's entry: a further measure is its values, a column and an entry of the catalogue.

The toy is the square of CKA, which is a kernel as well (Schur). What phases, findings, figures and the explorer know of
it they have from the catalogue.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repdyn.pipeline import provenance

# File of the library -> the line that the toy stands before, and the toy.
DIFF = {
    "catalogue/measures.py": (
        "    )\n}\nOF_ACTIVATIONS",
        """\
        Measure(
            name="toy",
            label="a toy",
            words="the square of CKA",
            source="ours",
            range=(0.0, 1.0),
            chance="above 0",
            table="cka",
            column="toy",
            colour="#228833",
            marker="P",
        ),
""",
    ),
    "similarity/measured.py": (
        '        if choice.name == "cka_deconfounded":',
        """\
        if choice.name == "toy":
            matrices["toy"] = both.biased**2
            continue
""",
    ),
}
ASK = """
import json
from types import SimpleNamespace
import numpy as np, pandas as pd, pyarrow as pa
from matplotlib import text
from repdyn.analysis import claim_tests, fits, phases
from repdyn.catalogue.measures import MEASURES
from repdyn.config.sections import ChosenMeasure, Contrast, Findings, Phases
from repdyn.config.study import Run
from repdyn.explorer import build
from repdyn.figures import dynamics, forest, timelines
from repdyn.records.cka import CKA, further
from repdyn.records.probes import ACCURACY
from repdyn.records.regions import SIMILARITY
from repdyn.similarity import measured
from repdyn.stages import cka

E = 16
epochs = np.concatenate([[0.0], np.geomspace(0.25, 160, E - 1)])
accuracy = np.clip(np.arange(161.0) / 50, 0, 1)
history = {"epoch": np.arange(161.0), "train_accuracy": accuracy, "test_accuracy": accuracy}
history["mislabelled_accuracy"] = np.clip((np.arange(161.0) - 10) / 40, 0, 1)

def table(sharpness):
    block = np.arange(E) // 6
    S = np.exp(-sharpness * abs(block[:, None] - block))
    layout = pa.schema([*CKA.schema, *further([MEASURES["toy"]])])
    matrices = {"cka": S, "cka_debiased": S, "toy": S**2}
    parts = [
        pa.table(cka.columns(layer, depth, np.arange(E), epochs, matrices), layout)
        for depth, layer in enumerate(("stem", "a", "b", "norm"))
    ]
    return pa.concat_tables(parts).to_pandas()

none = pd.DataFrame({name: [] for name in SIMILARITY.names})
no_probes = pd.DataFrame({name: [] for name in ACCURACY.names})
parts = {"stem": "stem", "a": "body", "b": "body", "norm": "head"}
segments, scores = {}, {}
for optimizer, sharpness in (("sgd", 0.2), ("adam", 0.1)):
    for seed in (0, 1):
        cka_table = table(sharpness + seed / 100)
        similar = phases.trajectories(cka_table, none)
        segments[optimizer], rows, _ = phases.analyse(history, similar, no_probes, parts, Phases())
        scores[Run("vit", optimizer, seed)] = pd.DataFrame(rows, columns=phases.OF_SCORE)
frame, facts = claim_tests.values(scores), claim_tests.facts(scores)
tests = claim_tests.ClaimTests(frame, facts, {"sgd": "sgd", "adam": "adam"}, Findings(resamples=100))
contrast = Contrast(factor="optimizer", levels=("sgd", "adam"))
found = claim_tests.find(tests, [contrast], {}, {}, fits.of_study(tests))
findings, pairs, _ = claim_tests.tables_of(found, 0.95)

class Source:
    examples, features = 30, [5, 5]
    def read(self, e, start, stop):
        return np.random.default_rng(e).normal(size=(30, 5))[:, start:stop].astype("float32")
    def name(self, e):
        return str(e)

of_features = measured.similarities(Source(), [ChosenMeasure(name="toy")], 2**28).matrices

job = SimpleNamespace(study=SimpleNamespace(all_measures=MEASURES))

def says(figure):
    return any("a toy" in words.get_text() for words in figure.findobj(text.Text))

job = SimpleNamespace(study=SimpleNamespace(all_measures=MEASURES))
print(json.dumps({
    "segments": "toy" in set(segments["sgd"]["measure"]),
    "scores": sorted(frame[frame["measure"] == "toy"]["score"].unique()) ==
        sorted(frame[frame["measure"] == "cka"]["score"].unique()),
    "findings": findings[(findings["measure"] == "toy") & (findings["score"] == "novelty")]["estimate"].tolist(),
    "findings by CKA": findings[(findings["measure"] == "cka") & (findings["score"] == "novelty")]["estimate"].tolist(),
    "values": np.array_equal(of_features["toy"], of_features["cka"] ** 2),
    "pairs": bool((pairs["measure"] == "toy").any()),
    "figure phases": says(timelines.layers(segments["sgd"], MEASURES)),
    "figure synchrony": says(dynamics.synchrony(table(0.2), none, MEASURES)),
    "figure change": says(dynamics.change(table(0.2), none, MEASURES)),
    "figure findings": says(forest.forest(findings, pairs, MEASURES, primary=False)),
    "explorer": "toy" in {measure.name for measure in build.shown_measures(job, ())},
}))
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library with a further measure."""
    ignored = shutil.ignore_patterns("__pycache__")
    package = Path(shutil.copytree(provenance.PACKAGE, tmp_path / "repdyn", ignore=ignored))
    for name, (before, toy) in DIFF.items():
        text = (package / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, name
        (package / name).write_text(text.replace(before, toy + before), encoding="utf-8")
    return package


def test_a_further_measure_has_phases_findings_and_a_place_in_figures(library):
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=library.parent,
        env=os.environ | {"PYTHONPATH": str(library.parent), "MPLBACKEND": "agg"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    toy, cka = said.pop("findings"), said.pop("findings by CKA")
    assert toy[0] > cka[0] > 0, "the square tells blocks apart more sharply"
    assert all(said.values()), said


def test_the_diff_is_as_small_as_is_said():
    said = (provenance.PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files, lines = len(DIFF), sum(toy.count("\n") for _, toy in DIFF.values())
    assert f"{files} files, {lines} lines" in " ".join(said.split())
