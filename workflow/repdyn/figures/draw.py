"""Draw a figure by name and save it, whole or not at all."""

from __future__ import annotations

import difflib
import importlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RepdynError
from ..storage.files import atomic
from . import catalogue, style

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.figure import Figure

    from ..pipeline.jobs import Job

# Metadata in which two identical pictures would differ.
METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
ANIMATED = "gif"


def main(job: Job, figure: str, output: Path) -> None:
    """Draw a figure of a run, or of the study.

    Raises:
        RepdynError: if there is no such figure or format, or a table is missing.
    """
    of_run, extension = job.grid_run is not None, output.suffix.lstrip(".")
    if extension == ANIMATED:
        entry = catalogue.ANIMATIONS.get(figure) if of_run else None
    else:
        entry = catalogue.find(job.study, figure, "run" if of_run else "study")
    if entry is None:
        figures = catalogue.of_run(job.study) if of_run else catalogue.of_study(job.study)
        whole = "a run" if of_run else "a study"
        if extension == ANIMATED:
            figures, whole = catalogue.animations(job.study) if of_run else {}, f"{whole} that moves"
        close = [f"`{name}`" for name in difflib.get_close_matches(figure, figures)]
        hint = f"did you mean {' or '.join(close)}? There are" if close else "there are"
        known = f"{hint}: {', '.join(figures)}" if figures else "there is none"
        raise RepdynError(f"There is no figure `{figure}` of {whole}; {known}.")
    why_not = entry.why_not(job.study)
    if why_not is not None:
        raise RepdynError(f"There is no figure `{figure}` of this study. {why_not}")
    if extension not in METADATA and extension != ANIMATED:
        raise RepdynError(f"`{output}` must end in {', '.join(f'.{known}' for known in (*METADATA, ANIMATED))}.")
    content = drawn(importlib.import_module(f"..{entry.module}", __package__), job, figure, extension)
    with atomic(output) as temporary:
        temporary.write_bytes(content)


def drawn(module: ModuleType, job: Job, figure: str, extension: str) -> bytes:
    """The bytes of a figure's file, made before writing, since Matplotlib handles a full disk badly.

    Args:
        module: the module that draws it.
        job: its run, or the study.
        figure: its name.
        extension: the format.
    """
    if extension == ANIMATED:
        content = io.BytesIO()
        module.save(module.draw(job, figure), content)
        return content.getvalue()
    with style.language():
        return encoded(module.draw(job, figure), extension)


def encoded(figure: Figure, extension: str) -> bytes:
    """The bytes of a figure's file, the same for the same figure; ``extension`` is one of ``METADATA``."""
    content = io.BytesIO()
    with style.language():
        figure.savefig(content, format=extension, metadata=METADATA[extension])
    return content.getvalue()
