"""Draw a figure by name and save it, whole or not at all."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_pdf import PdfPages

from ..errors import RepdynError
from ..runtime.progress import LOG
from ..storage import tables
from ..storage.files import atomic
from . import catalogue, paper, style

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.figure import Figure

    from ..pipeline.jobs import Job
    from .entry import Entry

# Metadata in which two identical pictures would differ.
METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
# Where each format says of which study a figure is, and from which tables it was drawn.
STUDY = {"svg": "Source", "pdf": "Subject", "png": "Source"}
INPUTS = {"svg": "Identifier", "pdf": "Keywords", "png": "Comment"}
WHICH_PAGE = {"svg": "Description", "png": "Description"}  # where a file of one page says which of several it is
PAGED = "pdf"  # the format whose files have pages
ANIMATED = "gif"


@dataclass(frozen=True)
class About:
    """What a figure's file says of itself.

    Attributes:
        title: of the figure.
        study: its name.
        inputs: a digest of the tables that it is drawn from.
    """

    title: str
    study: str
    inputs: str

    def metadata(self, extension: str) -> dict[str, Any]:
        """The same for the same figure, in the words of a format."""
        return METADATA[extension] | {
            "Title": self.title,
            STUDY[extension]: f"study {self.study}",
            INPUTS[extension]: f"tables {self.inputs}",
        }


def main(job: Job, figure: str, output: Path, page: int | None = None, printed: dict[str, Any] | None = None) -> None:
    """Draw a figure of a run, or of the study.

    Args:
        job: its run, or the study.
        figure: its name.
        output: the file; its ending decides the format.
        page: which page of a figure that has several; by default the first, and all in a PDF.
        printed: settings of ``figures.print`` that replace those of the config.

    Raises:
        RepdynError: if there is no such figure, page or format, it does not fit, or a table is missing.
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
    job = replace(job, study=job.study.printed_as(printed or {}))
    module = importlib.import_module(f"..{entry.module}", __package__)
    content = drawn(module, job, figure, extension, page, about(job, figure, entry))
    with atomic(output) as temporary:
        temporary.write_bytes(content)


def about(job: Job, figure: str, entry: Entry) -> About:
    """What a figure's file says of itself; reads the identity of each table that it is drawn from.

    Its title is the figure's name: those of the catalogue are words, whose change draws nothing again.
    """
    study = job.study
    runs = study.printed_runs if job.grid_run is None else [job.run]
    paths = entry.of(study).inputs(job.paths, [run.path for run in runs], list({run.replicate.path for run in runs}))
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(Path(path).relative_to(job.paths.root).as_posix().encode() + tables.identity(path))
    title = figure if job.grid_run is None else f"{figure}: {style.run_title(job.run)}"
    return About(title, study.name, digest.hexdigest()[:16])


def drawn(
    module: ModuleType, job: Job, figure: str, extension: str, page: int | None = None, said: About | None = None
) -> bytes:
    """The bytes of a figure's file, made before writing, since Matplotlib handles a full disk badly.

    Args:
        module: the module that draws it.
        job: its run, or the study.
        figure: its name.
        extension: the format.
        page: which page; by default the first, and all in a format that has pages.
        said: what the file says of itself.
    """
    content = io.BytesIO()
    if extension == ANIMATED:
        module.save(module.draw(job, figure), content)
        return content.getvalue()
    settings = job.study.figures.print
    metadata = METADATA[extension] if said is None else said.metadata(extension)
    on = paper.Paper(settings.width, settings.font_size, settings.title, page or 1)
    if extension == PAGED:
        every = pages(lambda: module.draw(job, figure), on)
        return bound(every if page is None else itertools.islice(every, 1), metadata)
    with paper.on(on) as drawing, style.language():
        first = module.draw(job, figure)
        if which := paper.numbered(drawing.pages):
            metadata = metadata | {WHICH_PAGE[extension]: which}
            LOG.info("%s; the others: --page, or all in a PDF", which)
        first.savefig(content, format=extension, dpi=settings.dpi or style.RC["savefig.dpi"], metadata=metadata)
    return content.getvalue()


def pages(drawn: Callable[[], Figure], on: paper.Paper | None = None) -> Iterator[Figure]:
    """The pages of a figure one after the other, from that of the paper on; none is kept here.

    Args:
        drawn: draws the page that is asked for.
        on: the paper; by default the ordinary one.
    """
    on = paper.Paper() if on is None else on
    with paper.on(on) as drawing:
        figure = drawn()
    yield figure
    del figure
    for further in range(on.page + 1, drawing.pages + 1):
        with paper.on(replace(on, page=further), drawing.kept):
            figure = drawn()
        yield figure
        del figure


def bound(figures: Iterable[Figure], metadata: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a PDF with each figure on a page, the same for the same figures; none is kept here."""
    content = io.BytesIO()
    with PdfPages(content, metadata=dict(METADATA[PAGED] if metadata is None else metadata)) as file:
        for figure in figures:
            with style.language():
                file.savefig(figure)
            del figure  # before the next is drawn
    return content.getvalue()


def encoded(figure: Figure, extension: str) -> bytes:
    """The bytes of a figure's file, the same for the same figure; ``extension`` is one of ``METADATA``."""
    content = io.BytesIO()
    with style.language():
        figure.savefig(content, format=extension, metadata=METADATA[extension])
    return content.getvalue()
