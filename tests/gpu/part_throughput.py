"""Images per second of training the ResNet and the ViT of ``workflow/studies/cifar10.yaml`` on made-up images.

In float32, TF32 and bfloat16, compiled or not: epochs of the trainer, without evaluations and checkpoints. Beside it
the loop that everybody writes, over a DataLoader of tensors in page-locked memory, with torch's fastest kernels in
place of deterministic ones, in the same precision; and the card's product of two matrices, of whose FLOP/s training has
a share. FLOPs are those that torch counts in a forward and a backward pass. TF32 is no setting of training, but shows
what it would give.

Compiling takes long, so it comes last, in order of interest, while there is time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import paper_scale
import torch
from paper_scale import seconds
from reporting import Report
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from repdyn.catalogue.paths import Paths
from repdyn.data import datasets, subsets
from repdyn.models import architectures
from repdyn.pipeline.jobs import Job
from repdyn.records.train import STATE
from repdyn.runtime import devices
from repdyn.training import trainer
from repdyn.training.resume import StateFolder

PRECISIONS = ("float32", "TF32", "bfloat16")
COMPILED = ("bfloat16", "float32", "TF32")
COMPILING = 45.0  # seconds that compiling may take, until one has been seen


def allow_tf32(precision: str) -> None:
    """Let products be TF32, or not."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "TF32"


def matrix_product(device: str, precision: str, n: int) -> float:
    """FLOP/s of a product of two n × n matrices."""
    place = devices.prepare(device)
    allow_tf32(precision)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    one, other = (torch.randn(n, n, device=place, dtype=dtype) for _ in range(2))
    return 2 * n**3 / seconds(lambda: one @ other, device, 3, 10)


class Bench:
    """The study on made-up images, and what trains on them."""

    def __init__(self, folder: Path, device: str, tiny: bool) -> None:
        self.device, self._folder, self._tiny = device, folder, tiny
        self.images, self.batch = (64, 16) if tiny else (12_800, 128)
        self._made = 0

    def study(self, precision: str, compiled: bool) -> paper_scale.Study:
        """The study in a precision; TF32 is set beside it."""
        precision = "float32" if precision == "TF32" else precision
        return paper_scale.with_images(
            self._folder, self.images, self.batch, self.device, self._tiny, precision=precision, compile=compiled
        )

    def epoch(self, arch: str, precision: str, compiled: bool) -> Callable[[], None]:
        """An epoch of the trainer."""
        study = self.study(precision, compiled)
        job = Job("train", study, Paths(str(self._folder)), study.run(arch, "sgd", 0))
        examples = subsets.load(job.data, job.data_root, 0)
        self._made += 1
        folder = StateFolder(self._folder / f"state-{self._made}", job.origin(STATE), "benchmark")
        made = trainer.Trainer(study, job.run, examples, folder)
        made.steps = []
        allow_tf32(precision)
        numbers = iter(range(10**9))
        return lambda: made._train_epoch(next(numbers), {})

    def plain_loop(self, arch: str, precision: str) -> Callable[[], None]:
        """An epoch of the loop that everybody writes."""
        study = self.study("float32", False)
        run, place = study.run(arch, "sgd", 0), devices.prepare(self.device)
        torch.set_deterministic_debug_mode("default")
        allow_tf32(precision)
        data = study.data_of(run)
        model = architectures.of_run(study, run, datasets.inputs(data), 10).to(place)
        optimizer = torch.optim.SGD(model.parameters(), lr=study.learning_rate(run), momentum=0.9)
        train = subsets.load(data, self._folder, 0).train
        tensors = TensorDataset(torch.from_numpy(train.inputs[:]), torch.from_numpy(train.given_labels))
        loader = DataLoader(tensors, batch_size=self.batch, shuffle=True, pin_memory=self.device == "cuda")
        half = torch.autocast(self.device, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()

        def epoch() -> None:
            model.train()
            for images, labels in loader:
                images, labels = images.to(place, non_blocking=True), labels.to(place, non_blocking=True)  # noqa: PLW2901
                optimizer.zero_grad()
                with half:
                    loss = F.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()

        return epoch

    def flops(self, arch: str) -> float:
        """FLOPs of a step, for each image."""
        study = self.study("float32", False)
        run, place = study.run(arch, "sgd", 0), devices.prepare(self.device)
        inputs = datasets.inputs(study.data_of(run))
        model = architectures.of_run(study, run, inputs, 10).to(place)
        images = torch.zeros(self.batch, *inputs.shape, device=place)
        with FlopCounterMode(display=False) as counter:
            model(images).sum().backward()
        return counter.get_total_flops() / self.batch


def main(report: Report, device: str, tiny: bool) -> None:
    """Measure."""
    products = {precision: matrix_product(device, precision, 256 if tiny else 8192) for precision in PRECISIONS}
    for precision, product in products.items():
        report.row(f"product of matrices, {precision}", product / 1e12, "TFLOP/s")
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), device, tiny)
        flops = {arch: bench.flops(arch) for arch in ("resnet", "vit")}

        def rate(title: str, arch: str, precision: str, make: Callable[[], Callable[[], None]]) -> float | None:
            try:
                found = bench.images / seconds(make(), device, 1, 1 if tiny else 3)
            except Exception as error:  # whatever it is, the others go on
                report.failed(f"{title}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
                return None
            share = found * flops[arch] / products[precision]
            report.row(title, found, f"images/s, {share:.1%} of the product's FLOP/s")
            return found

        for arch in flops:
            for precision in PRECISIONS:
                title = f"{arch}, {precision}"
                ours = rate(title, arch, precision, partial(bench.epoch, arch, precision, False))
                theirs = rate(f"{title}, plain loop", arch, precision, partial(bench.plain_loop, arch, precision))
                if ours and theirs:
                    report.row(f"{arch}, {precision}, repdyn", ours / theirs, "times as fast as the plain loop")
        _compiled(report, bench, rate, tiny)


def _compiled(report: Report, bench: Bench, rate: Any, tiny: bool) -> None:
    longest = COMPILING
    for precision in COMPILED:
        for arch in ("resnet", "vit"):
            title = f"{arch}, {precision}, compiled"
            if tiny or report.left() < 1.3 * longest:
                report.left_out(title)
                continue
            before = report.left()
            rate(title, arch, precision, partial(bench.epoch, arch, precision, True))
            longest = max(before - report.left(), longest if longest != COMPILING else 0.0)
