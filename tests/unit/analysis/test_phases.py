from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from simulated_kernels import EPOCHS, STEPS, blocks, kernel, line, rows

from repdyn.analysis import phases
from repdyn.catalogue.events import EVENTS, INTERVENTION
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.scores import SCORES as DECLARED
from repdyn.config.sections import Phases
from repdyn.errors import RepdynError
from repdyn.records.cka import CKA
from repdyn.records.layers import LAYERS
from repdyn.records.phases import SCORES
from repdyn.records.probes import ACCURACY as PROBED
from repdyn.records.regions import SIMILARITY
from repdyn.records.train import HISTORY
from repdyn.stages import phases as phases_stage
from repdyn.storage import tables
from repdyn.storage.origin import Origin


def parts(*frames):
    """Every layer of some tables is of the body, but those that are called stem or output."""
    return {layer: layer if layer in ("stem", "output") else "body" for frame in frames for layer in frame["layer"]}


# Probes of one layer, on true labels .1 ahead of the network wherever the two are compared.
ACCURACIES = pd.DataFrame(
    {"layer": "probed", "depth": 1, "step": STEPS, "epoch": EPOCHS, "split": "similarity", "accuracy": 0.5}
).assign(true_accuracy=lambda frame: frame["epoch"] / 50 + 0.1)


def analyse(cka, regions=None, fitted=True):
    epochs = np.arange(161.0)
    accuracy = np.clip(epochs / 50, 0, 1 if fitted else 0.9)
    wrong = np.clip((epochs - 10) / 40, 0, 1)
    history = {"epoch": epochs, "train_accuracy": accuracy, "mislabelled_accuracy": wrong, "test_accuracy": accuracy}
    empty = rows(np.ones((30, 30)), "x", 0, "similarity", planes="test").iloc[:0]
    regions = empty if regions is None else regions
    similar, of_layers = phases.trajectories(cka, regions), parts(cka, regions, ACCURACIES)
    segments, scores, _ = phases.analyse(history, similar, ACCURACIES, of_layers, Phases())
    return segments, {(layer, measure, score): value for layer, _, _, measure, score, value in scores}


def test_phases_writes_the_scores_that_are_declared_and_no_others():
    _, scores = analyse(rows(blocks((10, 12, 8)), "a", 0, "cka"))
    of = {
        "layer": {score for layer, measure, score in scores if layer},
        "run": {score for layer, measure, score in scores if measure and not layer},
        "history": {score for layer, measure, score in scores if not measure and not layer} - set(EVENTS),
    }
    assert of == {scope: {name for name, s in DECLARED.items() if s.scope == scope} for scope in of}


def test_the_first_intervention_is_an_event_of_the_run_and_without_any_it_is_null():
    similar = list(
        phases.trajectories(
            rows(blocks((15, 15)), "a", 0, "cka"), rows(np.ones((2, 2)), "a", 0, "similarity", planes="test").iloc[:0]
        )
    )
    epochs = np.arange(161.0)
    history = dict.fromkeys(("train_accuracy", "mislabelled_accuracy", "test_accuracy"), epochs / 160)
    for planned in (None, 5.0):
        _, scores, _ = phases.analyse(
            history | {"epoch": epochs}, similar, ACCURACIES.iloc[:0], {"a": "body"}, Phases(), planned
        )
        assert [value for *_, name, value in scores if name == INTERVENTION] == [planned]


def test_what_is_no_kernel_has_no_phases():
    S = blocks((15, 15))
    regions = rows(S, "a", 0, "similarity", planes="test").assign(kappa=S.ravel())
    segments, scores = analyse(rows(S, "a", 0, "cka"), regions)
    assert set(segments.measure) == {"cka", "regions:test"}
    assert not any(str(measure).startswith("kappa") for _, measure, _ in scores)
    with pytest.raises(ValueError, match="kappa:test is not a kernel"):
        phases.Trajectory("a", 0, MEASURES["kappa:test"], regions)


def test_segments_cover_training_without_gap_or_overlap():
    cka = pd.concat([rows(blocks((10, 12, 8)), "a", 0, "cka"), rows(line(), "b", 1, "cka")])
    segments, scores = analyse(cka)
    for layer, expected in (("a", [0, 10, 22]), ("b", [0])):
        part = segments[segments.layer == layer]
        assert part.phase.tolist() == list(range(len(expected)))
        assert part.step_start.tolist() == [STEPS[i] for i in expected]
        assert part.step_end.tolist() == [STEPS[i - 1] for i in [*expected[1:], 30]]
        assert scores[layer, "cka", "phases"] == len(expected)


def test_checkpoints_without_cka_are_left_out():
    S = blocks((15, 15))
    S[4], S[:, 4] = np.nan, np.nan
    segments, _ = analyse(rows(S, "a", 0, "cka"))
    assert segments.step_start.tolist() == [0, STEPS[15]]


def test_layers_that_change_together_are_in_synchrony_and_others_are_not():
    same = [rows(blocks((15, 15), noise=0.1, seed=i), f"l{i}", i, "cka") for i in range(4)]
    apart = [rows(blocks((5 + 7 * i, 25 - 7 * i)), f"l{i}", i, "cka") for i in range(4)]
    _, together = analyse(pd.concat(same))
    _, separate = analyse(pd.concat(apart))
    assert together[None, "cka", "synchrony"] > 0.98
    assert separate[None, "cka", "synchrony"] < 0.7
    assert together[None, "cka", "progress_gap"] < 0.05 < separate[None, "cka", "progress_gap"]
    assert together[None, "cka", "boundary_spread"] == pytest.approx(0)
    # Boundaries at points 5, 12, 19 and 26.
    distance = np.log10(160 / 0.25) / 28
    assert separate[None, "cka", "boundary_spread"] == pytest.approx(7 * np.sqrt(5 / 4) * distance, rel=0.02)


def test_stem_and_output_do_not_enter_synchrony():
    inner = [rows(blocks((15, 15)), f"l{i}", i, "similarity", planes="test") for i in (1, 2)]
    outer = [rows(line(), name, i, "similarity", planes="test") for name, i in (("stem", 0), ("output", 3))]
    _, scores = analyse(rows(line(), "stem", 0, "cka"), pd.concat([*inner, *outer]))
    assert scores[None, "regions:test", "synchrony"] == pytest.approx(1)
    assert scores[None, "cka", "synchrony"] is None


def test_change_through_memorization_is_that_of_a_block_that_ends_with_it():
    # Onset at epoch 20, sustained fit at 50: checkpoints 0-20 lie before, from 25 on after.
    _, scores = analyse(rows(blocks((22, 8)), "a", 0, "cka"))
    assert scores["a", "cka", "change_memorization"] == pytest.approx(1)
    assert scores["a", "cka", "change_fitted"] == pytest.approx(0)
    assert scores["a", "cka", "change_early"] == pytest.approx(0)


def test_without_a_similarity_at_initialisation_there_is_no_early_change():
    S = blocks((5, 25))
    _, scores = analyse(rows(S, "a", 0, "cka"))
    assert scores["a", "cka", "change_early"] == pytest.approx(1)
    S[0], S[:, 0] = np.nan, np.nan
    _, scores = analyse(rows(S, "a", 0, "cka"))
    assert scores["a", "cka", "change_early"] is None


def test_without_perfect_fit_what_needs_it_is_null():
    _, scores = analyse(rows(blocks((22, 8)), "a", 0, "cka"), fitted=False)
    assert scores[None, None, "perfect_fit_sustained"] is None
    assert scores["a", "cka", "change_memorization"] is None
    assert scores[None, "cka", "boundary_distance"] is None


def test_latent_generalization_is_that_of_each_probed_layer_and_has_no_measure():
    _, scores = analyse(rows(line(), "a", 0, "cka"))
    assert scores["probed", None, "latent_generalization"] == pytest.approx(0.1, abs=1e-3)


def test_the_moment_at_which_change_stops_is_that_of_the_layers_of_the_body():
    """All layers change at one pace, but for the body's, which stop at epoch 12."""
    position = np.log10(np.concatenate([[0.25 / 10**0.1], EPOCHS[1:]]))
    stopped = np.cumsum(np.where(position < np.log10(12), 1, 0.05))
    frames = [rows(kernel(np.stack([np.ones(30), 0.01 * stopped], 1)), f"l{i}", i, "cka") for i in range(2)]
    outer = rows(kernel(np.stack([np.ones(30), 0.01 * np.arange(30)], 1)), "stem", 2, "cka")
    _, scores = analyse(pd.concat([*frames, outer]))
    assert np.log10(scores[None, "cka", "stop_epoch"]) == pytest.approx(np.log10(12), abs=0.1)
    assert scores[None, "cka", "stop_size"] > 1.5
    _, scores = analyse(outer)
    assert scores[None, "cka", "stop_epoch"] is None


def test_novelty_is_one_for_clean_orthogonal_blocks_and_nothing_for_no_change():
    assert phases.novelty(blocks((15, 15))) == pytest.approx(1)
    assert phases.novelty(np.ones((20, 20))) == pytest.approx(0)
    assert phases.novelty(kernel(np.eye(20))) == pytest.approx(0.25)


def test_a_boundary_at_perfect_fit_is_a_transition_aligned_with_it_and_one_elsewhere_is_not():
    # Perfect fit is at epoch 50, between checkpoints 23 and 24, counted from initialisation as 0.
    _, at = analyse(rows(blocks((24, 6), noise=0.1), "a", 0, "cka"))
    _, elsewhere = analyse(rows(blocks((10, 20), noise=0.1), "a", 0, "cka"))
    assert at["a", "cka", "transition_fitted"] == pytest.approx(1)
    assert at["a", "cka", "alignment_fitted"] > 0.9
    assert elsewhere["a", "cka", "transition_fitted"] < 0.5
    assert elsewhere["a", "cka", "alignment_fitted"] < 0
    # Memorization begins at epoch 20, ends at 48, there is no dip.
    assert at["a", "cka", "alignment_onset"] < at["a", "cka", "alignment_end"]
    assert at["a", "cka", "alignment_dip"] is None


def test_alignment_and_transition_are_nothing_on_average_for_unrelated_moments():
    grid = np.linspace(0, 2, 200)
    moments = 10 ** np.linspace(0, 2, 501)
    aligned = [phases.alignment(np.array([0.4, 1.5]), grid, moment) for moment in moments]
    assert np.mean(aligned) == pytest.approx(0, abs=0.02)
    random = np.random.default_rng(0)
    K, few = kernel(3 + random.normal(size=(30, 40))), np.linspace(0, 2, 30)
    novel = [phases.transition(K, few, moment) for moment in moments]
    assert np.mean([value for value in novel if value is not None]) == pytest.approx(0, abs=0.05)


def test_the_table_of_moments_gives_the_transition_and_the_alignment_of_any_moment():
    S = blocks((12, 18), noise=0.1)
    empty = rows(S, "a", 0, "similarity", planes="test").iloc[:0]
    (t,) = phases.trajectories(rows(S, "a", 0, "cka"), empty)
    boundaries = np.array([0.6])
    table = phases.curves(t, boundaries)
    novel = table.dropna()
    assert len(table) == len(t.grid) - 1
    assert len(novel) == len(table) - 2 * (phases.REACH - 1)
    for moment in (0.9, 3.0, 5.0, 40.0, 159.0):
        at = np.log10(novel["epoch"].to_numpy())
        assert phases.lead(novel["novelty"].to_numpy(), at, moment) == phases.transition(t.even, t.grid, moment)
    one = table.iloc[20]
    assert one.alignment == phases.alignment(boundaries, t.position, one.epoch)


def test_progress_is_of_checkpoints_and_even_between_them_whatever_the_schedule():
    """Four checkpoints close together, then a gap of four times their distance in which as much changes."""
    position = np.array([0.0, 0.1, 0.2, 0.3, 0.7])
    S = 1 - np.abs(np.subtract.outer(np.arange(5), np.arange(5))) / 10
    frame = pd.DataFrame(
        {
            "layer": "a", "depth": 0, "step_a": np.repeat(np.arange(5), 5), "step_b": np.tile(np.arange(5), 5),
            "epoch_a": np.repeat(10**position, 5), "epoch_b": np.tile(10**position, 5), "cka": S.ravel(),
        }
    )  # fmt: skip
    t = phases.Trajectory("a", 0, MEASURES["cka"], frame)
    np.testing.assert_allclose(t.grid, np.linspace(0, 0.7, 8))
    np.testing.assert_allclose(phases.progress(t), [0, 0.25, 0.5, 0.75, 0.8125, 0.875, 0.9375, 1], atol=1e-12)
    assert phases.progress(phases.Trajectory("a", 0, MEASURES["cka"], frame.assign(cka=1.0))) is None


def test_the_boundary_of_two_phases_lies_between_their_checkpoints():
    _, scores = analyse(pd.concat([rows(blocks((24, 6)), f"l{i}", i, "cka") for i in range(3)]))
    middle = np.log10(EPOCHS[[23, 24]]).mean()
    assert scores[None, "cka", "boundary_distance"] == pytest.approx(abs(middle - np.log10(50)))


def test_even_drift_has_no_transition_anywhere():
    assert phases.transition(line(), np.linspace(0, 2, 30), 10.0) == pytest.approx(0)


@given(st.lists(st.integers(0, 6), min_size=3, max_size=9).filter(lambda changes: len(set(changes)) > 1))
def test_depth_trend_is_spearmans_correlation_ties_included(changes):
    S = rows(line(), "l", 0, "cka")
    body = [phases.Trajectory(f"l{depth}", depth, MEASURES["cka"], S) for depth in range(len(changes))]
    found = phases.depth_trend(body, {f"l{depth}": float(change) for depth, change in enumerate(changes)})
    assert found == pytest.approx(stats.spearmanr(range(len(changes)), changes).statistic, abs=1e-12)


def test_depth_trend_is_one_where_deeper_layers_change_more():
    t = [phases.Trajectory(f"l{i}", i, MEASURES["cka"], rows(line(), f"l{i}", i, "cka")) for i in range(5)]
    assert phases.depth_trend(t, {f"l{i}": float(i) for i in range(5)}) == pytest.approx(1)
    assert phases.depth_trend(t, {f"l{i}": -float(i) for i in range(5)}) == pytest.approx(-1)
    assert phases.depth_trend(t, dict.fromkeys("abc")) is None


def test_perfect_fit_at_initialisation_is_no_moment_on_a_log_axis():
    K, grid = kernel(np.eye(30)), np.linspace(0, 2, 30)
    assert phases.transition(K, grid, 0.0) is None
    assert phases.alignment(np.array([1.0]), grid, 0.0) is None


def test_debiased_cka_is_a_measure_of_its_own():
    frame = rows(blocks((15, 15)), "a", 0, "cka").assign(cka_debiased=line().ravel())
    _, scores = analyse(frame)
    assert (scores["a", "cka", "phases"], scores["a", "cka_debiased", "phases"]) == (2, 1)


def write(job, record, frame, **changes):
    """Write a table of the job's run, null where the frame has no column."""
    columns = {name: frame[name] if name in frame else [None] * len(frame) for name in record.names}
    metadata = replace(job, stage=record.stage).metadata(record)
    metadata["hyperparameters"] |= changes
    tables.write(job.path(record), columns, record.schema, metadata)


@pytest.fixture
def job(make_job, config, monkeypatch):
    """A job of phases whose upstream tables are there; nothing is mislabelled in it, and ``a`` is constant early."""
    monkeypatch.setattr(Origin, "check_rows", lambda *_: None)  # of other checkpoints than the study has
    job = make_job("phases", config)
    epochs = np.arange(161.0)
    rising = np.clip(epochs / 50, 0, 1)
    history = {"epoch": epochs, "train_accuracy": rising, "test_accuracy": rising * 0.8}
    write(job, HISTORY, pd.DataFrame(history | {"mislabelled_accuracy": np.nan}))
    constant = blocks((15, 15))
    constant[:3], constant[:, :3] = np.nan, np.nan
    cka = pd.concat([rows(constant, "a", 0, "cka"), rows(blocks((10, 20)), "b", 1, "cka")])
    write(job, CKA, cka)
    regions = rows(blocks((12, 18)), "b", 1, "similarity", planes="test")
    write(job, SIMILARITY, regions)
    write(job, PROBED, ACCURACIES.assign(layer="b"))
    parts = {
        "layer": ["a", "b"],
        "depth": [0, 1],
        "part": ["stem", "body"],
        "module": ["a", "b"],
        "kind": ["Block"] * 2,
    }
    write(job, LAYERS, pd.DataFrame(parts | {"features": [8, 8]}))
    return job


def test_the_files_of_a_run_are_the_same_bytes_each_time(job):
    written = [Path(job.paths.segments(job.run.path)), Path(job.paths.scores(job.run.path))]
    phases_stage.main(job)
    first = [path.read_bytes() for path in written]
    phases_stage.main(job)
    assert [path.read_bytes() for path in written] == first


def test_what_does_not_take_place_is_null_in_the_file_and_never_nan(job):
    phases_stage.main(job)
    scores = tables.read(*job.place(SCORES))
    value = {(row["layer"], row["measure"], row["score"]): row["value"] for row in scores.to_pylist()}
    assert value[None, None, "memorization_onset"] is None
    assert value["b", "cka", "change_memorization"] is None
    assert value[None, None, "perfect_fit_first"] == 50
    assert np.isfinite([number for number in value.values() if number is not None]).all()
    assert {(row["layer"], row["part"]) for row in scores.to_pylist()} == {(None, None), ("a", "stem"), ("b", "body")}
    depths = {(row["layer"], row["depth"], row["relative_depth"]) for row in scores.to_pylist()}
    assert depths == {(None, None, None), ("a", 0, 0.0), ("b", 1, 1.0)}
    segments = tables.read(job.paths.segments(job.run.path)).to_pandas()
    starts = segments.groupby(["measure", "layer"])["step_start"].apply(list).to_dict()
    assert starts["cka", "a"] == [STEPS[3], STEPS[15]]
    assert starts["cka", "b"] == [0, STEPS[10]]
    assert segments["width"].isna().tolist() == (segments["phase"] == 0).tolist()
    assert value["b", None, "latent_generalization"] is None
    assert starts["regions:test", "b"] == [0, STEPS[12]]


def test_a_cka_table_made_with_other_settings_is_refused(job):
    write(job, CKA, rows(line(), "a", 0, "cka"), cka=job.made_with("cka")["cka"] | {"seed": 99})
    with pytest.raises(RepdynError, match=r"cka\.seed = 99"):
        phases_stage.main(job)
