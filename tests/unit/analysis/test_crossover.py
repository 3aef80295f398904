import numpy as np
import pandas as pd
import pytest

from repdyn.analysis import crossover, phases
from repdyn.config.study import Run

AT = np.linspace(-0.5, 2, 26)  # decades of epochs


def moments(peak, layers=("stem", "a", "b", "output"), width=0.3, measure="cka"):
    """Novelty, and alignment, that are largest at an epoch, the same in every layer."""
    height = np.exp(-(((AT - np.log10(peak)) / width) ** 2))
    novelty = np.where((np.arange(26) < 3) | (np.arange(26) > 22), np.nan, height)
    parts = [
        {"layer": layer, "depth": i, "measure": measure, "epoch": 10**AT, "novelty": novelty, "alignment": height}
        for i, layer in enumerate(layers)
    ]
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)


def runs(*optimizers, arch="vit", seed=0):
    return [Run(arch, optimizer, seed) for optimizer in optimizers]


def found(frames, fitted):
    values = crossover.values(frames, fitted)
    return {(row.optimizer, row.score): row.value for row in values.itertuples()}


def test_change_at_each_runs_own_perfect_fit_is_told_from_change_at_that_of_others():
    sgd, adam = runs("sgd", "adam")
    values = found({sgd: moments(10.0), adam: moments(40.0)}, {sgd: 10.0, adam: 40.0})
    assert min(values.values()) > 0.5
    assert set(values) == {(name, f"{score}_own") for name in ("sgd", "adam") for score in ("transition", "alignment")}


def test_change_that_peaks_at_the_same_moment_in_all_runs_cancels_wherever_they_fit():
    random = np.random.default_rng(0)
    for _ in range(20):
        sgd, adam = runs("sgd", "adam")
        fitted = dict(zip((sgd, adam), 10 ** random.uniform(0.5, 1.2, size=2), strict=True))
        values = found({sgd: moments(8.0), adam: moments(8.0)}, fitted)
        for score in ("transition_own", "alignment_own"):
            assert values["sgd", score] == pytest.approx(-values["adam", score], abs=1e-12)


def test_a_limit_change_that_is_later_in_slower_runs_counts_even_if_it_peaks_at_half_their_fit():
    sgd, adam = runs("sgd", "adam")
    fitted = {sgd: 16.0, adam: 40.0}
    for share, sign in ((0.5, 1), (0.1, -1)):
        values = found({run: moments(share * epoch) for run, epoch in fitted.items()}, fitted)
        assert sign * (values["sgd", "transition_own"] + values["adam", "transition_own"]) > 0.2


def test_moments_in_the_middle_lead_without_a_reason_but_not_beyond_those_of_other_runs():
    """Change peaks at epoch 8 whatever happens; runs fit around then."""
    random = np.random.default_rng(1)
    against_all, against_others = [], []
    for seed in range(200):
        group = runs("a", "b", "c", seed=seed)
        frames = {run: moments(8.0, layers=("stem", "a")) for run in group}
        fitted = {run: 10 ** random.normal(0.9, 0.2) for run in group}
        values = crossover.values(frames, fitted)
        against_others.append(values.loc[values.score == "transition_own", "value"].mean())
        novel = frames[group[0]].query("layer == 'a'").dropna()
        at, novelty = np.log10(novel["epoch"].to_numpy()), novel["novelty"].to_numpy()
        against_all += [phases.lead(novelty, at, epoch) for epoch in fitted.values()]
    assert np.mean([lead for lead in against_all if lead is not None]) > 0.3
    assert abs(np.mean(against_others)) < 1e-9


def test_runs_are_crossed_within_architecture_and_seed_over_inner_layers_only():
    (sgd,), (adam,), (later,) = runs("sgd"), runs("adam", arch="resnet"), runs("adam", seed=1)
    frames = {sgd: moments(10.0), adam: moments(10.0), later: moments(10.0)}
    assert crossover.values(frames, {sgd: 10.0, adam: 40.0, later: 40.0}).empty
    sgd, adam = runs("sgd", "adam")
    one = moments(10.0)
    moved = one.assign(novelty=one.novelty.where(~one.layer.isin(["stem", "output"]), -one.novelty))
    pair = {sgd: 10.0, adam: 40.0}
    assert found({sgd: one, adam: one}, pair) == found({sgd: moved, adam: moved}, pair)


def test_a_run_that_never_fits_or_fits_outside_the_axis_crosses_none():
    sgd, adam = runs("sgd", "adam")
    frames = {sgd: moments(10.0), adam: moments(10.0)}
    assert crossover.values(frames, {sgd: 10.0}).empty
    assert crossover.values(frames, {sgd: 10.0, adam: 5000.0}).empty
    assert crossover.values({}, {}).columns.tolist() == list(crossover.COLUMNS)
