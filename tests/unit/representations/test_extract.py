import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from damage import with_a_changed_byte
from synthetic import Arrays
from torch import nn

from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.models import architectures, batch_norm
from repdyn.planning import check, model_size
from repdyn.records.activations import ACTIVATIONS
from repdyn.records.batch_norm import BATCH_NORM
from repdyn.records.inputs import INPUTS
from repdyn.representations import extract
from repdyn.representations.table import Representations
from repdyn.similarity import cka
from repdyn.stages import activations as activations_stage
from repdyn.stages import train as train_stage
from repdyn.storage import tables
from repdyn.training import checkpoints
from repdyn.types import Inputs


@pytest.fixture
def trained(make_job, config):
    def train(arch="resnet", **changes):
        config["training"]["epochs"] = 2
        for key, value in changes.items():
            config[key] = config.get(key, {}) | value
        train_stage.main(make_job("train", config, arch))
        return make_job("activations", config, arch)

    return train


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.relu = nn.BatchNorm1d(3), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.norm(x))


def test_an_in_place_operation_does_not_overwrite_what_was_observed():
    model = InPlace().eval()
    x = torch.randn(5, 3)
    with extract.tap(model, {"norm": "norm"}) as outputs, torch.inference_mode():
        model(x)
    assert torch.equal(outputs["norm"], model.norm(x))
    assert (outputs["norm"] < 0).any()


def test_hooks_are_gone_afterwards():
    model = InPlace().eval()
    with extract.tap(model, {"norm": "norm"}) as outputs:
        pass
    model(torch.randn(5, 3))
    assert outputs == {}


class HeadFirst(nn.Module):
    """Defined from the last layer to the first; calls its nonlinearity twice, and does not take images one by one."""

    def __init__(self, in_chans, num_classes, img_size):
        super().__init__()
        self.head, self.tanh = nn.Linear(8, num_classes), nn.Tanh()
        self.second, self.first = nn.Linear(8, 8), nn.Linear(in_chans * img_size**2, 8)

    def forward(self, images):
        return self.head(self.tanh(self.second(self.tanh(self.first(images.flatten(1)).squeeze()))))


def test_layers_come_in_order_of_depth_whatever_order_they_are_defined_in(config):
    config["archs"] = {"mine": {"model": f"{__name__}:HeadFirst", "layers": ["first", "second", "tanh"]}}
    study = studies.parse(config)
    _, layers = extract.network(study, study.run("mine", "sgd", 0), torch.device("cpu"))
    assert list(layers) == ["first", "second", "tanh"], "of two calls the last counts: its output is what is kept"
    assert list(model_size.measure(study, "mine", study.data).features) == list(layers)
    assert list(check.check_architecture(study, "mine").layers) == list(layers)


@pytest.mark.parametrize("arch", ["resnet", "vit"])
def test_the_table_holds_the_network_s_activations_in_eval_mode(trained, arch):
    job = trained(arch)
    activations_stage.main(job)
    table = Representations(*job.place(ACTIVATIONS))
    model, layers = extract.network(job.study, job.run, torch.device("cpu"))
    assert table.layers == list(layers)
    examples = subsets.load(job.study.data, job.data_root, job.run.seed)
    splits = extract.choose(job.study.activations, examples, 0)
    step = int(table.steps[-1])
    checkpoints.load(job.paths.checkpoint(job.run.path, step), model)
    # All training images, as there are fewer than are asked for.
    batch_norm.reestimate(model, batch_norm.find(model), torch.from_numpy(examples.train.inputs[:]))
    for split, examples in splits.items():
        assert np.array_equal(table.examples(split)["example"], examples.examples)
        assert np.array_equal(table.examples(split)["given_label"], examples.given_labels)
        with extract.tap(model, layers) as outputs, torch.inference_mode():
            model(torch.from_numpy(examples.inputs[:]))
        for layer in layers:
            found = table.read(layer, step, split)
            assert found.dtype == np.float16
            assert found.shape == (len(examples), table.features(layer))
            np.testing.assert_allclose(found, outputs[layer].numpy(), rtol=2e-3, atol=1e-4)


def test_the_examples_that_are_compared_are_kept_as_the_network_gets_them(trained):
    job = trained("vit")
    activations_stage.main(job)
    table, found = Representations(*job.place(ACTIVATIONS)), tables.read(*job.place(INPUTS)).to_pandas()
    examples = subsets.load(job.study.data, job.data_root, job.run.seed)
    compared = extract.choose(job.study.activations, examples, 0)["similarity"]
    assert np.array_equal(found["example"], table.examples("similarity")["example"])
    assert np.array_equal(np.stack(found["input"]), compared.inputs[:].reshape(len(compared), -1))


@pytest.mark.parametrize(("arch", "batch_norm_images"), [("resnet", 1000), ("resnet", 16), ("vit", 1000)])
def test_how_much_reestimated_statistics_change_is_a_table(trained, arch, batch_norm_images):
    job = trained(arch, activations={"batch_norm_images": batch_norm_images})
    activations_stage.main(job)
    found = tables.read(*job.place(BATCH_NORM)).to_pandas()
    if arch == "vit":
        assert found.empty
        return
    table = Representations(*job.place(ACTIVATIONS))
    assert list(found["layer"]) == [*table.layers, "output"] * len(table.steps)
    assert list(found["depth"]) == [*range(len(table.layers) + 1)] * len(table.steps)
    assert found["cka"].between(0, 1).all()
    assert found["same_class"].notna().equals(found["layer"] == "output")
    # Statistics of other weights, and of fewer images, give other activations; the same ones have 1, to rounding.
    assert found.query("layer == 'layer4.0' and step == 0")["cka"].item() < 0.999
    stored = trained(arch, activations={"batch_norm": "stored"})
    activations_stage.main(stored)
    assert tables.read(*stored.place(BATCH_NORM)).num_rows == 0
    other = Representations(*stored.place(ACTIVATIONS))
    assert not np.array_equal(other.read("layer4.0", 0, "probe"), table.read("layer4.0", 0, "probe"))


def test_one_row_group_for_each_checkpoint_and_split(trained):
    job = trained()
    activations_stage.main(job)
    file = pq.ParquetFile(job.paths.activations(job.run.path))
    assert file.num_row_groups == 2 * len(Representations(job.paths.activations(job.run.path)).steps)
    assert file.schema_arrow.names[:6] == ["step", "epoch", "split", "example", "label", "given_label"]


def test_a_layer_beyond_float16_is_stored_in_float32_and_only_that(trained, monkeypatch):
    job = trained("vit")
    forward = extract.forward
    monkeypatch.setattr(
        extract, "forward", lambda *a: {k: v * 1e6 if k == "norm" else v for k, v in forward(*a).items()}
    )
    activations_stage.main(job)
    table = Representations(job.paths.activations(job.run.path))
    kinds = {layer: table.read(layer, 0, "probe").dtype for layer in table.layers}
    assert kinds.pop("norm") == np.float32
    assert set(kinds.values()) == {np.dtype(np.float16)}
    assert np.isfinite(table.read("norm", 0, "probe")).all()


@pytest.mark.parametrize(
    ("scale", "shift", "fits"),
    [(1, 0, True), (1, 20, True), (1e4, 0, True), (1e-6, 0, False), (1e-9, 0, False), (1, 1e4, False), (1e5, 0, False)],
)
def test_float16_does_for_a_layer_if_what_tells_examples_apart_survives_it(scale, shift, fits):
    generator = np.random.default_rng(0)
    examples = scale * generator.normal(size=(60, 40)) + shift
    # Another representation, half alike.
    other = scale * (examples / scale + generator.normal(size=(60, 40)))
    both = [torch.tensor(x, dtype=torch.float32) for x in (examples, other)]
    assert extract.fits_float16(both[0]) == fits
    if fits:
        exact, stored = (
            cka.similarities(Arrays([x.to(kind).numpy() for x in both]), 1e9).biased[0, 1]
            for kind in (torch.float32, torch.float16)
        )
        assert stored == pytest.approx(exact, abs=1e-4)


def test_a_constant_layer_fits_into_float16():
    assert extract.fits_float16(torch.full((50, 3), 0.1))
    assert extract.fits_float16(torch.zeros((50, 3)))


def test_activations_that_are_not_numbers_are_named_by_layer_and_step(trained, monkeypatch):
    job = trained("vit")
    forward = extract.forward
    monkeypatch.setattr(extract, "forward", lambda *a: {k: v * torch.nan for k, v in forward(*a).items()})
    with pytest.raises(RepdynError, match="Layer `patch_embed` has activations that are NaN or infinite at step 0"):
        activations_stage.main(job)


def test_all_runs_compare_the_same_examples(config, make_job):
    chosen = []
    for seed in (0, 1):
        job = make_job("activations", config, seed=seed)
        examples = subsets.load(job.study.data, job.data_root, seed)
        splits = extract.choose(job.study.activations, examples, 0)
        chosen.append(splits["similarity"].examples)
        assert set(splits["probe"].examples) <= set(examples.train.examples)
        assert not set(splits["similarity"].examples) & set(examples.train.examples)
    assert np.array_equal(*chosen)


def test_a_missing_or_damaged_checkpoint_is_named_and_the_old_table_stays(trained):
    from pathlib import Path

    job = trained()
    activations_stage.main(job)
    table = Path(job.paths.activations(job.run.path))
    before = table.read_bytes()
    checkpoint = Path(job.paths.checkpoint(job.run.path, 4))
    content = checkpoint.read_bytes()
    checkpoint.unlink()
    with pytest.raises(RepdynError, match=r"step=4.safetensors` is not there; Snakemake makes it"):
        activations_stage.main(job)
    checkpoint.write_bytes(content[:-7])
    with pytest.raises(RepdynError, match=r"step=4.safetensors` is damaged .* delete it and run Snakemake again"):
        activations_stage.main(job)
    checkpoint.write_bytes(with_a_changed_byte(content, len(content) // 2))
    with pytest.raises(RepdynError, match=r"step=4.safetensors` is damaged .its checksum is not that of its tensors"):
        activations_stage.main(job)
    assert table.read_bytes() == before


def test_checkpoints_of_other_hyperparameters_are_refused(trained, config, make_job):
    trained()
    config["optimizers"]["sgd"]["lr"] = 0.5
    with pytest.raises(RepdynError, match=r"was made with optimizer.lr = 0.05, but 0.5 is asked for"):
        activations_stage.main(make_job("activations", config))


def test_networks_are_built_the_same_for_training_and_for_looking(config, make_job):
    job = make_job("activations", config)
    model, _ = extract.network(job.study, job.run, torch.device("cpu"))
    other = architectures.build(job.study.archs["resnet"], Inputs((1, 8, 8)), 10, seed=5)
    assert [(n, t.shape) for n, t in model.state_dict().items()] == [
        (n, t.shape) for n, t in other.state_dict().items()
    ]
