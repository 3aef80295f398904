"""What runs on a GPU, run where there is none: on tensors that have shape, type and place, but no numbers.

torch itself says where each result would be, and refuses to mix places, as a GPU does. Numbers that Python asks for are
made up here; torch's backward pass needs a real GPU, so gradients are put where it puts them.
"""

from concurrent.futures import Future

import numpy as np
import pytest
import torch
from synthetic import Arrays, some, trajectory
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.serialization import skip_data
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from repdyn.config import sections
from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.data.loader import Feed
from repdyn.models import architectures
from repdyn.models.pooling import Reducer
from repdyn.probes.probe_weights import Probe
from repdyn.records.train import STATE
from repdyn.regions import labelling
from repdyn.regions.planes import PlaneSet
from repdyn.representations import extract
from repdyn.runtime import devices
from repdyn.similarity import bootstrap, cka, gram, minibatch
from repdyn.similarity.gram_torch import Torch
from repdyn.storage.origin import Origin
from repdyn.training.resume import StateFolder
from repdyn.training.trainer import Trainer

CPU, GPU = torch.device("cpu"), torch.device("cuda:1")  # not the one that torch takes by default
RANDOM_STATE = devices.random_state  # `watch` pretends that there is none


class Watch(TorchDispatchMode):
    """Notes what Python waits for until a GPU is done, copies that it does not wait for, and what is float64 there."""

    COPIES = (torch.ops.aten._to_copy, torch.ops.aten.copy_, torch.ops.aten.index)  # indices come to what they index

    def __init__(self):
        super().__init__()
        self.waits, self.streamed, self.float64 = [], 0, []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        keywords = keywords or {}
        result = function(*arguments, **keywords)
        tensors = [leaf for leaf in tree_leaves((arguments, result)) if isinstance(leaf, torch.Tensor)]
        if function.overloadpacket in self.COPIES and len({tensor.device for tensor in tensors}) > 1:
            if keywords.get("non_blocking"):
                self.streamed += 1
            else:
                self.waits.append(str(function))
        self.float64 += [str(function) for one in tensors if (one.device, one.dtype) == (GPU, torch.float64)]
        return result


@pytest.fixture
def watch(monkeypatch):
    """A GPU is there, on which fused kernels and lower precisions work, and nothing has numbers."""
    watched = Watch()

    def number(value):
        def of(tensor):
            if tensor.device != CPU:
                watched.waits.append("a number")
            return value

        return of

    def array(tensor):
        if tensor.device != CPU:
            raise TypeError(f"can't convert {tensor.device} device type tensor to numpy")
        return np.zeros(tensor.shape, str(tensor.dtype).removeprefix("torch."))

    def backward(loss, **_):
        waiting = [loss.grad_fn]
        while waiting:
            node = waiting.pop()
            if hasattr(node, "variable"):
                node.variable.grad = torch.empty_like(node.variable)
            waiting += [earlier for earlier, _ in getattr(node, "next_functions", ())]

    def build(*arguments, build=architectures.build, **keywords):
        with unset_fake_temporarily():  # a module cannot put weights without numbers elsewhere
            return build(*arguments, **keywords)

    class AtOnce:
        """In place of a thread, to which the pretence would not reach."""

        def __init__(self, max_workers):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, *arguments):
            future = Future()
            future.set_result(function(*arguments))
            return future

    for name, value in {"item": 0.5, "__bool__": True, "__int__": 1, "__float__": 1.0}.items():
        monkeypatch.setattr(torch.Tensor, name, number(value))
    monkeypatch.setattr(torch.Tensor, "numpy", array)
    monkeypatch.setattr(torch.Tensor, "backward", backward)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(architectures, "build", build)
    monkeypatch.setattr(devices, "prepare", lambda _: GPU)
    monkeypatch.setattr(devices, "random_state", lambda _: {})
    monkeypatch.setattr(gram, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # a real one is to be left alone
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10**9, 10**9))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    kernels = torch.library.Library("aten", "IMPL")
    kernels.impl("_fused_sgd_", lambda *_, **__: None, "Meta")  # the one used here that torch has no shapes for
    with FakeTensorMode(allow_non_fake_inputs=True), watched:
        yield watched
    kernels._destroy()


@pytest.fixture
def trainer(watch, config, tmp_path):
    def make(arch="resnet", optimizer="sgd", **training):
        config["training"] |= {"augmentation": {"padding": 1}} | training
        study = studies.parse(config)
        run = study.run(arch, optimizer, 0)
        folder = StateFolder(tmp_path, Origin(STATE, run, {}), "")
        made = Trainer(study, run, subsets.load(study.data, tmp_path, 0), folder)
        made.steps = []  # checkpoints are bytes
        watch.waits, watch.float64 = [], []
        return made

    return make


def state_of(optimizer):
    return [value for of_one in optimizer.state.values() for value in of_one.values()]


@pytest.mark.parametrize("arch", ["resnet", "vit"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_training_and_evaluation_stay_on_the_gpu(trainer, arch, optimizer, precision):
    made = trainer(arch, optimizer, precision=precision, clip_norm=1.0, label_smoothing=0.1)
    computed = set()
    made.model.get_submodule("layer1.0.conv1" if arch == "resnet" else "blocks.0.mlp.fc1").register_forward_hook(
        lambda _, __, output: computed.add((output.device, output.dtype))
    )
    made._train_epoch(0, {})
    made._evaluate(0.0)
    assert computed == {(GPU, getattr(torch, precision)), (GPU, torch.float32)}  # in which change is measured
    state = state_of(made.take_step.optimizer)
    kept = [*made.model.parameters(), *(p.grad for p in made.model.parameters()), *made.model.buffers(), *state]
    assert len(state) == len(list(made.model.parameters())) * (1 if optimizer == "sgd" else 3)
    assert {tensor.device for tensor in kept} == {GPU}
    assert (made.take_step._scaler is not None) == (precision == "float16")
    assert made.history[0]["train_accuracy"] == made.history[0]["mislabelled_accuracy"] == 1.0


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("free", [10**9, 0])
def test_no_step_waits_for_the_gpu(trainer, watch, monkeypatch, precision, free):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, free))
    waits, streamed = [], []
    for batch_size in (60, 20):  # 2 steps in an epoch, and 6
        made = trainer(batch_size=batch_size, precision=precision, clip_norm=1.0)
        watch.streamed = 0
        made._train_epoch(0, {})
        waits.append(list(watch.waits))
        streamed.append(watch.streamed)
    assert waits[0] == waits[1]
    assert streamed == ([0, 0] if free else [2, 6])


def test_what_is_measured_needs_no_float64_on_the_gpu(trainer, watch):
    made = trainer()
    made._train_epoch(0, {})
    made._evaluate(0.0)
    assert not watch.float64


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize(("free", "streamed"), [(10**9, False), (0, True)])
@pytest.mark.parametrize("order", [None, range(30)])
def test_batches_come_to_the_gpu_from_memory_that_need_not_be_waited_for(monkeypatch, free, streamed, order):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor.device) or tensor)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, free))
    fed = Feed(some(3), GPU)
    assert fed.streamed == streamed
    batches = list(fed.batches(16, None if order is None else torch.tensor(order)))
    assert [len(batch) for batch in batches] == ([16, 16, 9] if order is None else [16, 14])
    assert {(batch.device, batch.dtype) for batch in batches} == {(GPU, torch.float32)}
    assert all(batch.is_contiguous(memory_format=torch.channels_last) for batch in batches)
    assert pinned == ([CPU] * len(batches) if streamed else [])


def test_a_state_is_read_where_there_is_no_gpu_and_continued_where_there_is_one(trainer, monkeypatch):
    random = []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.full((16,), device.index, device=CPU))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: random.append((state.device, device)))
    made = trainer(optimizer="adam", precision="float16")
    made._train_epoch(0, {})
    with skip_data(materialize_fake_tensors=True), monkeypatch.context() as kept:
        kept.setattr(devices, "random_state", RANDOM_STATE)
        made._save()
    with unset_fake_temporarily():
        state = made.folder.load([])
    there = [*state["model"].values(), state["random"]["torch"], *state["device_random"].values()]
    for part in state["steps"]["optimizer"]:
        there += [value for of_one in part["state"]["state"].values() for value in of_one.values()]
    assert {type(tensor) for tensor in there} == {torch.Tensor}
    assert {tensor.device for tensor in there} == {CPU}
    other = trainer(optimizer="adam", precision="float16")
    monkeypatch.setattr(other.folder, "load", lambda _: state)
    monkeypatch.setattr(torch, "set_rng_state", lambda _: None)
    other._resume()
    assert {tensor.device for tensor in state_of(other.take_step.optimizer)} == {GPU}
    assert random == [(CPU, GPU)]
    other._train_epoch(1, {})


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize(
    ("arch", "reduction", "features"),
    [
        ("resnet", {"pool": 2, "tokens": "all"}, [16, 16, 16, 32, 8]),
        ("vit", {"pool": None, "tokens": "class"}, [16, 16, 16, 16]),
        ("vit", {"pool": None, "tokens": "mean"}, [16, 16, 16, 16]),
    ],
)
def test_activations_are_computed_on_the_gpu_and_kept_on_the_cpu(config, arch, reduction, features):
    study = studies.parse(config)
    model, layers = extract.network(study, study.run(arch, "sgd", 0), GPU)
    found = extract.forward(model, layers, some(1), GPU, Reducer(sections.Reduction(**reduction), model, 0))
    assert [tensor.shape for tensor in found.values()] == [(41, p) for p in features]
    assert {tensor.device for tensor in found.values()} == {CPU}


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize("arch", ["resnet", "vit"])
def test_planes_are_labelled_on_the_gpu(config, arch):
    study = studies.parse(config)
    model, layers = extract.network(study, study.run(arch, "sgd", 0), GPU)
    reduction = Reducer(sections.Reduction(pool=2, tokens="class"), model, 0)
    first = extract.forward(model, layers, some(1), GPU, reduction)

    def probe(p):
        return Probe(*(np.ones(shape, np.float32) for shape in ((3, 10, p), (3, 10), (p,), (p,), (3,))))

    probes = {layer: probe(activations.shape[1]) for layer, activations in first.items()}

    axes, coordinates = np.ones((2, 64), np.float32), np.ones((2, 5))
    points = labelling.Points(PlaneSet("test", np.arange(2), axes, axes, axes, coordinates, coordinates), GPU)
    batches = list(points.batches(slice(0, 2), 30))
    assert {batch.device for batch in batches} == {GPU}
    readout = labelling.Readout.of(probes, GPU)
    labeller = labelling.Labeller(model, layers, (1, 8, 8), labelling.batch_size([64], 64, GPU, 2**30), reduction)
    labels, halves = labeller.label(readout, iter(batches), 50, with_halves=True)
    assert labels.shape == (len(first) + 1, 50)
    assert halves.shape == (len(first), 2, 50)


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize(("dtype", "scale"), [(np.float16, 1), (np.float32, 1e20), (np.float64, 1)])
def test_grams_are_multiplied_on_the_gpu(dtype, scale):
    class Noting(Torch):
        places, multiplied, compared = set(), 0, 0

        def gram(self, X, start, out):
            self.places |= {X.device, out.device}
            self.multiplied += 1
            super().gram(X, start, out)

        def inner(self, S):
            self.places.add(S.device)
            self.compared += 1
            return super().inner(S)

    X, backend = Arrays([(scale * x).astype(dtype) for x in trajectory(260, 30, E=3)]), Noting(GPU)
    found = [
        cka.similarities(X, 2 * 10**6, backend),
        cka.similarities(X, 95_000, backend),
        minibatch.similarities(X, 65, 2 * 10**6, backend),
        bootstrap.similarities(X, 2 * 10**6, backend, 20, 0.9, 0),
    ]
    assert [each.biased.shape for each in found] == [(3, 3)] * 4
    bands, batches = len(list(gram.bands(3, 260, 95_000 - gram.FLOATS * 260 * 15))), 4
    assert backend.compared == 1 + bands + batches + 1
    assert backend.multiplied == 3 * (1 + 2 * bands + batches + 1)  # features in two slices, where there are bands
    assert backend.places == {GPU}
