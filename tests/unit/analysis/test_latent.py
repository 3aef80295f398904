import numpy as np
import pandas as pd
import pytest

from repdyn.analysis.latent import latent_generalization

HISTORY = {"epoch": np.array([0.0, 1.0, 10.0, 100.0]), "test_accuracy": np.array([0.1, 0.4, 0.6, 0.6])}


def probes(epochs, accuracy):
    frame = pd.DataFrame({"epoch": epochs, "true_accuracy": accuracy})
    return pd.concat([frame.assign(split="similarity"), frame.assign(split="probe", true_accuracy=1.0)])


def test_it_is_the_lead_of_probes_on_unseen_examples_over_the_network_from_onset_to_fit():
    # The network's .4, .5 and .6; what lies outside is not looked at.
    found = latent_generalization(probes([0.5, 1, 10**0.5, 10, 20], [9, 0.5, 0.6, 0.7, 9]), HISTORY, 1.0, 10.0)
    assert found == pytest.approx(0.1)


def test_the_mean_is_over_log_epochs_whatever_the_schedule():
    """A lead that falls evenly in log epochs from .2 to 0 is .1 on average, though most checkpoints are late."""
    epochs = np.array([1.0, 7.0, 8.0, 9.0, 10.0])
    network = np.interp(np.log10(epochs), [0, 1], [0.4, 0.6])
    found = latent_generalization(probes(epochs, network + 0.2 * (1 - np.log10(epochs))), HISTORY, 1.0, 10.0)
    assert found == pytest.approx(0.1)


def test_one_checkpoint_is_enough_and_none_is_null():
    assert latent_generalization(probes([10.0], [0.7]), HISTORY, 9.0, 11.0) == pytest.approx(0.1)
    assert latent_generalization(probes([10.0], [0.7]), HISTORY, 2.0, 9.0) is None


def test_without_a_test_accuracy_there_is_none():
    unknown = HISTORY | {"test_accuracy": np.full(4, np.nan)}
    assert latent_generalization(probes([5.0], [0.7]), unknown, 1.0, 10.0) is None


@pytest.mark.parametrize(("onset", "fitted"), [(None, 10.0), (1.0, None), (None, None)])
def test_without_memorization_or_fit_there_is_none(onset, fitted):
    assert latent_generalization(probes([5.0], [0.7]), HISTORY, onset, fitted) is None
