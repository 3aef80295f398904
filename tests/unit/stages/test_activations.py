import numpy as np
import pytest
import torch
from tiny_stages import Array, Config, MakeJob, take_checkpoints, with_perceptron, written_out
from torch import nn

from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.models.observation import Copy
from repdyn.pipeline.jobs import Job
from repdyn.records.activations import ACTIVATIONS, PROBE_VIEW
from repdyn.records.batch_norm import BATCH_NORM
from repdyn.records.inputs import INPUTS
from repdyn.records.layers import LAYERS
from repdyn.representations.table import Representations
from repdyn.stages import activations
from repdyn.storage import tables


@pytest.fixture
def job(make_job: MakeJob, config: Config) -> Job:
    return make_job("activations", with_perceptron(config), "mlp")


def examples_of(job: Job, table: Representations, split: str) -> subsets.Examples:
    """The examples that a split of a table names, from the data themselves."""
    examples = subsets.load(job.data, job.data_root, job.run.seed)
    pool = examples.common if split == "similarity" else examples.train
    where = {example: index for index, example in enumerate(pool.examples.tolist())}
    return pool.subset(np.array([where[example] for example in table.examples(split)["example"].tolist()]))


def test_each_layer_holds_what_the_checkpoint_s_network_gives_for_each_example(job: Job) -> None:
    stored = take_checkpoints(job)
    activations.main(job)
    table = Representations(*job.place(ACTIVATIONS))
    assert table.layers == ["relu", "tanh"]
    assert table.checkpoints == {0: 0.0, 4: 1.0, 8: 2.0}
    for split, n in (("similarity", 40), ("probe", 100)):
        examples = examples_of(job, table, split)
        assert len(examples) == n
        for name in ("label", "given_label"):
            np.testing.assert_array_equal(table.examples(split)[name], getattr(examples, f"{name}s"))
        for step, weights in stored.items():
            expected = written_out(weights, examples.inputs[:])
            for layer in table.layers:
                found = table.read(layer, step, split)
                assert found.dtype == np.float16
                np.testing.assert_allclose(found, expected[layer], rtol=1e-3, atol=1e-3)
    assert Representations(*job.place(PROBE_VIEW)).layers == []


def test_layers_inputs_and_batch_norm_have_tables_of_their_own(job: Job) -> None:
    take_checkpoints(job)
    activations.main(job)
    layers = tables.read(*job.place(LAYERS)).to_pylist()
    assert [(row["layer"], row["depth"], row["kind"], row["features"]) for row in layers] == [
        ("relu", 0, "ReLU", 6),
        ("tanh", 1, "Tanh", 5),
    ]
    table = Representations(*job.place(ACTIVATIONS))
    inputs = tables.read(*job.place(INPUTS)).to_pandas()
    assert inputs["example"].tolist() == table.examples("similarity")["example"].tolist()
    pixels = examples_of(job, table, "similarity").inputs[:]
    np.testing.assert_array_equal(np.stack(inputs["input"].to_list()), pixels.reshape(40, -1))
    assert len(tables.read(*job.place(BATCH_NORM))) == 0, "a perceptron has none"


def test_a_layer_that_float16_cannot_hold_is_stored_as_float32_at_every_checkpoint(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    def enlarge(step: int, model: nn.Module) -> None:
        if step == 8:
            model.get_parameter("first.weight").mul_(1e6)

    stored = take_checkpoints(job, enlarge)
    with caplog.at_level("INFO"):
        activations.main(job)
    table = Representations(*job.place(ACTIVATIONS))
    inputs = examples_of(job, table, "similarity").inputs[:]
    for step, weights in stored.items():
        found = table.read("relu", step, "similarity")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, written_out(weights, inputs)["relu"], rtol=1e-5, atol=1e-5)
        assert table.read("tanh", step, "similarity").dtype == np.float16
    assert "layer relu does not fit into float16 and is stored as float32; starting again" in caplog.text


def test_activations_that_are_not_finite_are_refused_with_the_layer_and_the_step(job: Job) -> None:
    def spoil(step: int, model: nn.Module) -> None:
        if step == 4:
            model.get_parameter("second.bias").fill_(torch.nan)

    take_checkpoints(job, spoil)
    with pytest.raises(RepdynError, match="Layer `tanh` has activations that are NaN or infinite at step 4"):
        activations.main(job)
    with pytest.raises(RepdynError, match=r"`a` .* at step 3"):
        activations.check_finite({"b": torch.ones(2, 2), "a": torch.tensor([[1.0, -torch.inf]])}, 3)


def test_a_wide_layer_is_held_as_coordinates_with_the_inner_products_of_its_features(
    make_job: MakeJob, config: Config
) -> None:
    config["activations"] |= {"similarity_examples": 12, "probe_examples": 15}
    job = make_job("activations", with_perceptron(config, widths=[50, 5]), "mlp")
    stored = take_checkpoints(job)
    activations.main(job)
    table, view = (Representations(*job.place(record)) for record in (ACTIVATIONS, PROBE_VIEW))
    assert (sorted(table.coordinates), view.layers) == (["relu"], ["relu"])
    compared, trained_on = (examples_of(job, table, split).inputs[:] for split in ("similarity", "probe"))
    for step, weights in stored.items():
        found = table.read("relu", step, "similarity").astype(np.float64)
        X = written_out(weights, compared)["relu"]
        X -= X.mean(0)
        np.testing.assert_allclose(found @ found.T, X @ X.T, atol=1e-4 * np.trace(X @ X.T))
        # Probes see features that are standardised as those that they are trained on.
        Z = written_out(weights, trained_on)["relu"]
        alive = Z.std(0) > 0
        Z = (Z[:, alive] - Z[:, alive].mean(0)) / Z[:, alive].std(0)
        seen = view.read("relu", step, "probe").astype(np.float64)
        np.testing.assert_allclose(seen @ seen.T, Z @ Z.T, atol=1e-3 * np.trace(Z @ Z.T) / len(Z))


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        ([[1.0, np.nan]], False),
        ([[1.0, 2.0]], True),
        ([[np.nan, np.nan]], True),
    ],
)
def test_a_copy_is_left_out_only_while_it_holds_the_same_numbers(found: Array, fails: bool) -> None:
    given = {"kept": torch.tensor([[1.0, torch.nan]]), "copy": torch.tensor(found)}
    copies = {"copy": Copy("head.1", "kept")}
    if fails:
        with pytest.raises(RepdynError, match=r"`copy` was to be left out, as the same as `kept`.*step 7.*`head\.1`"):
            activations.without_copies(given, copies, 7)
    else:
        assert list(activations.without_copies(given, copies, 7)) == ["kept"]
