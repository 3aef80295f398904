import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from damage import with_a_changed_byte
from gaussian_classes import blobs

from repdyn.config.sections import Probes
from repdyn.errors import RepdynError
from repdyn.probes import fit, probe_weights, solvers
from repdyn.records.activations import ACTIVATIONS, PROBE_VIEW
from repdyn.records.probes import ACCURACY, WEIGHTS
from repdyn.representations import extract
from repdyn.representations.table import Representations
from repdyn.stages import probes as probes_stage
from repdyn.storage import tables

RIDGE, LOGISTIC = Probes(), Probes(kind="logistic")


@pytest.mark.parametrize("solver", [RIDGE, LOGISTIC])
def test_a_probe_does_not_see_shifts_and_scales_of_units(solver):
    features, labels = blobs(80, 12, 3)
    generator = np.random.default_rng(5)
    scale, shift = generator.uniform(0.5, 20, size=12), generator.normal(size=12)
    one = fit.fit(features.astype(np.float32), labels, 3, solver)
    moved = (features * scale + shift).astype(np.float32)
    other = fit.fit(moved, labels, 3, solver)
    np.testing.assert_allclose(one.weight, other.weight, atol=1e-3)
    np.testing.assert_array_equal(one.predict(features.astype(np.float32)), other.predict(moved))


def test_dead_units_have_scale_one_and_no_weight():
    features, labels = blobs(50, 6, 3)
    features = features.astype(np.float16)
    features[:, 2] = 7.0
    features[:, 4] = 0.0
    probe = fit.fit(features, labels, 3, RIDGE)
    np.testing.assert_array_equal(probe.scale[[2, 4]], 1.0)
    np.testing.assert_array_equal(probe.weight[0][:, [2, 4]], 0.0)
    assert np.all(probe.scale[[0, 1, 3, 5]] != 1.0)


def test_a_unit_that_varies_by_rounding_alone_is_dead():
    features, labels = blobs(50, 2, 3)
    features = features.astype(np.float16)
    features[:, 1] = 100.0
    features[0, 1] = np.nextafter(np.float16(100.0), np.float16(200.0))
    assert fit.fit(features, labels, 3, RIDGE).scale[1] == 1.0


def test_a_layer_whose_units_are_all_dead_predicts_the_most_frequent_class():
    _, labels = blobs(50, 2, 3)
    constant = np.full((50, 4), 3.0, dtype=np.float16)
    for solver in (RIDGE, LOGISTIC):
        probe = fit.fit(constant, labels, 3, solver)
        assert set(probe.predict(constant).tolist()) == {int(np.bincount(labels).argmax())}


def test_folding_leaves_the_scores_as_they_are():
    features, labels = blobs(60, 8, 3)
    features = features.astype(np.float32)
    probe = fit.fit(features, labels, 3, RIDGE)
    weight, bias = probe.folded()
    plain = ((features.astype(np.float64) - probe.mean) / probe.scale) @ probe.weight.reshape(9, 8).T
    np.testing.assert_allclose(features @ weight.T + bias, plain + probe.bias.ravel(), atol=1e-5)


def test_halves_are_disjoint_and_always_the_same():
    one, two = fit.halves(11, seed=3)
    assert len(one) == len(two) == 5
    assert not set(one) & set(two)
    np.testing.assert_array_equal(one, fit.halves(11, seed=3)[0])
    assert not np.array_equal(one, fit.halves(11, seed=4)[0])


def test_probes_of_the_halves_are_those_of_the_halves():
    features, labels = blobs(61, 7, 3)
    features = features.astype(np.float32)
    probe = fit.fit(features, labels, 3, RIDGE)
    mean, scale = fit.standardisation(features)
    for k, half in enumerate(fit.halves(61, seed=0), start=1):
        alone = solvers.ridge(((features - mean) / scale)[half], labels[half], 3, 0.1)
        np.testing.assert_allclose(probe.weight[k], alone.weight.T, atol=1e-6)


@pytest.mark.parametrize("solver", [RIDGE, LOGISTIC])
def test_wide_layers_are_solved_exactly(solver, monkeypatch):
    monkeypatch.setattr(fit, "BLOCK", 100)
    features, labels = blobs(40, 330, 4, spread=3.0)
    features = features.astype(np.float32)
    features[:, 7] = 1.0
    features[5] = features[6]  # so that the Gram matrix has not full rank
    probe = fit.fit(features, labels, 4, solver)
    mean, scale = fit.standardisation(features)
    Z = (features - mean) / scale
    for k, part in enumerate((np.arange(40), *fit.halves(40, 0))):
        if solver is RIDGE:
            exact = solvers.ridge(Z[part], labels[part], 4, 0.1)
        else:
            exact = solvers.logistic(Z[part], labels[part], 4, 0.1, **LOGISTIC.logistic.model_dump())
        np.testing.assert_allclose(probe.weight[k], exact.weight.T, atol=1e-5)
        np.testing.assert_allclose(probe.bias[k], exact.bias, atol=1e-5)
    warm = fit.fit(features, labels, 4, solver, probe)
    np.testing.assert_allclose(warm.weight, probe.weight, atol=1e-5)


@pytest.fixture
def stored(make_job, config):
    """A run's activations table with two layers, three checkpoints and labels that can be read off the second layer."""

    def store(**changes):
        config["probes"] = changes
        config["checkpoints"] = {"schedule": "explicit", "epochs": [1, 4]}
        config["activations"] |= {"similarity_examples": 30, "probe_examples": 50}
        job = make_job("probes", config)
        generator = np.random.default_rng(0)
        layout = extract.layout({"noise": 40, "blocks.0": 12}, set(), "float16", {})
        nothing_wide = replace(job, stage="activations").metadata(PROBE_VIEW)
        with tables.writer(job.path(PROBE_VIEW), extract.probe_layout({}), nothing_wide) as append:
            append({name: [0] * 240 for name in PROBE_VIEW.names} | {"split": ["probe"] * 240})
        origin = replace(job, stage="activations").metadata(ACTIVATIONS)
        with tables.writer(job.path(ACTIVATIONS), layout, origin) as append:
            for step in (0, 4, 16):
                for split, n, seed in (("similarity", 30, 1), ("probe", 50, 2)):
                    signal, labels = blobs(n, 12, 10, seed, spread=0.1)
                    # Class centres must be the same in both splits.
                    signal = np.eye(12)[labels] + 0.01 * (step + 1) * generator.normal(size=signal.shape)
                    noise = generator.normal(size=(n, 40))
                    given = np.where(np.arange(n) % 5 == 0, (labels + 1) % 10, labels) if split == "probe" else labels
                    append(
                        {
                            "step": [step] * n,
                            "epoch": [step / 4] * n,
                            "split": [split] * n,
                            "example": np.arange(n),
                            "label": labels,
                            "given_label": given,
                        }
                        | {
                            name: pa.FixedSizeListArray.from_arrays(
                                pa.array(values.astype(np.float16).ravel()), type=layout.field(name).type
                            )
                            for name, values in (("noise", noise), ("blocks.0", signal))
                        }
                    )
        return job

    return store


def test_accuracy_is_that_of_the_stored_probes_on_given_and_true_labels(stored):
    job = stored()
    probes_stage.main(job)
    table = tables.read(*job.place(ACCURACY)).to_pandas()
    assert list(table.columns) == ["layer", "depth", "step", "epoch", "split", "accuracy", "true_accuracy"]
    assert len(table) == 2 * 3 * 2
    source = Representations(job.paths.activations(job.run.path))
    with probe_weights.reading(*job.place(WEIGHTS)) as reader:
        assert reader.layers == ["noise", "blocks.0"]
        assert reader.epochs == {0: 0.0, 4: 1.0, 16: 4.0}
        assert reader.read("noise", 4).weight.shape == (3, 10, 40)
        for row in table.itertuples():
            examples = source.examples(row.split)
            found = reader.read(row.layer, row.step).predict(source.read(row.layer, row.step, row.split))
            assert row.accuracy == (found == examples["given_label"]).mean()
            assert row.true_accuracy == (found == examples["label"]).mean()
    signal = table[(table.layer == "blocks.0") & (table.step == 0)].set_index("split")
    assert signal.true_accuracy["similarity"] > 0.7
    assert (table[table.layer == "blocks.0"].depth == 1).all()


@pytest.mark.parametrize("kind", ["ridge", "logistic", "sgd"])
def test_two_runs_give_identical_bytes(stored, kind):
    job = stored(kind=kind)
    paths = [Path(job.paths.probe_weights(job.run.path)), Path(job.paths.probe_accuracy(job.run.path))]
    probes_stage.main(job)
    before = [path.read_bytes() for path in paths]
    probes_stage.main(job)
    assert [path.read_bytes() for path in paths] == before


def test_a_logistic_probe_that_did_not_converge_is_named(stored, caplog):
    job = stored(kind="logistic", logistic={"iterations": 2})
    probes_stage.main(job)
    assert "layer blocks.0 at step 16 did not converge" in caplog.text


def test_converged_logistic_probes_have_small_recorded_gradients(stored, caplog):
    job = stored(kind="logistic")
    probes_stage.main(job)
    assert "did not converge" not in caplog.text
    with probe_weights.reading(job.paths.probe_weights(job.run.path)) as reader:
        assert 0 < reader.read("noise", 4).gradient.max() <= 1e-6


def test_probes_made_with_another_penalty_are_refused(stored):
    job = stored()
    probes_stage.main(job)
    path, wanted = job.place(WEIGHTS)
    wanted.hyperparameters["probes"]["penalty"] = 0.2
    with pytest.raises(RepdynError, match=r"probes\.penalty = 0\.1, but 0\.2 is asked for"):
        probe_weights.reading(path, wanted).__enter__()


def test_missing_and_damaged_probes_are_named(stored, tmp_path):
    with pytest.raises(RepdynError, match=r"nowhere\.safetensors` is not there"):
        probe_weights.reading(tmp_path / "nowhere.safetensors").__enter__()
    job = stored()
    probes_stage.main(job)
    path = Path(job.paths.probe_weights(job.run.path))
    content = path.read_bytes()
    path.write_bytes(with_a_changed_byte(content, -100))
    with probe_weights.reading(path) as reader:
        layer, step = reader.layers[-1], max(reader.epochs)
        reader.read(reader.layers[0], step)
        with pytest.raises(RepdynError, match=f"is damaged .the checksum of {layer} at step {step} is not that"):
            reader.read(layer, step)
    path.write_bytes(content[:-100])
    with pytest.raises(RepdynError, match="is damaged"):
        probe_weights.reading(path).__enter__()
    path.unlink()
    path.mkdir()
    with pytest.raises(RepdynError, match="is damaged"):
        probe_weights.reading(path).__enter__()


def test_neither_probes_nor_planes_import_torch():
    code = "import sys, repdyn.stages.probes, repdyn.stages.planes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
