"""What is checked of a study before anything runs, beyond the config's own grammar.

Each model of the grid is built and pushed one image through, each optimizer created: an unknown model, a patch size
that does not divide the image, a layer that is not there, a data set too small are found in seconds, not after hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from . import architectures, data, devices, optimizers
from .activations import tap
from .errors import RepdynError

if TYPE_CHECKING:
    from .study import Study


def main(study: Study) -> None:
    """Check a study.

    Raises:
        RepdynError: naming the key, the value and what is allowed.
    """
    check_examples(study)
    devices.prepare(study.execution.device)
    # Each model is built once, however many optimizers and seeds there are: the check precedes every study.
    for arch in study.archs:
        with _blaming(f"archs.{arch}"):
            model = check_architecture(study, arch)
        for optimizer in study.optimizers:
            run = study.run(arch, optimizer, study.seeds[0])
            with _blaming(f"optimizers.{optimizer}"):
                optimizers.create(model, study.hyperparameters("train", run)["optimizer"])


class _blaming:
    """Says under which key of the config the error inside lies."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RepdynError):
            raise RepdynError(f"`{self.key}`: {error}") from None


def check_examples(study: Study) -> None:
    """Check that there are as many examples as each stage asks for."""
    train, test = data.sizes(study.data)
    classes = data.source(study.data).classes
    settings = study.activations
    pool = test if settings.similarity_from == "test" else train
    if settings.similarity_examples > pool:
        raise RepdynError(
            f"`activations.similarity_examples` is {settings.similarity_examples}, but there are only {pool} "
            f"{settings.similarity_from} examples."
        )
    if settings.probe_examples is not None and settings.probe_examples > train:
        raise RepdynError(
            f"`activations.probe_examples` is {settings.probe_examples}, but there are only {train} training examples."
        )
    if classes < 3:
        raise RepdynError(f"`data.dataset`: planes need three classes, and `{study.data.dataset}` has {classes}.")


def check_architecture(study: Study, arch: str) -> torch.nn.Module:
    """Build a model, push a batch of two images through it in training mode, and find its layers."""
    settings = study.archs[arch]
    shape, classes = data.shape(study.data), data.source(study.data).classes
    model = architectures.build(settings.model_dump(mode="json"), shape, classes, seed=0)
    layers = architectures.observed(model, settings.layers)
    last_batch = data.sizes(study.data)[0] % study.training.batch_size or study.training.batch_size
    images = torch.zeros(min(last_batch, 2), *shape)
    with tap(model, layers) as outputs:
        try:
            logits = model.train()(images)
        except ValueError as error:
            if len(images) == 1 and "more than 1 value per channel" in str(error):
                raise RepdynError(
                    f"the last batch of an epoch would have a single example, which batch norm cannot normalise; "
                    f"change `training.batch_size` ({study.training.batch_size}) or `data.train_size`."
                ) from None
            raise RepdynError(f"the model does not take images of {shape}: {error}.") from None
        except (RuntimeError, AssertionError) as error:
            raise RepdynError(f"the model does not take images of {shape}: {' '.join(str(error).split())}.") from None
    if logits.shape != (len(images), classes):
        raise RepdynError(f"the model returns {tuple(logits.shape[1:])} numbers an image instead of {classes} logits.")
    silent = [layer for layer in layers if layer not in outputs]
    if silent:
        raise RepdynError(f"`layers`: {', '.join(silent)} took no part in a forward pass.")
    return model
