from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import RidgeClassifier
from tiny_stages import Array, Config, MakeJob, listed

from repdyn.pipeline.jobs import Job
from repdyn.probes import probe_weights
from repdyn.probes.probe_weights import Coefficients, Probe
from repdyn.records.activations import ACTIVATIONS, PROBE_VIEW
from repdyn.records.probes import ACCURACY, WEIGHTS
from repdyn.representations import coordinates, extract
from repdyn.stages import probes
from repdyn.storage import tables

STEPS = (0, 4, 16)  # of which there are four in an epoch
SIZES = {"similarity": 30, "probe": 50}
CLASSES = 10
PENALTY = 0.1
pytestmark = pytest.mark.usefixtures("any_number_of_rows")

Drawn = dict[tuple[str, int, str], Array]  # layer, step, split -> features


@pytest.fixture
def job(make_job: MakeJob, config: Config) -> Job:
    config["probes"] = {"penalty": PENALTY}
    return make_job("probes", config)


def labels_of(split: str) -> dict[str, Array]:
    """Ten classes in turn; every fifth label that probes are trained on is wrong."""
    right = np.arange(SIZES[split]) % CLASSES
    wrong = (np.arange(len(right)) % 5 == 0) & (split == "probe")
    return {"label": right, "given_label": np.where(wrong, (right + 1) % CLASSES, right)}


def drawn(layers: Mapping[str, int], noise: Mapping[str, float]) -> Drawn:
    """Features around a centre for each class."""
    random = np.random.default_rng(0)
    centres = {layer: random.normal(size=(CLASSES, p)) for layer, p in layers.items()}
    return {
        (layer, step, split): centres[layer][labels_of(split)["label"]] + noise[layer] * random.normal(size=(n, p))
        for layer, p in layers.items()
        for step in STEPS
        for split, n in SIZES.items()
    }


def store(job: Job, features: Drawn, wide: bool = False) -> None:
    """Write the tables of activations and of probe views: all layers are whole, or all are held as coordinates."""
    layers = {layer: X.shape[1] for (layer, _, split), X in features.items() if split == "probe"}
    held = layers if wide else {}
    n, m = SIZES["similarity"], SIZES["probe"]
    whole = extract.layout(layers, set(layers), "float32", dict.fromkeys(held, n))
    view = extract.probe_layout(dict.fromkeys(held, m))
    maker = replace(job, stage="activations")
    with (
        tables.writer(job.path(ACTIVATIONS), whole, maker.metadata(ACTIVATIONS)) as append,
        tables.writer(job.path(PROBE_VIEW), view, maker.metadata(PROBE_VIEW)) as append_view,
    ):
        for step in STEPS:
            X = {(layer, split): features[layer, step, split].astype(np.float32) for layer in layers for split in SIZES}
            seen = {layer: coordinates.as_probed(X[layer, "similarity"], X[layer, "probe"]) for layer in held}
            for place, (split, size) in enumerate(SIZES.items()):
                keys = {"step": [step] * size, "epoch": [step / 4] * size, "split": [split] * size}
                keys |= {"example": np.arange(size)} | labels_of(split)
                kinds = {layer: whole.field(layer).type for layer in layers}
                if not wide:
                    found = {layer: listed(X[layer, split], kind) for layer, kind in kinds.items()}
                elif split == "probe":
                    found = {layer: pa.nulls(size, kind) for layer, kind in kinds.items()}
                else:  # coordinates for measures, which no probe sees
                    found = {layer: listed(np.zeros((n, n), np.float32), kind) for layer, kind in kinds.items()}
                append(keys | found)
                append_view(keys | {layer: listed(seen[layer][place], view.field(layer).type) for layer in held})


def accuracies(job: Job) -> pd.DataFrame:
    probes.main(job)
    found: pd.DataFrame = tables.read(*job.place(ACCURACY)).to_pandas()
    return found


def standardised(X: Array, of: Array) -> Array:
    scaled: Array = (X - of.mean(0)) / of.std(0)
    return scaled


def test_accuracies_are_those_of_sklearns_ridge_classifier_on_standardised_features(job: Job) -> None:
    features = drawn({"noisy": 12, "clear": 8}, {"noisy": 1.5, "clear": 0.01})
    store(job, features)
    table = accuracies(job)
    keys = [(layer, depth, step, step / 4, split) for depth, layer in enumerate(("noisy", "clear")) for step in STEPS
            for split in ("probe", "similarity")]  # fmt: skip
    assert list(table.iloc[:, :5].itertuples(index=False, name=None)) == keys
    given = labels_of("probe")["given_label"]
    for row in table.to_dict("records"):
        trained_on = features[row["layer"], row["step"], "probe"]
        # The mean eigenvalue of the Gram matrix of standardised features is their number.
        reference = RidgeClassifier(alpha=PENALTY * trained_on.shape[1]).fit(
            standardised(trained_on, trained_on), given
        )
        found = reference.predict(standardised(features[row["layer"], row["step"], row["split"]], trained_on))
        labels = labels_of(row["split"])
        assert row["accuracy"] == pytest.approx((found == labels["given_label"]).mean(), abs=1e-12)
        assert row["true_accuracy"] == pytest.approx((found == labels["label"]).mean(), abs=1e-12)
    clear = table[(table["layer"] == "clear") & (table["split"] == "similarity")]
    assert (clear["accuracy"] == clear["true_accuracy"]).all(), "labels that nobody made wrong"


def test_a_wide_layer_has_the_probes_of_its_features_though_it_is_held_as_coordinates(job: Job) -> None:
    features = drawn({"wide": 200}, {"wide": 3.0})
    store(job, features)
    whole = accuracies(job)
    assert whole["accuracy"].nunique() > 1
    store(job, features, wide=True)
    pd.testing.assert_frame_equal(accuracies(job), whole)
    with probe_weights.reading(*job.place(WEIGHTS)) as reader:
        assert isinstance(reader.read("wide", 4), Coefficients)


def test_a_stored_probe_gives_the_classes_that_its_accuracy_was_counted_from(job: Job) -> None:
    features = drawn({"a": 12, "b": 8}, {"a": 1.5, "b": 1.5})
    store(job, features)
    table = accuracies(job).set_index(["layer", "step", "split"])
    with probe_weights.reading(*job.place(WEIGHTS)) as reader:
        assert (reader.layers, reader.epochs) == (["a", "b"], {0: 0.0, 4: 1.0, 16: 4.0})
        for (layer, step, split), X in features.items():
            probe = reader.read(layer, step)
            assert isinstance(probe, Probe)
            share = (probe.predict(X) == labels_of(split)["given_label"]).mean()
            assert table.loc[(layer, step, split), "accuracy"] == share


def test_the_splits_of_a_wide_layer_are_told_apart_whatever_their_order(job: Job) -> None:
    random = np.random.default_rng(0)
    compared, trained_on = random.normal(size=(7, 90)), random.normal(size=(20, 90))
    both = coordinates.as_probed(compared.astype(np.float32), trained_on.astype(np.float32))
    seen = dict(zip(SIZES, both, strict=True))
    labels = np.arange(20) % 4
    found = {}
    for order in (("probe", "similarity"), ("similarity", "probe")):
        in_order = {split: seen[split] for split in order}
        _, found[order] = probes.train(in_order, labels, 4, job.study.probes, None, wide=True)
        assert {split: len(classes) for split, classes in found[order].items()} == {"probe": 20, "similarity": 7}
    for split in SIZES:
        first, second = (of_order[split] for of_order in found.values())
        np.testing.assert_array_equal(first, second)


def test_only_logistic_probes_are_said_not_to_converge(
    make_job: MakeJob, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    features = drawn({"a": 12}, {"a": 1.5})
    hasty = {
        "logistic": {"kind": "logistic", "logistic": {"iterations": 1}},
        "sgd": {"kind": "sgd", "sgd": {"epochs": 1}},
    }
    for kind, warned in (("logistic", 3), ("sgd", 0)):
        caplog.clear()
        config["probes"] = hasty[kind]
        job = make_job("probes", config)
        store(job, features)
        probes.main(job)
        said = [message for message in caplog.messages if "did not converge" in message]
        assert len(said) == warned, "one for each checkpoint, or none"
