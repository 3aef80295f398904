import itertools

import duckdb
import numpy as np
import pandas as pd
import pytest
from made_of import check_pairs

from repdyn.analysis import claim_tests, pairing
from repdyn.analysis.pairing import Comparison
from repdyn.catalogue.events import EVENTS
from repdyn.config.sections import Contrast, Findings

FAMILIES = {"sgd-slow": "sgd", "sgd-fast": "sgd", "adam": "adam"}
SETTINGS = Findings(resamples=500)


def grid(missing=(), seeds=6):
    """One score of two architectures under three optimizers, some of the runs without it."""
    random = np.random.default_rng(0)
    rows = [
        (*run, np.nan if run in missing else random.normal())
        for run in itertools.product(("resnet", "vit"), FAMILIES, range(seeds))
    ]
    return pd.DataFrame(rows, columns=["arch", "optimizer", "seed", "value"])


def paired(frame, comparison):
    return pairing.pairs(pairing.with_levels(frame, FAMILIES), comparison)


def value(frame, *run):
    (found,) = frame[(frame[["arch", "optimizer", "seed"]] == list(run)).all(axis=1)]["value"]
    return found


def test_the_two_runs_of_a_pair_are_alike_in_everything_but_the_factor_and_have_their_values():
    frame = grid()
    found = paired(frame, Comparison("arch", "vit", "resnet"))
    assert len(found) == 3 * 6
    assert (found.arch_first == "vit").all() and (found.arch_second == "resnet").all()
    assert (found.optimizer_first == found.optimizer_second).all()
    for row in found.itertuples():
        assert row.value_first == value(frame, "vit", row.optimizer_first, row.seed)
        assert row.value_second == value(frame, "resnet", row.optimizer_second, row.seed)


def test_of_a_family_each_member_is_paired_and_their_mean_counts_as_one_difference():
    frame = grid()
    found = paired(frame, Comparison("optimizer", "sgd", "adam", level="vit"))
    assert len(found) == 2 * 6 and set(found.arch_first) == set(found.arch_second) == {"vit"}
    vit = frame[frame.arch == "vit"]
    by_family = vit.assign(family=vit.optimizer.map(FAMILIES)).pivot_table(
        index="seed", columns="family", values="value"
    )
    pd.testing.assert_series_equal(pairing.differences(found), by_family.sgd - by_family.adam, check_names=False)
    np.testing.assert_allclose(found.weight, 1 / (2 * 6))


def test_an_interaction_is_the_difference_of_the_differences_over_seeds_that_have_both():
    frame = grid(missing={("vit", "adam", 2), ("resnet", "sgd-fast", 3)})
    found = paired(frame, Comparison("optimizer", "sgd", "adam", level="vit", level_second="resnet"))
    at = {
        arch: pairing.differences(paired(frame, Comparison("optimizer", "sgd", "adam", level=arch)))
        for arch in ("vit", "resnet")
    }
    expected = (at["vit"] - at["resnet"]).dropna()
    assert list(expected.index) == [0, 1, 3, 4, 5]
    pd.testing.assert_series_equal(pairing.differences(found), expected, check_names=False)
    weighted = (found.weight * (found.value_first - found.value_second)).sum()
    assert weighted == pytest.approx(expected.mean())


def test_weights_are_those_of_a_mean_over_seeds_of_means_where_pairs_are_missing():
    frame = grid(missing={("vit", "sgd-slow", 0), ("vit", "adam", 1)})
    found = paired(frame, Comparison("optimizer", "sgd", "adam", level="vit"))
    d = pairing.differences(found)
    assert found.groupby("seed").size().to_dict() == {0: 1, 2: 2, 3: 2, 4: 2, 5: 2}
    weighted = (found.weight * (found.value_first - found.value_second)).sum()
    assert weighted == pytest.approx(d.mean())
    assert (found.value_first - found.value_second).mean() != pytest.approx(weighted)
    assert found.weight.sum() == pytest.approx(1)


def test_a_level_alone_is_held_against_nothing_but_0():
    frame = grid(missing={("vit", "adam", 3)})
    found = paired(frame, Comparison("arch", "vit"))
    assert len(found) == 3 * 6 - 1
    assert found[["arch_second", "optimizer_second"]].isna().all(axis=None)
    assert (found.value_second == 0).all()


def test_no_pair_is_an_empty_table_of_the_same_columns():
    for comparison in (Comparison("arch", "vit", "mlp"), Comparison("arch", "mlp")):
        found = paired(grid(), comparison)
        assert found.empty and list(found) == pairing.COLUMNS
        assert pairing.differences(found).empty


def test_there_is_no_factor_but_those():
    with pytest.raises(KeyError, match="depth"):
        paired(grid(), Comparison("depth", "1", "2"))


def simulated():
    """Findings and pairs of a study in which scores, measures and values are missing here and there."""
    random = np.random.default_rng(1)
    scores = ("novelty", "synchrony_beyond", "change_memorization", "distinguishability_2")
    runs = list(itertools.product(("resnet", "vit"), FAMILIES, range(4)))
    values = pd.DataFrame(
        [
            (*run, measure, score, np.nan if random.random() < 0.2 else random.normal())
            for run, measure, score in itertools.product(runs, ("cka", "regions:test"), scores)
        ],
        columns=["arch", "optimizer", "seed", "measure", "score", "value"],
    )
    facts = pd.DataFrame(runs, columns=["arch", "optimizer", "seed"]).assign(
        **dict.fromkeys(EVENTS, 9.0), test_accuracy_best=random.uniform(size=len(runs))
    )
    facts["perfect_fit_first"] = random.uniform(5, 50, len(runs))
    contrasts = [
        Contrast(factor="optimizer", levels=("sgd", "adam")), Contrast(factor="arch", levels=("vit", "resnet")),
    ]  # fmt: skip
    tests = claim_tests.ClaimTests(values, facts, FAMILIES, SETTINGS)
    findings, pairs, _ = claim_tests.tables_of(claim_tests.find(tests, contrasts, {}, {}), 0.95)
    return values, (findings, pairs)


def test_every_estimate_of_a_simulated_study_is_the_mean_of_its_pairs():
    _, (found, made_of) = simulated()
    assert set(found["factor"].dropna()) == {"arch", "optimizer"}
    assert {"equal_speed", "best_accuracy"} == set(found["matching"].dropna())
    check_pairs(found, made_of)


def test_one_query_leads_from_a_finding_to_the_scores_of_its_two_runs():
    scores, (of_claims, made_of) = simulated()
    database = duckdb.connect()
    for name, table in (("scores", scores), ("findings", of_claims), ("pairs", made_of)):
        database.register(name, table)
    found = database.sql(
        """
        SELECT f.estimate, p.weight, p.value_first, p.value_second, a.value AS first, b.value AS second
        FROM findings AS f
        JOIN pairs AS p ON
            (f.claim, f.measure, f.score, f.factor, f.first, f.second, f.level, f.level_second, f.matching)
            IS NOT DISTINCT FROM (p.claim, p.measure, p.score, p.factor, p.first, p.second, p.level, p.level_second,
                p.matching)
        JOIN scores AS a ON (a.arch, a.optimizer, a.seed, a.measure, a.score)
            = (p.arch_first, p.optimizer_first, p.seed, p.measure, p.score)
        JOIN scores AS b ON (b.arch, b.optimizer, b.seed, b.measure, b.score)
            = (p.arch_second, p.optimizer_second, p.seed, p.measure, p.score)
        WHERE f.matching = 'equal_speed' AND f.score = 'novelty' AND f.measure = 'cka' AND f.level = 'vit'
            AND f.level_second IS NULL
        """
    ).df()
    assert len(found) > 2
    assert (found["value_first"] == found["first"]).all() and (found["value_second"] == found["second"]).all()
    weighted = (found["weight"] * (found["first"] - found["second"])).sum()
    assert found["estimate"].unique() == pytest.approx([weighted])


def with_data(levels=("clean", "noisy"), seeds=6):
    """The grid on several levels of the data."""
    random = np.random.default_rng(1)
    return pd.concat([grid(seeds=seeds).assign(data=level) for level in levels], ignore_index=True).assign(
        value=lambda frame: random.normal(size=len(frame))
    )


def test_data_are_paired_as_any_factor_at_levels_of_both_others():
    frame = with_data()
    at = Comparison("data", "noisy", "clean", level="vit", held="optimizer", held_level="sgd")
    assert at.other == "arch"
    found = paired(frame, at)
    assert len(found) == 2 * 6 and set(found.data_first) == {"noisy"} and set(found.data_second) == {"clean"}
    assert (found.optimizer_first == found.optimizer_second).all() and set(found.arch_first) == {"vit"}
    wide = frame[(frame.arch == "vit") & (frame.optimizer != "adam")].pivot_table(
        index="seed", columns="data", values="value"
    )
    pd.testing.assert_series_equal(pairing.differences(found), wide.noisy - wide.clean, check_names=False)


def test_runs_of_different_data_are_never_paired_unless_data_are_the_factor():
    found = paired(with_data(), Comparison("arch", "vit", "resnet", level="adam"))
    assert len(found) == 2 * 6 and (found.data_first == found.data_second).all()


def test_an_interaction_with_data_is_the_difference_of_differences():
    frame = with_data()
    across = Comparison("optimizer", "sgd", "adam", "noisy", "clean", other="data", held="arch", held_level="vit")
    found = pairing.differences(paired(frame, across))
    parts = [
        pairing.differences(
            paired(frame, Comparison("optimizer", "sgd", "adam", level="vit", held="data", held_level=level))
        )
        for level in ("noisy", "clean")
    ]
    np.testing.assert_allclose(found, parts[0] - parts[1])


def test_every_contrast_is_tested_at_each_combination_of_the_other_factors_and_each_interaction_once():
    frame = with_data().assign(measure="cka", score="distinguishability_2")
    facts = frame[["arch", "optimizer", "data", "seed"]].drop_duplicates()
    facts = facts.assign(**dict.fromkeys(EVENTS, 5.0), test_accuracy_best=0.9)
    tests = claim_tests.ClaimTests(frame, facts, {name: name for name in FAMILIES}, SETTINGS)
    contrasts = [
        Contrast(factor="optimizer", levels=("sgd-slow", "adam")),
        Contrast(factor="arch", levels=("vit", "resnet")),
        Contrast(factor="data", levels=("noisy", "clean")),
    ]
    found = claim_tests.find(tests, contrasts, {}, {})
    of_levels = [finding.comparison for finding in found if finding.primary and finding.claim.test == "levels"]
    of_claim = of_levels[: len(of_levels) // 3]
    assert len(set(of_claim)) == len(of_claim)
    plain = [each for each in of_claim if each.level_second is None]
    assert {each.factor: sum(e.factor == each.factor for e in plain) for each in plain} == {
        "optimizer": 2 * 2, "arch": 3 * 2, "data": 2 * 3,
    }  # fmt: skip
    interactions = [(each.factor, each.other, each.held_level) for each in of_claim if each.level_second is not None]
    assert sorted(interactions) == sorted(
        [("optimizer", "arch", level) for level in ("clean", "noisy")]
        + [("optimizer", "data", level) for level in ("resnet", "vit")]
        + [("arch", "data", level) for level in FAMILIES]
    )
