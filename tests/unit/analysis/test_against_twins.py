from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated_studies import EVENT, study

from repdyn.analysis import against_twins, counterfactual, descent, phases, twins
from repdyn.catalogue.events import MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED, SECOND_DESCENT_END, TEST_DIP
from repdyn.catalogue.scores import CHANGE_BEYOND_SHIFTED, TREND_BEYOND_SHIFTED
from repdyn.config.sections import Findings

FACTS = {MEMORIZATION_ONSET: 9.0, PERFECT_FIT_SUSTAINED: 30.0, TEST_DIP: 15.0, SECOND_DESCENT_END: 40.0}
OF_TWIN = {PERFECT_FIT_SUSTAINED: 14.0}
SCORES = [CHANGE_BEYOND_SHIFTED, TREND_BEYOND_SHIFTED]


@pytest.fixture(scope="module")
def bodies():
    """The layers of a few runs under three measures."""
    simulated = study(replace(EVENT, noise=0.01), np.random.default_rng(0), 4, fits=(20.0,))
    found = []
    for run in range(len(simulated)):
        cka = simulated.cka(run).assign(cka_debiased=lambda frame: frame["cka"] ** 2)
        found.append(list(phases.trajectories(cka, cka.iloc[:0].assign(planes="test", similarity=1.0))))
    return found


def test_each_measure_and_score_has_a_row_for_each_shift(bodies):
    run, twin, *_ = bodies
    table = against_twins.of_run(run, twin, 6, FACTS, OF_TWIN)
    assert list(table.columns) == against_twins.COLUMNS
    assert table.groupby(["measure", "score"], sort=False)["shift"].apply(list).to_dict() == {
        (measure, score): list(twins.SHIFTS) for measure in ("cka", "cka_debiased") for score in SCORES
    }
    np.testing.assert_allclose(table["difference"], table["run"] - table["twin"])
    layers = [{t.layer: (t.S, t.epochs) for t in side if t.measure == "cka"} for side in (run, twin)]
    change = counterfactual.counterfactual(*layers, 9.0, 30.0, 14.0)
    speeds = [descent.speeds([t for t in side if t.measure == "cka"], 6) for side in (run, twin)]
    steeper = descent.steeper(*speeds, 15.0, 40.0, 30.0, 14.0)
    of_cka = table[table["measure"] == "cka"].set_index("score")["difference"]
    assert of_cka[CHANGE_BEYOND_SHIFTED].tolist() == pytest.approx(change.differences)
    assert of_cka[TREND_BEYOND_SHIFTED].tolist() == pytest.approx(steeper.differences)


def test_events_that_did_not_take_place_are_reasons_and_a_measure_of_one_run_alone_is_left_out(bodies):
    run, twin, *_ = bodies
    table = against_twins.of_run(run, twin, 6, FACTS | {MEMORIZATION_ONSET: np.nan, TEST_DIP: None}, OF_TWIN)
    assert table["difference"].isna().all()
    assert set(table["reason"]) == {"no onset of memorization", "no dip of test accuracy"}
    one = [t for t in twin if t.measure == "cka"]
    assert set(against_twins.of_run(run, one, 6, FACTS, OF_TWIN)["measure"]) == {"cka"}
    assert list(against_twins.of_run(run, [], 6, FACTS, OF_TWIN).columns) == against_twins.COLUMNS


def table(differences, score=CHANGE_BEYOND_SHIFTED):
    columns = {"measure": "cka", "score": score, "shift": twins.SHIFTS, "difference": differences}
    return pd.DataFrame(columns | {"run": 1.0, "twin": 0.0, "reason": None})


def test_a_cell_has_the_seeds_differences_at_the_same_epochs_and_the_test_over_shifts():
    random = np.random.default_rng(0)
    differences = random.normal(1, 0.1, (6, 5))
    differences[:, 3] -= 0.5
    (found,) = against_twins.of_cell({seed: table(d) for seed, d in enumerate(differences)}, Findings()).values()
    assert found.same_epochs == pytest.approx(dict(enumerate(differences[:, 0])))
    assert found.shifted == twins.test(differences, 0.95, 10_000, 0)
    assert found.shifted.shift == 0.75
    assert found.of_seeds == pytest.approx(dict(enumerate(differences[:, 3])))
    assert np.mean(list(found.of_seeds.values())) == pytest.approx(found.shifted.estimate)


def test_a_seed_without_a_shift_counts_at_the_same_epochs_alone():
    runs = {0: table([1.0, 1, 1, 1, 1]), 1: table([2.0, 1, 1, np.nan, 1]), 2: table([np.nan] * 5)}
    (found,) = against_twins.of_cell(runs, Findings()).values()
    assert found.same_epochs == {0: 1.0, 1: 2.0}
    assert found.shifted.n_seeds == 1
    assert found.of_seeds == {0: 1.0}


def test_without_any_difference_a_cell_has_nothing():
    (found,) = against_twins.of_cell({0: table([np.nan] * 5)}, Findings()).values()
    assert (found.same_epochs, found.of_seeds, found.shifted.p_value) == ({}, {}, None)
