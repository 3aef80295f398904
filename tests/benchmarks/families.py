"""Of how many families of timm's and torchvision's networks one is built, trained a step, and observed by default.

    python tests/benchmarks/families.py [--size 224] [--only NAME ...]

A family is a module of timm (`timm.models.vision_transformer`) or a name of torchvision up to its first digit; of each
the network with the shortest name among the smallest is taken, with random weights and images in colour. Printed are
the default layers in order of depth, or what is wrong.
"""

from __future__ import annotations

import argparse
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator

import timm
import torch
import torchvision
from timm.models import model_entrypoint
from torch.nn import functional as F

from repdyn.config.sections import Architecture
from repdyn.errors import one_line
from repdyn.models import architectures, observed_layers
from repdyn.representations import extract
from repdyn.types import Inputs

# From the smallest on, as timm and others name sizes; what is called none of these comes last.
SIZES = ("atto", "femto", "pico", "nano", "xxs", "xxt", "xs", "tiny", "_t", "mini", "small", "_s", "18", "b0", "050")


def names() -> Iterator[tuple[str, str]]:
    """Families, and a small network of each."""
    members = defaultdict(list)
    for name in timm.list_models():
        if not name.startswith("test_"):
            members[model_entrypoint(name).__module__.removeprefix("timm.models.")].append(name)
    for name in torchvision.models.list_models(module=torchvision.models):
        members[f"torchvision {re.split(r'[0-9_]', name)[0]}"].append(f"torchvision:{name}")
    for family, known in members.items():
        yield family, min(known, key=_size)


def _size(name: str) -> tuple[int, int, str]:
    return next((place for place, word in enumerate(SIZES) if word in name), len(SIZES)), len(name), name


def observe(name: str, size: int) -> tuple[bool, str]:
    """Train a step on four images; whether all went well, and what was observed or is wrong."""
    settings = Architecture(model=name)
    try:
        model = architectures.build(settings, Inputs((3, size, size)), 10, seed=0)
        layers = observed_layers.observed(model, None)
        with extract.tap(model, layers) as outputs:
            F.cross_entropy(model(torch.randn(4, 3, size, size)), torch.arange(4)).backward()
    except Exception as error:  # networks refuse images in their own ways
        return False, one_line(error)
    found = list(outputs)
    if len(found) < len(layers):
        return False, f"took no part in a forward pass: {', '.join(layers.keys() - outputs.keys())}"
    return True, f"{len(found):3d} layers: {found[0]}, {found[1]} … {found[-2]}, {found[-1]}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224, help="side of the images")
    parser.add_argument("--only", nargs="*", help="names of networks, instead of one of each family")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    chosen = [(name, name) for name in arguments.only] if arguments.only else list(names())
    count = 0
    for family, name in chosen:
        is_fine, words = observe(name, arguments.size)
        count += is_fine
        print(f"{'' if is_fine else 'NOT '}{family}: {name}: {words}", flush=True)
    print(f"{count} of {len(chosen)} at {arguments.size} × {arguments.size}")


if __name__ == "__main__":
    main()
