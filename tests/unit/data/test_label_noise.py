from pathlib import Path

import numpy as np
import pytest

from repdyn.config import study as studies
from repdyn.config.sections import Data
from repdyn.data import label_noise, subsets
from repdyn.errors import RepdynError
from repdyn.planning import check

LABELS = np.random.default_rng(0).integers(0, 10, size=2000)


def given(seed=0, **settings):
    """Labels that are trained on, and who of the true ones is mislabelled."""
    settings = Data(**settings)
    wrong = label_noise.mislabelled(LABELS, settings, seed)
    labels = label_noise.given_labels(LABELS, wrong, 10, settings, seed)
    np.testing.assert_array_equal(labels != LABELS, wrong)  # never the true class, and nobody else
    return labels, wrong


@pytest.mark.parametrize("kind", ["symmetric", "pairs"])
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4, 0.9])
def test_exactly_the_configured_fraction_is_mislabelled(kind, rate):
    _, wrong = given(label_noise=rate, label_noise_kind=kind)
    assert wrong.sum() == round(2000 * rate)


def test_kinds_mislabel_the_same_examples_and_another_seed_of_the_data_or_the_run_others():
    wrong = given(label_noise=0.3)[1]
    np.testing.assert_array_equal(given(label_noise=0.3, label_noise_kind="pairs")[1], wrong)
    assert (given(seed=5, label_noise=0.3)[1] != wrong).any()
    assert (label_noise.mislabelled(LABELS, Data(label_noise=0.3, seed=1), 0) != wrong).any()


def test_where_the_study_draws_runs_of_all_seeds_mislabel_the_same_examples():
    wrong = given(label_noise=0.3, drawn_by="study")[1]
    np.testing.assert_array_equal(given(seed=5, label_noise=0.3, drawn_by="study")[1], wrong)


def test_more_noise_adds_mislabelled_examples():
    _, few = given(label_noise=0.1)
    _, many = given(label_noise=0.3)
    assert (many & few).sum() == few.sum()


def test_pairs_make_a_class_into_the_next_whatever_the_seed_of_the_run():
    labels, wrong = given(seed=0, label_noise=0.3, label_noise_kind="pairs")
    np.testing.assert_array_equal(labels[wrong], (LABELS[wrong] + 1) % 10)
    others, wrong = given(seed=1, label_noise=0.3, label_noise_kind="pairs")
    np.testing.assert_array_equal(others[wrong], (LABELS[wrong] + 1) % 10)


def test_pairs_can_be_named_and_then_the_fraction_is_of_their_examples():
    pairs = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
    labels, wrong = given(label_noise=0.4, label_noise_kind="pairs", label_noise_pairs=pairs)
    assert set(LABELS[wrong]) == set(pairs)
    assert all(other == pairs[true] for true, other in zip(LABELS[wrong], labels[wrong], strict=True))
    assert wrong.sum() == round(0.4 * np.isin(LABELS, list(pairs)).sum())


def test_wrong_labels_of_a_run_are_its_own_where_chance_decides():
    assert (given(seed=0, label_noise=0.3)[0] != given(seed=1, label_noise=0.3)[0]).sum() > 400


def test_symmetric_noise_gives_all_other_classes_alike():
    labels, wrong = given(label_noise=0.9)
    counts = np.bincount((labels - LABELS)[wrong] % 10, minlength=10)
    assert counts[0] == 0
    assert counts[1:].min() > 0.8 * counts[1:].mean()


def test_pairs_reach_the_training_set_through_the_config(config):
    config["data"] |= {"label_noise_kind": "pairs", "label_noise_pairs": {"3": 8}}
    train = subsets.load(studies.parse(config).data, Path("/nonexistent"), 0).train
    assert set(train.labels[train.mislabelled]) == {3}
    assert set(train.given_labels[train.mislabelled]) == {8}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"label_noise_kind": "pair"}, "`data.label_noise_kind` is 'pair', but must be 'symmetric' or 'pairs'."),
        ({"label_noise_pairs": {1: 2}}, "`data`: `label_noise_pairs` is for `label_noise_kind: pairs` only."),
        ({"label_noise_kind": "pairs", "label_noise_pairs": {1: 2, 4: 4}}, "makes class 4 into itself"),
        ({"label_noise_kind": "pairs", "label_noise_pairs": {-1: 2}}, "must be at least 0"),
        ({"label_noise_kind": "pairs", "label_noise_pairs": {"cat": 2}}, "must be an integer"),
        (
            {"label_noise_kind": "pairs", "label_noise_pairs": {1: 2, 3: 10}},
            "`data.label_noise_pairs` makes class 3 into 10, but the classes of `digits` are 0 to 9.",
        ),
    ],
)
def test_pairs_that_make_no_sense_are_one_sentence(config, settings, sentence):
    config["data"] |= settings
    with pytest.raises(RepdynError) as raised:
        check.main(studies.parse(config))
    assert sentence in str(raised.value)
