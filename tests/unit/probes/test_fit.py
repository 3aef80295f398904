import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from damage import with_a_changed_byte
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from repdyn.config.sections import Probes
from repdyn.errors import RepdynError
from repdyn.probes import fit, low_rank, probe_weights, solvers
from repdyn.records.activations import ACTIVATIONS, PROBE_VIEW
from repdyn.records.probes import ACCURACY, WEIGHTS
from repdyn.representations import extract
from repdyn.representations.table import Representations
from repdyn.stages import probes as probes_stage
from repdyn.storage import tables, tensor_files

RIDGE, LOGISTIC = Probes(), Probes(kind="logistic")


def blobs(n, p, classes, seed=0, spread=1.0):
    """Gaussian classes of unequal size, and features of unequal mean and scale."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes, size=n, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    labels[:classes] = np.arange(classes)
    features = generator.normal(size=(classes, p))[labels] + spread * generator.normal(size=(n, p))
    return features * generator.uniform(0.1, 10, size=p) + generator.normal(size=p), labels


def standardised(n, p, classes, seed=0):
    features, labels = blobs(n, p, classes, seed, spread=3.0)
    return (features - features.mean(axis=0)) / features.std(axis=0), labels


def decisions(solution, features):
    return (features @ solution.weight + solution.bias).argmax(axis=1)


@pytest.mark.parametrize(("n", "p"), [(90, 20), (40, 130)])
def test_ridge_is_sklearns_ridge_classifier_at_the_same_penalty(n, p):
    features, labels = standardised(n, p, 4)
    solution = solvers.ridge(features, labels, 4, penalty=0.1)
    reference = RidgeClassifier(alpha=0.1 * p).fit(features, labels)  # the mean eigenvalue of the Gram matrix is p
    # It fits targets of -1 and 1, ours are 0 and 1.
    np.testing.assert_allclose(2 * solution.weight.T, reference.coef_, atol=1e-10)
    np.testing.assert_allclose(2 * solution.bias - 1, reference.intercept_, atol=1e-10)
    unseen = np.random.default_rng(1).normal(size=(500, p))
    np.testing.assert_array_equal(decisions(solution, unseen), reference.predict(unseen))


@pytest.mark.parametrize(("n", "p"), [(90, 20), (40, 130)])
def test_logistic_is_sklearns_logistic_regression_at_the_same_penalty(n, p):
    features, labels = standardised(n, p, 4)
    solution = solvers.logistic(features, labels, 4, penalty=0.1, tolerance=1e-9, iterations=5000)
    reference = LogisticRegression(C=1 / (0.1 * p), tol=1e-10, max_iter=20_000).fit(features, labels)
    assert solution.gradient <= 1e-9
    np.testing.assert_allclose(solution.weight.T, reference.coef_, atol=2e-6)
    np.testing.assert_allclose(solution.bias - solution.bias.mean(), reference.intercept_, atol=2e-6)
    unseen = np.random.default_rng(1).normal(size=(500, p))
    np.testing.assert_array_equal(decisions(solution, unseen), reference.predict(unseen))


@settings(max_examples=25)
@given(n=st.integers(6, 30), p=st.integers(1, 40), penalty=st.floats(1e-3, 10), seed=st.integers(0, 1000))
def test_the_dual_and_the_primal_solution_of_ridge_are_one(n, p, penalty, seed):
    features, labels = standardised(n, p, 3, seed)
    Z, Y = features - features.mean(axis=0), np.eye(3)[labels] - np.eye(3)[labels].mean(axis=0)
    strength = penalty * np.trace(Z @ Z.T) / n
    primal = np.linalg.solve(Z.T @ Z + strength * np.eye(p), Z.T @ Y)
    np.testing.assert_allclose(solvers.ridge(features, labels, 3, penalty).weight, primal, atol=1e-8)


@pytest.mark.parametrize("p", [15, 80])
def test_a_warm_start_changes_the_time_of_a_logistic_probe_and_not_its_answer(p):
    features, labels = standardised(60, p, 3)
    cold = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000)
    near = cold.weight + 0.01, cold.bias - 0.01
    warm = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000, start=near)
    np.testing.assert_allclose(warm.weight, cold.weight, atol=1e-6)
    at_optimum = solvers.logistic(features, labels, 3, 0.1, 1e-8, iterations=1, start=(cold.weight, cold.bias))
    assert at_optimum.gradient <= 2e-8


def test_sgd_is_drawn_from_its_seed_and_comes_near_the_optimum():
    features, labels = standardised(200, 10, 3)
    exact = solvers.logistic(features, labels, 3, 0.1, tolerance=1e-8, iterations=5000)

    def solve(seed, epochs=200, lr=0.05):
        return solvers.sgd(features, labels, 3, 0.1, epochs, 50, lr, 0.9, np.random.default_rng(seed))

    np.testing.assert_array_equal(solve(0).weight, solve(0).weight)
    assert not np.array_equal(solve(0).weight, solve(1).weight)
    # What all classes have in common decides nothing, and only the weak penalty draws it to its optimum.
    difference = solve(0).weight - exact.weight
    assert np.abs(difference - difference.mean(axis=1, keepdims=True)).max() < 0.05
    assert (decisions(solve(0), features) == decisions(exact, features)).mean() > 0.98


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


@settings(max_examples=30)
@given(n=st.integers(1, 20), extra=st.integers(1, 40), rank=st.integers(1, 20), seed=st.integers(0, 1000))
def test_thin_coordinates_keep_all_inner_products(n, extra, rank, seed):
    generator = np.random.default_rng(seed)
    p = n + extra
    Z = generator.normal(size=(n, min(rank, n))) @ generator.normal(size=(min(rank, n), p))

    def blocks():
        for start in range(0, p, 7):
            yield slice(start, start + 7), Z[:, start : start + 7]

    found = low_rank.factorise(blocks, n)
    assert found.coordinates.shape == (n, min(rank, n))
    np.testing.assert_allclose(found.coordinates @ found.coordinates.T, Z @ Z.T, atol=1e-8)
    weight = generator.normal(size=(found.coordinates.shape[1], 3))
    wide = found.to_features(weight, p)
    np.testing.assert_allclose(Z @ wide, found.coordinates @ weight, atol=1e-6)
    np.testing.assert_allclose(wide.T @ wide, weight.T @ weight, atol=1e-6)
    np.testing.assert_allclose(found.to_coordinates(wide), weight, atol=1e-6)


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


def random_probe(p=8, classes=3, seed=0):
    draw = np.random.default_rng(seed).normal
    shapes = ((3, classes, p), (3, classes), (p,), (p,), (3,))
    return probe_weights.Probe(*(draw(size=shape).astype(np.float32) for shape in shapes))


def test_probes_come_back_as_they_were_whatever_their_layout_in_memory(tmp_path):
    path = tmp_path / "p.safetensors"
    stored = {(layer, step): random_probe(p, seed=p + step) for layer, p in (("a.b", 8), ("c", 5)) for step in (0, 7)}
    with probe_weights.writing(path, {"a.b": 8, "c": 5}, 3, {0: 0.0, 7: 1.5}, {"hyperparameters": {}}) as append:
        for probe in stored.values():
            append(probe_weights.Probe(*(np.asfortranarray(value) for value in vars(probe).values())))
    with probe_weights.reading(path) as reader:
        assert (reader.layers, reader.epochs) == (["a.b", "c"], {0: 0.0, 7: 1.5})
        for key, probe in stored.items():
            for name, value in vars(reader.read(*key)).items():
                np.testing.assert_array_equal(value, getattr(probe, name))
    tensors = load_file(path)  # the library's own reader
    np.testing.assert_array_equal(tensors["c/7/weight"], stored["c", 7].weight[0])
    np.testing.assert_array_equal(tensors["a.b/0/half_b/bias"], stored["a.b", 0].bias[2])


def test_the_time_to_read_a_probe_does_not_grow_with_the_file(tmp_path):
    blank = np.zeros((3, 2, 4), np.float32)
    with probe_weights.writing(tmp_path / "probes", {"a": 4}, 2, dict.fromkeys(range(3), 0.0), {}) as append:
        for _ in range(3):
            append(probe_weights.Probe(blank, blank[..., 0], blank[0, 0], blank[0, 0], blank[:, 0, 0]))

    class Counting:
        listed = 0

        def keys(self):
            self.listed += 1
            return opened.keys()

        def get_tensor(self, name):
            return opened.get_tensor(name)

    with tensor_files.reading(tmp_path / "probes", "numpy") as (opened, about):
        file = Counting()
        reader = probe_weights.Reader("probes", file, about)
        for step in range(3):
            reader.read("a", step)
    assert file.listed == 1


def test_a_file_with_fewer_probes_than_announced_is_not_left_behind(tmp_path):
    path = tmp_path / "p.safetensors"
    with (
        pytest.raises(ValueError, match="not all came"),
        probe_weights.writing(path, {"a": 8}, 3, {0: 0.0, 7: 1.5}, {}) as append,
    ):
        append(random_probe())
    assert list(tmp_path.iterdir()) == []


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
