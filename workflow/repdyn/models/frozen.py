"""Which modules of a network patterns name, to be frozen in the course of training."""

from __future__ import annotations

import fnmatch

from torch import nn


def matching(model: nn.Module, patterns: list[str]) -> dict[str, list[str]]:
    """Pattern -> paths of the modules that it names, which lie as deep as it says: ``layer1.*``, but not within.

    Args:
        model: the network.
        patterns: module paths, with wildcards if wanted.
    """
    paths = [path for path, _ in model.named_modules() if path]
    return {
        pattern: [
            path for path in paths if path.count(".") == pattern.count(".") and fnmatch.fnmatchcase(path, pattern)
        ]
        for pattern in patterns
    }
