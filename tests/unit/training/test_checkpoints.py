import json

import pytest
import torch
from damage import with_a_changed_byte
from safetensors import safe_open
from torch import nn

from repdyn.config.study import Run
from repdyn.errors import DamagedError, MissingError, RepdynError
from repdyn.records.train import CHECKPOINT
from repdyn.storage.origin import Origin
from repdyn.training import checkpoints

RUN = Run("vit", "sgd", 0)
ABOUT = {"table": "checkpoints", "stage": "train", "run": RUN.facts, "step": 3, "hyperparameters": {"lr": 0.1}}
KINDS = list(checkpoints._DTYPES)


def bits(tensor):
    return tensor.dtype, tuple(tensor.shape), tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


class Tied(nn.Module):
    """Shared weights, weights that lie in another order in memory, and buffers."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(2, 4, 3)
        self.second.weight = self.first.weight
        self.to(memory_format=torch.channels_last)
        self.register_buffer("cached", torch.arange(3), persistent=False)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_tensors_of_every_type_and_shape_are_read_to_the_bit(tmp_path, kind):
    size = torch.empty((), dtype=kind).itemsize
    raw = torch.randint(0, 2 if kind == torch.bool else 256, (6 * size,), dtype=torch.uint8)
    tensors = {"é": raw.view(kind).reshape(2, 3), "scalar": raw[:size].view(kind)[0], "empty": raw[:0].view(kind)}
    checkpoints.write(tmp_path / "a", tensors, ABOUT)
    found = checkpoints.read(tmp_path / "a")
    assert {name: bits(tensor) for name, tensor in found.items()} == {
        name: bits(tensor) for name, tensor in tensors.items()
    }


def test_a_type_that_the_format_lacks_is_refused_by_name_and_nothing_is_written(tmp_path):
    said = r"^A checkpoint cannot hold `b`, which is of torch\.complex128; use another type\.$"
    with pytest.raises(RepdynError, match=said):
        checkpoints.write(tmp_path / "a", {"a": torch.ones(2), "b": torch.ones(2, dtype=torch.complex128)}, ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_each_tensor_begins_at_a_multiple_of_its_item_size(tmp_path):
    tensors = {"a": torch.ones(3, dtype=torch.int8), "b": torch.ones(5), "c": torch.ones(1, dtype=torch.float64)}
    checkpoints.write(tmp_path / "a", tensors, ABOUT)
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    starts = {name: 8 + length + header[name]["data_offsets"][0] for name in tensors}
    assert all(start % tensors[name].itemsize == 0 for name, start in starts.items())


def test_bytes_follow_from_the_tensors_and_not_from_their_order(tmp_path):
    tensors = {"a": torch.ones(2), "b": torch.zeros(3), "c": torch.ones(1, dtype=torch.int64)}
    checkpoints.write(tmp_path / "a", tensors, ABOUT)
    checkpoints.write(tmp_path / "b", dict(reversed(tensors.items())), ABOUT)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_network_gets_its_weights_and_buffers_and_keeps_what_is_tied_and_its_modes(tmp_path):
    torch.manual_seed(0)
    model, other = Tied(), Tied()
    model.norm.running_mean.fill_(5.0)
    other.norm.eval()
    other.cached.fill_(7)
    checkpoints.save(tmp_path / "a", model, ABOUT)
    checkpoints.load(tmp_path / "a", other)
    assert {name: bits(t) for name, t in other.state_dict().items()} == {
        name: bits(t) for name, t in model.state_dict().items()
    }
    assert other.second.weight is other.first.weight
    assert other.training
    assert other.cached.tolist() == [7, 7, 7]
    checkpoints.load(tmp_path / "a", other.eval())
    assert not any(module.training for module in other.modules())


def test_any_reader_of_the_format_finds_shared_weights_under_each_name(tmp_path):
    model = Tied()
    checkpoints.save(tmp_path / "a", model, ABOUT)
    with safe_open(tmp_path / "a", framework="pt") as file:
        assert set(file.keys()) == set(model.state_dict())
        assert torch.equal(file.get_tensor("second.weight"), model.first.weight)
        about = json.loads(file.metadata()["repdyn"])
    assert about.items() >= ABOUT.items()


class Caches(nn.Linear):
    """Keeps what it makes of its weights until it is trained, and begins without."""

    product = None

    def train(self, mode=True):
        if mode:
            self.product = None
        return super().train(mode)

    def forward(self, x):
        if self.product is None:
            self.product = self.weight.detach().T.clone()
        return x @ self.product


def test_what_a_network_kept_of_its_former_weights_is_gone(tmp_path):
    new, model, x = Caches(3, 2).eval(), Caches(3, 2).eval(), torch.ones(1, 3)
    model(x)
    checkpoints.save(tmp_path / "a", new, ABOUT)
    checkpoints.load(tmp_path / "a", model)
    assert torch.equal(model(x), new(x))
    assert not model.training


@pytest.mark.parametrize("other", [nn.Linear(2, 3), nn.Linear(3, 2, bias=False), nn.Sequential(nn.Linear(3, 2))])
def test_tensors_of_another_network_are_refused_in_one_line(tmp_path, other):
    checkpoints.save(tmp_path / "a", nn.Linear(3, 2), ABOUT)
    with pytest.raises(DamagedError, match=r"/a` is damaged \(its tensors are not those of the network: ") as caught:
        checkpoints.load(tmp_path / "a", other)
    assert "\n" not in str(caught.value)


def test_a_byte_of_a_tensor_that_has_changed_is_found(tmp_path):
    checkpoints.save(tmp_path / "a", nn.Linear(3, 2), ABOUT)
    content = (tmp_path / "a").read_bytes()
    for place in range(-4 * 8, 0):
        (tmp_path / "a").write_bytes(with_a_changed_byte(content, place))
        with pytest.raises(DamagedError, match="its checksum is not that of its tensors"):
            checkpoints.read(tmp_path / "a")


def test_a_checkpoint_of_another_step_run_or_setting_is_refused(tmp_path):
    checkpoints.save(tmp_path / "a", nn.Linear(3, 2), ABOUT)
    wanted = Origin(CHECKPOINT, RUN, {"lr": 0.1}, step=3)
    assert checkpoints.read(tmp_path / "a", wanted).keys() == {"weight", "bias"}
    with pytest.raises(RepdynError, match=r"at step 3, but .* at step 4 belongs there"):
        checkpoints.read(tmp_path / "a", wanted.at(4))
    with pytest.raises(RepdynError, match=r"was made with lr = 0\.1, but 0\.2 is asked for"):
        checkpoints.load(tmp_path / "a", nn.Linear(3, 2), Origin(CHECKPOINT, RUN, {"lr": 0.2}, step=3))
    with pytest.raises(MissingError):
        checkpoints.read(tmp_path / "b")
