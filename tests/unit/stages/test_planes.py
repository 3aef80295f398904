import numpy as np
import pytest
from tiny_stages import Config, MakeJob

from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.planes import PLANES
from repdyn.regions import planes as reading
from repdyn.stages import planes
from repdyn.storage import tables


@pytest.fixture
def make(make_job: MakeJob, config: Config) -> MakeJob:
    def of_seed(seed: int = 0, **sections: dict[str, object]) -> Job:
        changed = config | {name: config[name] | section for name, section in sections.items()}
        return make_job("planes", changed, seed=seed)

    return of_seed


def test_a_plane_goes_through_its_three_images_and_its_grid_holds_them(make: MakeJob) -> None:
    job = make()
    planes.main(job)
    examples = subsets.load(job.data, job.data_root, 0)
    wrong = examples.train.examples[examples.train.mislabelled].tolist()
    table = tables.read(*job.place(PLANES)).to_pandas()
    assert table.groupby(["purpose", "planes"]).size().to_dict() == {
        (purpose, name): count
        for purpose, count in (("picture", job.study.planes.pictures), ("scores", 2))
        for name in ("test", "clean", "mislabelled")
    }
    for row in table.to_dict("records"):
        pool = examples.common if row["planes"] == "test" else examples.train
        where = [pool.examples.tolist().index(example) for example in row["examples"]]
        assert pool.labels[where].tolist() == row["labels"].tolist()
        assert [example in wrong for example in row["examples"]] == [row["planes"] == "mislabelled"] * 3
        images = pool.inputs[np.array(where)].reshape(3, -1)
        on_plane = row["origin"] + np.outer(row["x"], row["a"]) + np.outer(row["y"], row["b"])
        np.testing.assert_allclose(on_plane, images, atol=1e-5)
        for axis in "xy":
            low, high = row[f"{axis}_range"]
            assert low < row[axis].min() and row[axis].max() < high
        assert row["resolution"] == {"scores": 6, "picture": 8}[row["purpose"]]


def test_what_is_written_is_read_as_sets_of_planes_with_even_grids(make: MakeJob) -> None:
    job = make()
    planes.main(job)
    path, wanted = job.place(PLANES)
    for name, chosen in zip(("test", "clean", "mislabelled"), reading.read(path, "scores", wanted), strict=True):
        assert (chosen.name, chosen.plane.tolist(), chosen.resolution) == (name, [0, 1], 6)
        np.testing.assert_allclose(np.diff(chosen.x, n=2, axis=1), 0, atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(chosen.a, axis=1), 1, atol=1e-6)
        np.testing.assert_allclose((chosen.a * chosen.b).sum(axis=1), 0, atol=1e-6)


def test_planes_through_test_images_are_the_same_for_all_seeds_and_those_of_training_images_are_not(
    make: MakeJob,
) -> None:
    found = {}
    for seed in (0, 1):
        job = make(seed)
        planes.main(job)
        table = tables.read(*job.place(PLANES)).to_pandas()
        found[seed] = {name: np.stack(part["origin"].to_list()) for name, part in table.groupby("planes")}
    assert {name for name in found[0] if np.array_equal(found[0][name], found[1][name])} == {"test"}


def test_without_wrong_labels_there_are_no_planes_of_them_and_the_log_says_so(
    make: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make(data={"label_noise": 0.0})
    with caplog.at_level("INFO"):
        planes.main(job)
    assert set(tables.read(*job.place(PLANES))["planes"].to_pylist()) == {"test", "clean"}
    assert caplog.messages == [
        "no training example is mislabelled, so there are no planes through mislabelled images",
        "2 planes through each of: test, clean",
    ]


def test_more_planes_than_there_are_triplets_are_refused_in_a_sentence(make: MakeJob) -> None:
    job = make(planes={"count": 30, "distinct_classes": False}, data={"label_noise": 0.05})
    with pytest.raises(RepdynError, match=r"asks for 30 planes, but only 20 were found through the 6 mislabelled"):
        planes.main(job)
