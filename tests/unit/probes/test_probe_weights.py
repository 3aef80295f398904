import numpy as np
import pytest
from damage import with_a_changed_byte
from safetensors.numpy import load_file

from repdyn.errors import RepdynError
from repdyn.probes import probe_weights
from repdyn.storage import tensor_files


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


def random_coefficients(m=6, classes=3, seed=0):
    draw = np.random.default_rng(seed).normal
    shapes = ((3, classes, m), (3, classes), (3,), (3, classes, m))
    return probe_weights.Coefficients(*(draw(size=shape).astype(np.float32) for shape in shapes))


def test_a_file_may_hold_probes_of_both_kinds(tmp_path):
    path, stored = tmp_path / "é.safetensors", [random_probe(8), random_coefficients(6)]
    layers, about = {"narrow": 8, "wide": 6}, {"hyperparameters": {}}
    with probe_weights.writing(path, layers, 3, {5: 0.5}, about, coefficients={"wide"}) as append:
        for probe in stored:
            append(probe)
    with probe_weights.reading(path) as reader:
        for layer, probe in zip(layers, stored, strict=True):
            found = reader.read(layer, 5)
            assert type(found) is type(probe)
            for name, value in vars(found).items():
                np.testing.assert_array_equal(value, getattr(probe, name))
        with pytest.raises(RepdynError, match="is damaged"):
            reader.read("narrow", 6)


@pytest.mark.parametrize("index", [-1, -60, -200])
def test_a_changed_byte_of_a_probe_is_damage_to_it_alone(tmp_path, index):
    path = tmp_path / "p.safetensors"
    with probe_weights.writing(path, {"a": 4, "b": 5}, 2, {0: 0.0}, {}) as append:
        for p in (4, 5):
            append(random_probe(p, 2))
    path.write_bytes(with_a_changed_byte(path.read_bytes(), index))
    with probe_weights.reading(path) as reader:
        reader.read("a", 0)
        with pytest.raises(RepdynError, match=r"is damaged .the checksum of b at step 0 is not that of its probe"):
            reader.read("b", 0)


def test_tensors_that_are_no_probes_are_said_to_be_none(tmp_path):
    path = tmp_path / "other.safetensors"
    with path.open("wb") as file:
        tensor_files.write_header(file, {}, {})
    with pytest.raises(RepdynError, match="it is no file of probes"):
        probe_weights.reading(path).__enter__()


def test_folded_weights_score_raw_activations_of_far_means_and_a_tie_goes_to_the_first_class():
    probe = random_probe(8, 4, seed=3)
    mean, scale = np.float32(50) + probe.mean, np.abs(probe.scale) + np.float32(0.1)
    probe = probe_weights.Probe(probe.weight, probe.bias, mean, scale, probe.gradient)
    raw = (mean + scale * np.random.default_rng(4).normal(size=(200, 8))).astype(np.float32)
    plain = (raw.astype(np.float64) - mean) / scale @ probe.weight.reshape(12, 8).T.astype(np.float64)
    plain += probe.bias.ravel()
    weight, bias = probe.folded()
    assert weight.dtype == bias.dtype == np.float32 and (weight.shape, bias.shape) == ((12, 8), (12,))
    np.testing.assert_allclose(raw @ weight.T + bias, plain, atol=2e-4)
    np.testing.assert_array_equal(probe.predict(raw), plain[:, :4].argmax(axis=1))
    tied = probe_weights.Probe(0 * probe.weight, 0 * probe.bias, mean, scale, probe.gradient)
    assert not tied.predict(raw.astype(np.float16)).any()


def test_coefficients_regain_the_digits_that_rounding_took():
    """Where one direction has nearly all of the variance, and the classes are told apart by the others."""
    generator = np.random.default_rng(0)
    T = generator.normal(size=(12, 12)) * np.array([1e4, *np.ones(11)])
    gram = T @ T.T
    exact = generator.normal(size=(9, 12))
    exact -= exact @ T[:, :1] @ T[:, :1].T / np.square(T[:, 0]).sum()
    bias = generator.normal(size=(3, 3)).astype(np.float32)
    scores = ((exact @ gram).reshape(3, 3, 12) + bias[:, :, None]).astype(np.float32)
    rounded = probe_weights.Coefficients(
        exact.reshape(3, 3, 12).astype(np.float32), bias, np.zeros(3, dtype=np.float32), scores
    )
    off = np.abs(rounded.weight.reshape(9, 12) @ gram - exact @ gram).max()
    left = np.abs(rounded.exact(gram) @ gram - exact @ gram).max()
    assert off > 1 and left < 1e-3 * off
    found = rounded.predict(T, T)
    np.testing.assert_array_equal(found, scores[0].argmax(axis=0))


def test_coefficients_of_dead_units_decide_by_their_bias():
    probe = random_coefficients()
    np.testing.assert_array_equal(probe.exact(np.zeros((6, 6))), probe.weight.reshape(9, 6))
    found = probe.predict(np.zeros((4, 6)), np.zeros((6, 6)))
    assert found.tolist() == [int(probe.bias[0].argmax())] * 4
