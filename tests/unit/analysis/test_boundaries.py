import numpy as np
import pandas as pd
import pytest
from simulated_kernels import EPOCHS, blocks, line, rows

from repdyn.analysis import boundaries, phases
from repdyn.catalogue.measures import MEASURES
from repdyn.records.phases import BOUNDARIES

NONE = rows(np.ones((30, 30)), "x", 0, "similarity", planes="test").iloc[:0]


def found(S, **others):
    """Boundaries of one layer with CKA S and further measures."""
    frame = rows(S, "a", 1, "cka")
    for name, other in others.items():
        frame[name] = other.ravel()
    return boundaries.of_run(phases.trajectories(frame, NONE, MEASURES), {"a": "body"})


def at(frame, measure, detector):
    (epoch,) = frame[(frame["measure"] == measure) & (frame["detector"] == detector)]["epoch"]
    return epoch


def test_all_detectors_find_a_clean_boundary_and_none_is_far_from_another():
    S = blocks((15, 15))
    frame = found(S, knn=S, rsa=S)
    boundary = np.sqrt(EPOCHS[14] * EPOCHS[15])
    for detector in ("segmentation", "novelty", "half"):
        assert at(frame, "cka", detector) == pytest.approx(boundary, rel=0.15)
    assert frame["from_measures"].max() < 1e-9
    assert frame[frame["detector"] != "stop"]["from_detectors"].max() < 0.2


def test_a_measure_that_sees_another_boundary_is_far_from_the_others():
    frame = found(blocks((15, 15)), knn=blocks((15, 15)), rsa=blocks((22, 8)))
    apart = frame[frame["detector"] == "segmentation"].set_index("measure")["from_measures"]
    decades = np.log10(EPOCHS[22] / EPOCHS[15])
    assert apart["rsa"] == pytest.approx(decades, abs=0.1)
    assert apart["cka"] == pytest.approx(decades / 2, abs=0.1)  # the median of none and of that


def test_half_of_an_even_drift_is_done_in_the_middle():
    position = phases.paths_in_time.positions(EPOCHS)
    assert at(found(line()), "cka", "half") == pytest.approx(10 ** position[[0, -1]].mean(), rel=0.2)


def test_the_table_has_a_row_for_each_detector_and_null_where_one_finds_nothing():
    frame = found(np.ones((30, 30)))
    assert list(frame.columns) == BOUNDARIES.names
    assert list(frame["detector"]) == list(boundaries.DETECTORS)
    assert np.isnan(at(frame, "cka", "half")) and np.isnan(at(frame, "cka", "stop"))
    assert frame["from_measures"].isna().all()
    few = pd.DataFrame(rows(np.ones((30, 30)), "a", 1, "cka"))
    few.loc[few["step_a"] > 14, "cka"] = np.nan
    assert boundaries.of_run(phases.trajectories(few, NONE), {"a": "body"}).empty
