from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repdyn.catalogue.paths import Paths
from repdyn.catalogue.plane_sets import SETS
from repdyn.config import study as studies
from repdyn.config.sections import Planes
from repdyn.config.study import Replicate
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.planes import PLANES
from repdyn.regions import planes
from repdyn.stages import planes as planes_stage
from repdyn.storage import tables


@pytest.fixture
def job(config, tmp_path):
    def make(data_changes=None, **changes):
        config["planes"] |= changes
        config["data"] |= data_changes or {}
        return Job("planes", studies.parse(config), Paths(str(tmp_path / "tiny")), Replicate(0))

    return make


def rows(job):
    planes_stage.main(job)
    return tables.read(*job.place(PLANES)).to_pandas()


def images_of(job, row):
    """The three images of a row, from the data set itself."""
    examples = subsets.load(job.study.data, job.data_root, 0)
    pool = examples.test if row.planes == "test" else examples.train
    where = {example: index for index, example in enumerate(pool.examples.tolist())}
    index = [where[example] for example in row.examples]
    return pool.inputs[index].reshape(3, -1), pool, index


def test_the_three_images_stand_where_their_coordinates_say(job):
    job = job()
    for row in rows(job).itertuples():
        images, _, _ = images_of(job, row)
        for k in range(3):
            np.testing.assert_allclose(row.origin + row.x[k] * row.a + row.y[k] * row.b, images[k], atol=1e-5)


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), d=st.integers(2, 20))
def test_axes_are_orthonormal_and_distances_are_kept(seed, d):
    images = np.random.default_rng(seed).normal(size=(3, d))
    found = planes.basis(images)
    assert found is not None
    a, b, x, y = found
    np.testing.assert_allclose([a @ a, b @ b, a @ b], [1, 1, 0], atol=1e-9)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(np.hypot(x[i] - x[j], y[i] - y[j]), np.linalg.norm(images[i] - images[j]))


def test_images_that_span_no_plane_are_rejected():
    u, v = np.random.default_rng(0).normal(size=(2, 5))
    assert planes.basis(np.stack([u, u, v])) is None
    assert planes.basis(np.stack([u, v, u])) is None
    assert planes.basis(np.stack([u, v, v])) is None
    assert planes.basis(np.stack([u, u + v, u - 3 * v])) is None


def test_the_grid_spans_the_bounding_box_and_its_margin():
    np.testing.assert_allclose(planes.span(np.array([0.0, 4.0, -1.0]), 0.1), [-1.5, 4.5])


def test_sets_hold_test_clean_and_mislabelled_images_of_distinct_true_classes(job):
    job = job(count=5)
    table = rows(job)
    assert table.planes.unique().tolist() == ["test", "clean", "mislabelled"]
    for row in table.itertuples():
        _, pool, index = images_of(job, row)
        np.testing.assert_array_equal(pool.labels[index], row.labels)
        assert len(set(row.labels)) == 3
        if row.planes != "test":
            np.testing.assert_array_equal(pool.mislabelled[index], row.planes == "mislabelled")


def test_classes_need_not_be_distinct_if_so_configured(job):
    table = rows(job(count=30, distinct_classes=False))
    assert any(len(set(labels)) < 3 for labels in table.labels)


@pytest.mark.parametrize("drawn_by", ["seed", "study"])
def test_seeds_share_planes_through_test_images_and_have_their_own_through_training_images(job, drawn_by):
    job = job({"drawn_by": drawn_by} | ({"common": None} if drawn_by == "study" else {}), count=5)
    through = []
    for seed in (0, 1):
        pool = planes.sets(subsets.load(job.study.data, job.data_root, seed))
        rows = [row for name in pool for row in planes.through(pool[name], name, job.study.planes)]
        through.append({name: [r["examples"].tolist() for r in rows if r["planes"] == name] for name in pool})
        assert {len(found) for found in through[-1].values()} == {6}
    same = [name for name in SETS if through[0][name] == through[1][name]]
    assert same == (["test"] if drawn_by == "seed" else list(SETS))


def test_planes_through_test_images_go_through_those_that_no_seed_trains_on(job):
    job = job(count=30)
    common = set(subsets.load(job.study.data, job.data_root, 0).common.examples.tolist())
    table = rows(job)
    used = {example for row in table[table.planes == "test"].itertuples() for example in row.examples.tolist()}
    assert used <= common and len(common) == 40 and len(used) > 20


def test_more_planes_contain_the_fewer(job):
    few, many = rows(job(count=3)), rows(job(count=6))
    few, many = (table[table.purpose == "scores"].set_index(["planes", "plane"]).examples for table in (few, many))
    for key, examples in few.items():
        np.testing.assert_array_equal(examples, many[key])


def test_no_two_planes_of_a_set_go_through_the_same_images(job):
    table = rows(job(count=40))
    table = table[table.purpose == "scores"]
    for _, part in table.groupby("planes"):
        assert len({frozenset(examples) for examples in part.examples}) == 40


def test_a_picture_shows_a_scored_plane_with_a_wider_margin(job):
    table = rows(job(pictures=2)).set_index(["purpose", "planes", "plane"])
    for name in SETS:
        score, picture = table.loc["scores", name, 1], table.loc["picture", name, 1]
        np.testing.assert_array_equal(score.examples, picture.examples)
        assert np.ptp(picture.x_range) > np.ptp(score.x_range)
        assert (score.resolution, picture.resolution) == (6, 8)


def test_without_wrong_labels_the_mislabelled_set_is_left_out_and_the_log_says_so(job, caplog):
    caplog.set_level("INFO", logger="repdyn")
    assert rows(job({"label_noise": 0.0})).planes.unique().tolist() == ["test", "clean"]
    assert "no training example is mislabelled" in caplog.text


def test_fewer_than_three_classes_are_named():
    images = np.random.default_rng(0).normal(size=(8, 1, 2, 2)).astype(np.float32)
    labels = np.arange(8) % 2
    examples = subsets.Examples(images, labels, labels, np.arange(8))
    chosen = Planes(count=1)
    with pytest.raises(RepdynError, match="the clean images have 2"):
        planes.through(examples, "clean", chosen)


def test_more_planes_than_there_are_triplets_are_refused():
    images = np.random.default_rng(0).normal(size=(4, 1, 2, 2)).astype(np.float32)
    labels = np.arange(4)
    examples = subsets.Examples(images, labels, labels, np.arange(4))
    chosen = Planes(count=5)
    with pytest.raises(RepdynError, match="asks for 5 planes, but only 4 were found through the 4 test images"):
        planes.through(examples, "test", chosen)


def test_reading_gives_grids_that_start_and_end_at_the_stored_ranges(job):
    job = job(count=3)
    table = rows(job)
    for found in planes.read(job.path(PLANES), "scores", job.origin(PLANES)):
        part = table[(table.purpose == "scores") & (table.planes == found.name)]
        assert len(found) == 3
        assert found.resolution == 6
        np.testing.assert_array_equal(found.x[:, [0, -1]], np.stack(part.x_range.to_list()))
        np.testing.assert_array_equal(found.y[:, [0, -1]], np.stack(part.y_range.to_list()))
        np.testing.assert_array_equal(found.b, np.stack(part.b.to_list()))


def test_two_runs_give_identical_bytes(job):
    job = job()
    planes_stage.main(job)
    before = Path(job.path(PLANES)).read_bytes()
    planes_stage.main(job)
    assert Path(job.path(PLANES)).read_bytes() == before
