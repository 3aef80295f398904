"""The calibration of tests/benchmarks/calibration.py in small: thresholds that a broken definition fails."""

from dataclasses import replace

import numpy as np
import pytest
import simulated_studies as simulated
from simulated_studies import at_most

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


@pytest.mark.parametrize("seeds", [6, 8])
def test_layers_are_found_to_change_in_synchrony_only_if_they_do(seeds):
    found, mean = simulated.synchrony_found(simulated.TIMES[0.0], studies=200, seeds=seeds)
    assert found <= at_most(200)
    assert abs(mean) < 0.03
    found, mean = simulated.synchrony_found(simulated.TIMES[0.6], studies=60, seeds=seeds)
    assert mean > 0.1
    assert found >= (0.8 if seeds == 8 else 0.6)


def test_synchrony_is_found_to_differ_between_cells_only_if_it_does():
    little, some, much = simulated.TIMES.values()
    same = replace(much, common=1.0)
    assert simulated.synchrony_differs((some, 4), (some, 6), 100, 8) <= at_most(100)
    assert simulated.synchrony_differs((little, 4), (same, 4), 40, 8) >= 0.8


def test_contrasts_of_phases_are_decided_only_where_there_are_blocks():
    bell, waves = (simulated.DRIFTS[f"drift, {pace}"] for pace in ("bell 10 : 1", "two waves"))
    blocks = simulated.BLOCKS["2 blocks, 0.2 of variance"]
    cells = (("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"))
    alike = dict.fromkeys(cells, bell)
    apart = dict(zip(cells, (blocks, blocks, waves, waves), strict=True))
    assert simulated.contrasts_found(alike, 12, 6)[0] <= 0.1
    any_of, right = simulated.contrasts_found(apart, 6, 6)
    assert any_of == 1.0
    assert right >= 0.8


@pytest.mark.parametrize("seeds", [6, 8])
@pytest.mark.parametrize("law", ["normal", "uniform", "heavy (t of 3)"])
def test_intervals_cover_the_centre_of_a_symmetric_law(law, seeds):
    mean, median = simulated.covered(law, seeds, studies=2000)
    assert 0.93 <= mean <= 0.985
    assert mean == median


def test_the_tables_of_a_simulated_study_are_those_that_are_analysed():
    study = simulated.study(simulated.EVENT, np.random.default_rng(0), seeds=1, event="at the fit")
    cka = study.cka(0)
    none = cka.iloc[:0].assign(planes="test", similarity=1.0)
    probes = cka.iloc[:0].assign(epoch=1.0, split="similarity", true_accuracy=1.0)
    similar = phases.trajectories(cka, none)
    _, rows, _ = phases.analyse(study.history(0), similar, probes, study.parts(), Phases())
    scores = {name: value for layer, *_, name, value in rows if layer is None}
    assert scores["perfect_fit_sustained"] == pytest.approx(study.fits[0], rel=0.05)
    assert scores["stop_epoch"] == pytest.approx(simulated.stops_of(study)[0])
