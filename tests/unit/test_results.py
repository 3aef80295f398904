"""`repdyn.load`: a study's tables as data frames, from files that no study wrote."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import repdyn
from repdyn import results
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.stages import STAGES
from repdyn.config.runs import Run
from repdyn.errors import RepdynError
from repdyn.records.activations import ACTIVATIONS
from repdyn.records.cka import CKA
from repdyn.records.phases import SCORES
from repdyn.records.train import HISTORY
from repdyn.storage import tables

EPOCHS = [0.0, 1.0, 10.0]
RUNS = [Run(arch, "sgd", seed) for arch in ("vit", "resnet") for seed in (0, 2, 10)]


def write(paths, table, run, columns, layout=None):
    about = {"table": table.name, "stage": table.stage, "run": run.facts, "hyperparameters": {"seed": run.seed}}
    tables.write(table.path(paths, run.path), columns, layout or table.schema, about | {"code": "", "versions": {}})


def similarity(run, layer):
    """Any symmetric matrix that tells runs and layers apart."""
    number = RUNS.index(run) + (0.5 if layer == "head" else 0)
    return 1 - number / 10 * abs(np.subtract.outer([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])) / 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of a study with two architectures of different layers and three seeds."""
    root = tmp_path_factory.mktemp("results") / "made_up"
    paths = Paths(str(root))
    for run in RUNS:
        history = {name: np.zeros(3) for name in HISTORY.names} | {"epoch": EPOCHS, "step": [0, 10, 100]}
        write(paths, HISTORY, run, history)
        matrices = []
        for depth, layer in enumerate(("stem", "head")):
            a, b = np.meshgrid(EPOCHS, EPOCHS, indexing="ij")
            matrix = {"cka": similarity(run, layer).ravel(), "cka_debiased": np.zeros(9), "mine": np.ones(9)}
            keys = {"layer": layer, "depth": depth, "step_a": 10 * a.ravel().astype(int)}
            keys |= {"step_b": 10 * b.ravel().astype(int), "epoch_a": a.ravel(), "epoch_b": b.ravel()}
            matrices.append(pd.DataFrame(keys | matrix))
        columns = pa.Table.from_pandas(pd.concat(matrices), preserve_index=False)
        write(paths, CKA, run, columns, pa.schema([*CKA.schema, pa.field("mine", pa.float64())]))
        layers = [pa.field(layer, pa.list_(pa.float16(), 2)) for layer in (run.arch, "head")]
        numbers = {name: np.zeros(2) for name in ACTIVATIONS.names} | {"split": ["probe", "probe"]}
        some = {layer.name: [np.zeros(2, np.float16)] * 2 for layer in layers}
        write(paths, ACTIVATIONS, run, numbers | some, pa.schema([*ACTIVATIONS.schema, *layers]))
    return root


@pytest.fixture
def study(folder):
    return repdyn.load(folder)


def test_every_table_that_a_stage_writes_can_be_read():
    written = {place for stage in STAGES.values() for place in stage.writes}
    no_tables = {Paths.checkpoint, Paths.state, Paths.probe_weights}
    assert written - no_tables == {table.path for table in results.known().values()}


def test_it_lists_what_is_there(study, folder):
    assert study.tables == ["history", "activations", "cka"]
    assert repr(study) == f"Results({str(folder)!r}), with tables history, activations, cka"


def test_a_table_is_that_of_all_runs_with_the_run_in_plain_columns(study, folder):
    frame = study.table("history")
    assert list(frame) == ["arch", "optimizer", "seed", *HISTORY.names]
    assert [frame[name].dtype.kind for name in ("step", "seed")] == ["i", "i"]
    assert frame["arch"].tolist() == ["resnet"] * 9 + ["vit"] * 9
    assert frame["seed"].tolist() == 2 * ([0] * 3 + [2] * 3 + [10] * 3)
    keys = ["arch", "seed", "epoch"]
    of_pandas = pd.read_parquet(folder / "history").astype({"arch": str, "optimizer": str, "seed": int})
    pd.testing.assert_frame_equal(frame, of_pandas[list(frame)].sort_values(keys, ignore_index=True), check_dtype=False)


def test_some_runs_and_columns_are_read_alone(study, monkeypatch):
    opened = []
    of_file = tables.open_file
    monkeypatch.setattr(tables, "open_file", lambda path: opened.append(path) or of_file(path))
    frame = study.table("history", columns=["epoch"], arch="vit", seed=[0, 10])
    assert list(frame) == ["arch", "optimizer", "seed", "epoch"]
    assert sorted(set(frame["seed"])) == [0, 10] and set(frame["arch"]) == {"vit"}
    assert len(opened) == 2


def test_a_level_may_be_a_number_of_numpy(study):
    assert set(study.table("history", seed=np.int64(2))["seed"]) == {2}


def test_a_matrix_is_that_of_the_run_and_layer(study):
    found = study.matrix("cka", layer="head", arch="vit", seed=2)
    assert list(found.index) == list(found.columns) == EPOCHS
    np.testing.assert_array_equal(found.to_numpy(), similarity(Run("vit", "sgd", 2), "head"))
    assert (study.matrix("mine", layer="stem", arch="resnet", seed=0) == 1).all(axis=None)


def test_a_table_says_what_made_it(study):
    about = study.about("cka", arch="vit", seed=10)
    assert about["run"] == {"arch": "vit", "optimizer": "sgd", "seed": 10}
    assert about["hyperparameters"] == {"seed": 10}
    assert about["units"]["epoch_a"] == "epochs"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda study: study.table("hystory"), "There is no table `hystory`; did you mean `history`? There are: "),
        (lambda study: study.table(SCORES.name), "has no `phases/scores`, which the stage `phases` writes; there "),
        (lambda study: study.table("history", arch="vti"), "`history` has no arch `vti`; there are: resnet, vit."),
        (lambda study: study.table("history", sead=1), "`history` has no factor `sead`; there are: arch, optimizer, "),
        (lambda study: study.table("history", columns=["x"]), "`history` has no column `x`; there are: step, epoch"),
        (lambda study: study.table("activations"), "ask for some of them: `table('activations', arch='vit')`."),
        (lambda study: study.matrix("knn"), "has no measure `knn`; there are: cka, cka_debiased, mine."),
        (lambda study: study.matrix(seed=0), "`arch` is resnet, vit; say which: `matrix('cka', arch='resnet', …)`."),
        (lambda study: study.matrix(arch="vit", seed=0), "`layer` is stem, head; say which"),
        (lambda study: study.matrix(layer="norm"), "`cka` has no layer `norm`; there are: stem, head."),
        (lambda study: study.about("kca"), "did you mean `cka`?"),
        (lambda study: repdyn.load(study.folder.parent), "did you mean `{}`?"),
        (lambda study: repdyn.load(study.folder / "none"), "There is no folder `"),
        (lambda study: repdyn.load(study.folder / "cka"), "has no tables of a study; name one such as"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_sentence_with_what_is(study, ask, sentence):
    with pytest.raises(RepdynError) as raised:
        ask(study)
    assert sentence.format(study.folder) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_damaged_file_is_named(study, tmp_path):
    path = tmp_path / "history" / RUNS[0].path / "history.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes((study.folder / "history" / RUNS[0].path / "history.parquet").read_bytes()[:-100])
    with pytest.raises(RepdynError, match=r"`.*history/arch=vit/optimizer=sgd/seed=0/history.parquet` is"):
        repdyn.load(tmp_path).table("history")
