"""Which modules of a network a pattern in the config names."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence

from torch import nn


def of(model: nn.Module) -> list[str]:
    """The paths of a network's modules, in order of definition, without the network itself."""
    return [path for path, _ in model.named_modules() if path]


def matching(paths: Sequence[str], pattern: str) -> list[str]:
    """The paths that a pattern names, which lie as deep as it says: ``layer1.*``, but not within.

    Args:
        paths: of a network's modules.
        pattern: a module path, with wildcards if wanted.
    """
    depth = pattern.count(".")
    return [path for path in paths if path.count(".") == depth and fnmatch.fnmatchcase(path, pattern)]


def unknown(paths: Sequence[str], pattern: str) -> str:
    """The words for a pattern that names none of these paths, with some that it may mean."""
    close = difflib.get_close_matches(pattern, paths, n=5, cutoff=0.3) or paths[:5]
    return f"no module is called `{pattern}`; there are, for example: {', '.join(dict.fromkeys(close))}"
