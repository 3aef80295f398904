"""The shell of a newcomer."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

Shell = Callable[[str], "subprocess.CompletedProcess[str]"]


def clean(folder: Path) -> dict[str, str]:
    """What a newcomer's shell has, with the run environment first on the path."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return kept | {"PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}/usr/local/bin:/usr/bin:/bin"}
