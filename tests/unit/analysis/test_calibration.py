"""The calibration of tests/benchmarks/calibration.py in small: thresholds that a broken definition fails."""

import numpy as np
import pytest
import simulated_studies as simulated

from repdyn.analysis import phases
from repdyn.config.sections import Phases

LAYERS = 60


@pytest.mark.parametrize("name", [name for name in simulated.DRIFTS if name != "walk in 3 directions"])
def test_drift_and_noise_have_one_phase(name):
    share, two, three = simulated.phases_found(simulated.DRIFTS[name], LAYERS)
    assert share <= 0.07
    assert abs(two) < 0.015
    assert abs(three) < 0.015


@pytest.mark.parametrize(
    "name", [name for name, law in simulated.BLOCKS.items() if law.share == 0.2 and "walk" not in name]
)
def test_blocks_of_a_fifth_of_the_variance_are_found(name):
    share, _, three = simulated.phases_found(simulated.BLOCKS[name], LAYERS)
    assert share >= 0.8
    assert three > 0.1


@pytest.mark.parametrize("event", simulated.EVENTS)
def test_change_is_found_to_stop_at_perfect_fit_only_if_it_does(event):
    found, also, _ = simulated.transitions_found(event, studies=10, seeds=6)
    if event == "at the fit":
        assert found >= 0.8
    else:
        assert also <= 0.1


def test_the_tables_of_a_simulated_study_are_those_that_are_analysed():
    study = simulated.study(simulated.EVENT, np.random.default_rng(0), seeds=1, event="at the fit")
    cka = study.cka(0)
    none = cka.iloc[:0].assign(planes="test", similarity=1.0)
    probes = cka.iloc[:0].assign(epoch=1.0, split="similarity", true_accuracy=1.0)
    _, rows, _ = phases.analyse(study.history(0), cka, none, probes, study.parts(), Phases())
    scores = {name: value for layer, *_, name, value in rows if layer is None}
    assert scores["perfect_fit_sustained"] == pytest.approx(study.fits[0], rel=0.05)
    assert scores["stop_epoch"] == pytest.approx(simulated.stops_of(study)[0])
