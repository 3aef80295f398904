"""The study of ``workflow/studies/cifar10.yaml`` without its images, or with made-up ones, and how calls are timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from repdyn.config import study as studies
from repdyn.config.study import Study
from repdyn.pipeline import settling

CIFAR = Path(__file__).parents[2] / "workflow" / "studies" / "cifar10.yaml"


def content(device: str, tiny: bool) -> dict[str, Any]:
    """The config as a dictionary; ``tiny``: its networks are small."""
    found: dict[str, Any] = yaml.safe_load(CIFAR.read_text(encoding="utf-8"))
    found["execution"]["device"] = device
    if tiny:
        found["archs"]["resnet"]["width"] = 4
        found["archs"]["vit"]["kwargs"] |= {"embed_dim": 16, "depth": 1, "num_heads": 2}
    return found


def study(device: str, tiny: bool, **archs: dict[str, Any]) -> Study:
    """The study; ``archs`` change settings of an architecture."""
    settings = content(device, tiny)
    for name, changes in archs.items():
        settings["archs"][name] |= changes
    return studies.parse(settings)


def with_images(folder: Path, images: int, batch: int, device: str, tiny: bool, **training: Any) -> Study:
    """The study on so many made-up images to train on, for one epoch.

    Args:
        folder: where these images go.
        images: how many.
        batch: images in a batch.
        device: that computes.
        tiny: as for :func:`content`.
        training: settings of that section.
    """
    path, random = folder / "made_up.npz", np.random.default_rng(0)
    if not path.exists():
        arrays = {}
        for part, n in (("train", images), ("test", 64)):
            arrays[f"{part}_inputs"] = random.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
            arrays[f"{part}_labels"] = np.arange(n) % 10
        np.savez(path, **arrays)
    settings = content(device, tiny)
    settings["data"] = {"dataset": str(path), "label_noise": 0.2}
    settings["training"] |= {"epochs": 1, "batch_size": batch} | training
    settings["activations"] |= {"similarity_examples": 32, "probe_examples": 32}
    settings["execution"]["data_root"] = str(folder)
    return settling.settled(studies.parse(settings))


def finish(device: str) -> None:
    """Wait until the GPU is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(call: Callable[[], Any], device: str, warm_up: int, times: int) -> float:
    """The mean time of a call, after some that are not timed."""
    for _ in range(warm_up):
        call()
    finish(device)
    begin = time.perf_counter()
    for _ in range(times):
        call()
    finish(device)
    return (time.perf_counter() - begin) / times
