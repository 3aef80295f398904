import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from tiny_stages import Array, Config, MakeJob

from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.regions import LABELS
from repdyn.records.regions_between import BETWEEN
from repdyn.regions import label_table
from repdyn.regions.label_table import RegionLabels
from repdyn.similarity import null
from repdyn.stages import regions_between
from repdyn.storage import tables

CLASSES, SIDE, LAYERS = 10, 3, ("stem", "output")
STEPS = {0: 0.0, 5: 1.0}
PLANES = {"test": 4, "clean": 3}
RUNS = list(itertools.product(("sgd", "adam"), (0, 1)))
pytestmark = pytest.mark.usefixtures("any_number_of_rows")

Labels = dict[tuple[int, str], Array]  # step, set -> (layers, planes, points)


@pytest.fixture
def make(make_job: MakeJob, config: Config) -> MakeJob:
    def job(stage: str, **changes: object) -> Job:
        changed = config | changes
        changed["archs"] = {"resnet": config["archs"]["resnet"]}
        return make_job(stage, changed, "resnet")

    return job


def store(
    make: MakeJob,
    run: tuple[str, int],
    steps: Mapping[int, float] | None = None,
    sets: Sequence[str] = tuple(PLANES),
    constant: bool = False,
) -> Labels:
    """Write labels of a run, drawn at random, half of them those of a common drawing, two planes in a row group."""
    job = make("regions")
    job = Job("regions", job.study, job.paths, job.study.run("resnet", *run))
    random, shared = np.random.default_rng([RUNS.index(run), 1]), np.random.default_rng(0)
    layout = label_table.layout(CLASSES, SIDE)
    stored = {}
    with tables.writer(job.path(LABELS), layout, job.metadata(LABELS)) as append:
        for step, epoch in (STEPS if steps is None else steps).items():
            for name in sets:
                shape = (len(LAYERS), PLANES[name], SIDE**2)
                own, common = (each.integers(0, CLASSES, shape) for each in (random, shared))
                labels = np.where(random.random(shape) < 0.5, own, common).astype(np.uint8)
                labels[:] = np.where(constant, 3, labels)
                stored[step, name] = labels
                for start in range(0, PLANES[name], 2):
                    numbers = np.arange(start, min(start + 2, PLANES[name]))
                    block = label_table.Block(step, epoch, name, numbers, labels[:, numbers])
                    append(block.columns(LAYERS, layout))
    return stored


def between(job: Job) -> pd.DataFrame:
    regions_between.main(job)
    found: pd.DataFrame = tables.read(*job.place(BETWEEN)).to_pandas()
    return found


def test_pairs_of_runs_agree_as_counted_point_by_point_and_on_no_other_planes_than_they_share(make: MakeJob) -> None:
    stored = {run: store(make, run) for run in RUNS}
    table = between(make("regions_between", comparisons={"permutations": 0}))
    pairs = {"test": set(itertools.product(RUNS, RUNS))}
    pairs["clean"] = {(one, other) for one, other in pairs["test"] if one[1] == other[1]}  # seeds draw these images
    keys = ["layer", "step", "planes", "optimizer_a", "seed_a", "optimizer_b", "seed_b"]
    assert set(table[keys].itertuples(index=False, name=None)) == {
        (layer, step, name, *one, *other)
        for layer, step, name in itertools.product(LAYERS, STEPS, PLANES)
        for one, other in pairs[name]
    }
    assert not table.duplicated(keys).any()
    for row in table.to_dict("records"):
        one, other = (
            stored[row[f"optimizer_{end}"], row[f"seed_{end}"]][row["step"], row["planes"]][row["depth"]].ravel()
            for end in "ab"
        )
        assert LAYERS[row["depth"]] == row["layer"]
        assert row["similarity"] == pytest.approx((one == other).mean(), abs=1e-12)
        assert row["kappa"] == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)
        assert row["epoch"] == STEPS[row["step"]]
    assert table[["similarity_p", "similarity_calibrated"]].isna().all(axis=None)


def test_p_is_among_permutations_of_whole_planes(make: MakeJob) -> None:
    stored = {run: store(make, run) for run in RUNS}
    table = between(make("regions_between", comparisons={"permutations": 999, "seed": 3}))
    orders = null.orders(PLANES["test"], 999, 3)
    assert len(orders) == 24, "all of four planes"
    of_test = table[(table["planes"] == "test") & (table["step"] == 5) & (table["layer"] == "output")]
    for row in of_test.to_dict("records"):
        ends = [(row[f"optimizer_{end}"], row[f"seed_{end}"]) for end in "ab"]
        one, other = (stored[run][5, "test"][1] for run in ends)
        if ends[0] == ends[1]:
            assert np.isnan(row["similarity_p"]) and np.isnan(row["similarity_calibrated"])
            continue
        values = np.array([(one == other[order]).mean() for order in orders])
        assert row["similarity_p"] == pytest.approx((values >= values[0] - 1e-9).mean(), abs=1e-12)
        threshold = sorted(values)[23 - 1]
        above = max(0.0, (values[0] - threshold) / (1 - threshold))
        assert row["similarity_calibrated"] == pytest.approx(above, abs=1e-12)


def test_a_budget_for_one_layer_at_a_time_gives_the_same_and_a_smaller_one_is_refused(make: MakeJob) -> None:
    for run in RUNS:
        store(make, run)
    job = make("regions_between", comparisons={"permutations": 23})
    labels = [RegionLabels(*job.place(LABELS, job.study.run("resnet", *run))) for run in RUNS]
    of_layer = len(RUNS) * PLANES["test"] * SIDE**2  # bytes

    def found(budget: float) -> list[tuple[Array, Array]]:
        return list(regions_between.against_null(labels, [5] * len(RUNS), "test", job.study.comparisons, budget))

    for one, other in zip(found(1e9), found(2 * of_layer), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(RepdynError, match=r"permute the planes of 4 runs takes .*permutations: 0"):
        found(2 * of_layer - 1)


def test_runs_that_give_everything_one_class_agree_and_have_no_kappa(make: MakeJob) -> None:
    for run in RUNS:
        store(make, run, constant=run[0] == "sgd")
    table = between(make("regions_between", comparisons={"permutations": 0}))
    both = (table["optimizer_a"] == "sgd") & (table["optimizer_b"] == "sgd")
    assert (table.loc[both, "similarity"] == 1).all()
    assert (table["kappa"].isna() == both).all()


def test_planes_that_only_some_runs_have_are_compared_among_these(make: MakeJob) -> None:
    for run in RUNS:
        store(make, run, sets=("test",) if run[1] == 1 else tuple(PLANES))
    table = between(make("regions_between", comparisons={"permutations": 0}))
    assert set(table.loc[table["planes"] == "clean", ["seed_a", "seed_b"]].itertuples(index=False, name=None)) == {
        (0, 0)
    }


def test_runs_with_other_checkpoints_are_compared_where_their_epochs_meet(make: MakeJob) -> None:
    stored = {
        run: store(make, run, {0: 0.0, 50: 10.0, 500: 100.0} if run[0] == "sgd" else {0: 0.0, 49: 9.8}) for run in RUNS
    }
    table = between(make("regions_between", comparisons={"permutations": 0}))
    of_first = [[0, 0], [50, 10]]
    assert table[["step", "epoch"]].drop_duplicates().to_numpy().tolist() == of_first
    row = table[(table["step"] == 50) & (table["optimizer_a"] == "sgd") & (table["optimizer_b"] == "adam")].iloc[0]
    one, other = stored["sgd", row["seed_a"]][50, row["planes"]], stored["adam", row["seed_b"]][49, row["planes"]]
    assert row["similarity"] == pytest.approx((one[row["depth"]] == other[row["depth"]]).mean(), abs=1e-12)
