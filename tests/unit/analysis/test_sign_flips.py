"""Sign flips against enumeration, the literature's closed forms, and studies in which nothing is to be found."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from repdyn.analysis import sign_flips


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_the_p_value_is_that_of_all_sign_flips_of_the_mean(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    means = [np.mean(d * signs) for signs in itertools.product((1, -1), repeat=n)]
    expected = np.mean(np.abs(means) >= abs(d.mean()) - 1e-12)
    assert sign_flips.p_value(d, 1000, 0) == pytest.approx(expected)
    scipys = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flips.p_value(d, 1000, 0) == pytest.approx(scipys.pvalue)


def test_random_flips_of_many_seeds_are_near_the_exact_share_and_count_the_observed_one():
    d = np.random.default_rng(0).normal(0.4, 1, 16)
    means = np.abs(np.array(list(itertools.product((1.0, -1.0), repeat=16))) @ d)
    exact = (means >= abs(d.sum()) - 1e-12).mean()
    assert sign_flips.p_value(d, 20_000, 0) == pytest.approx(exact, abs=0.01)
    assert sign_flips.p_value(np.full(20, 1.0), 1000, 0) >= 1 / 1000


@pytest.mark.parametrize(("confidence", "least"), [(0.95, 6), (0.9, 5), (0.99, 8), (0.75, 3), (0.51, 3)])
def test_the_least_number_of_seeds_is_the_first_whose_smallest_p_is_small_enough(confidence, least):
    assert sign_flips.least_seeds(confidence) == least
    assert 2 / 2**least <= 1 - confidence < 2 / 2 ** (least - 1)
    assert sign_flips.interval(np.arange(least - 1.0), confidence, 1000, 0) is None


@pytest.mark.parametrize("n", [6, 8])
def test_the_interval_holds_exactly_what_the_test_does_not_reject(n):
    d = np.random.default_rng(n).normal(size=n)
    low, high = sign_flips.interval(d, 0.95, 1000, 0)
    inside = np.linspace(low + 1e-6, high - 1e-6, 50)
    outside = [low - 1e-6, low - 1.0, high + 1e-6, high + 1.0]
    assert all(sign_flips.p_value(d - centre, 1000, 0) > 0.05 for centre in inside)
    assert all(sign_flips.p_value(d - centre, 1000, 0) <= 0.05 for centre in outside)


@pytest.mark.parametrize(("n", "covered"), [(6, 1 - 2 / 64), (8, 1 - 12 / 256)])
@pytest.mark.parametrize("law", ["normal", "uniform", "heavy"])
def test_intervals_cover_the_centre_of_symmetric_laws_as_often_as_hartigan_says(n, covered, law):
    random = np.random.default_rng(0)
    draw = {
        "normal": lambda: random.normal(size=n),
        "uniform": lambda: random.uniform(-1, 1, n),
        "heavy": lambda: random.standard_t(2, n),
    }[law]
    ends = [sign_flips.interval(draw(), 0.95, 1000, 0) for _ in range(2000)]
    share = np.mean([low <= 0 <= high for low, high in ends])
    assert share == pytest.approx(covered, abs=4 * np.sqrt(covered * (1 - covered) / 2000))


def test_the_interval_of_many_seeds_agrees_with_students():
    d = np.random.default_rng(0).normal(1, 1, 40)
    ends = stats.t.interval(0.95, 39, d.mean(), stats.sem(d))
    np.testing.assert_allclose(sign_flips.interval(d, 0.95, 50_000, 0), ends, atol=0.02)


def contrasts(random, n, rows, shared=0.0):
    common = random.normal(size=(n, 1))
    values = np.sqrt(1 - shared) * random.normal(size=(n, rows)) + np.sqrt(shared) * common
    return [pd.Series(values[:, row], index=range(n)) for row in range(rows)]


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_of_contrasts_without_effect_one_or_more_is_called_in_at_most_one_study_in_twenty(shared):
    random = np.random.default_rng(0)
    least = [min(sign_flips.adjusted(contrasts(random, 8, 12, shared), 1000, 0)) for _ in range(400)]
    assert np.mean(np.array(least) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    unadjusted = [min(sign_flips.p_value(d.to_numpy(), 1000, 0) for d in contrasts(random, 8, 12)) for _ in range(100)]
    assert np.mean(np.array(unadjusted) <= 0.05) > 0.3, "without adjustment it is many"


def test_a_strong_effect_is_called_beside_others_and_copies_of_a_contrast_cost_nothing():
    random = np.random.default_rng(1)
    strong = pd.Series(5 + random.normal(size=8), index=range(8))
    found = sign_flips.adjusted([*contrasts(random, 8, 11), strong], 1000, 0)
    assert found[-1] <= 0.05
    assert sign_flips.adjusted([strong] * 12, 1000, 0) == [sign_flips.p_value(strong.to_numpy(), 1000, 0)] * 12


def test_adjusted_p_values_are_those_of_the_step_down_procedure_written_out():
    """Westfall & Young (1993), algorithm 4.1, with loops."""
    random = np.random.default_rng(2)
    d = contrasts(random, 6, 4)
    d[1] = d[1] + 2

    def statistics(signs):
        return np.array([abs((x * signs).sum()) / np.sqrt((x**2).sum()) for x in d])

    observed = statistics(np.ones(6))
    order = list(np.argsort(-observed))
    expected, before = np.zeros(4), 0.0
    for place, contrast in enumerate(order):
        rest = order[place:]
        hits = [
            statistics(np.array(signs))[rest].max() >= observed[contrast] - 1e-12
            for signs in itertools.product((1, -1), repeat=6)
        ]
        before = expected[contrast] = max(before, np.mean(hits))
    np.testing.assert_allclose(sign_flips.adjusted(d, 1000, 0), expected)


def test_contrasts_may_lack_seeds_and_have_no_difference_at_all():
    d = contrasts(np.random.default_rng(0), 8, 3)
    d[1] = d[1].drop([2, 5])
    d[2] = d[2] * 0
    found = sign_flips.adjusted(d, 1000, 0)
    assert all(0 < p <= 1 for p in found)
    assert found[2] == 1
    assert sign_flips.adjusted([], 1000, 0) == []


def test_holms_p_values():
    assert sign_flips.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert sign_flips.holm([0.9, 0.8]) == [1.0, 1.0]
    assert sign_flips.holm([]) == []


def test_one_sided_flips_are_exact_and_of_many_seeds_random():
    assert sign_flips.p_above(np.array([1.0, 2.0, 3.0]), 1000, 0) == 1 / 8
    assert sign_flips.p_above(np.array([-1.0, 2.0, 3.0]), 1000, 0) == 2 / 8
    assert sign_flips.p_above(np.zeros(4), 1000, 0) == 1
    d = np.random.default_rng(0).normal(0.4, 1, 40)
    assert sign_flips.p_above(d, 20_000, 0) == pytest.approx(
        stats.ttest_1samp(d, 0, alternative="greater").pvalue, abs=0.01
    )
