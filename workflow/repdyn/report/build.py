"""Build the page from a study's tables and figures: what was found, in words, and links to all else.

Where runs have failed there is no table of findings, or one of other settings: the page then says of each run what it
lacks and why, and shows what is there. Snakemake asks for all of it first, so that happens by hand and in
``make report`` alone.

Time: that of reducing some ten figures. Memory: the page, and the pixels of one figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalogue.stages import STAGES
from ..errors import RepdynError
from ..pages.numbers import NONE
from ..pipeline import closing_words, last_words, stored
from ..records.findings import FINDINGS, LEFT_OUT
from ..runtime.progress import LOG
from ..stages import lab_book
from ..storage.files import atomic
from . import addresses, contents, findings, pictures, template

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.study import Study
    from ..pipeline.jobs import Job
    from .contents import Figure
    from .pictures import Picture


@dataclass(frozen=True)
class Shown:
    """A figure in the page.

    Attributes:
        address: its id in the page.
        figure: its texts.
        links: format -> link, of the files that are there.
        picture: of it; None where there is no file, or one too large to be read.
    """

    address: str
    figure: Figure
    links: dict[str, str]
    picture: Picture | None


def main(job: Job) -> None:
    """Write ``report.html``.

    Raises:
        RepdynError: if the config is wrong; what is missing or damaged is said in the page, and in the log.
    """
    known, missing = _runs(job)
    page = template.filled(
        study=job.study,
        summary=_summary(job.study),
        **_findings(job),
        **_figures(job),
        **_outcomes(known),
        **_drawn(job),
        missing=missing,
        left_out=list(dict.fromkeys(job.study.left_out.values())),
        tables=_tables(job),
    )
    with atomic(Path(template.page_of(job.paths))) as temporary:
        temporary.write_text(page, encoding="utf-8")
    LOG.info("%d of %d runs in %.1f MiB", len(known), len(job.study.runs), len(page.encode()) / 2**20)


def _summary(study: Study) -> str:
    """What was run, in a line."""
    levels = study.data_levels.values()
    noise = {data.label_noise for data in levels}
    wrong = (
        f", {100 * next(iter(noise)):.3g} % of the training labels wrong" if noise - {0.0} and len(noise) == 1 else ""
    )
    factors = [", ".join(names) for names in (study.archs, study.optimizers, study.named_data) if names]
    seeds = f"{len(study.seeds)} seed{'s' if len(study.seeds) > 1 else ''}"
    sets = ", ".join(dict.fromkeys(data.dataset for data in levels))
    return f"{sets}{wrong}; {len(study.runs)} runs: {' × '.join([*factors, seeds])}."


def _runs(job: Job) -> tuple[dict[Run, lab_book.OfRun], list[tuple[Run, str, str]]]:
    """What became of each run that has its tables; the others, what they lack and why."""
    known, missing = {}, []
    for run in job.study.runs:
        stage = contents.first_missing(job.study, job.paths, run)
        if stage is not None:
            log = Path(job.paths.log(stage, run.path))
            why = last_words.of_log(log) if log.exists() else "It has not been run."
            missing.append((run, stage, why))
        try:
            known[run] = lab_book.of_run(job, run)
        except RepdynError as error:
            if stage is None:
                missing.append((run, "train", str(error)))
    for run, stage, why in missing:
        LOG.warning("%s is not whole: %s: %s", run, stage, why)
    return known, missing


def _findings(job: Job) -> dict[str, Any]:
    """The findings in words, or why there are none."""
    nothing: dict[str, Any] = {"claims": [], "opening": [], "no_findings": "", "left_out_rows": []}
    try:
        frame, left_out = stored.read(job, FINDINGS), stored.read(job, LEFT_OUT)
    except RepdynError as error:
        LOG.warning("there are no findings: %s", error)
        return nothing | {"no_findings": str(error)}
    confidence, measures = job.study.findings.confidence, job.study.all_measures
    primary = frame[frame["primary"].astype(bool)]
    claims = findings.of_table(frame, confidence, measures)
    return nothing | {
        "claims": claims,
        "opening": closing_words.of_findings(primary.to_dict("records")),
        "no_findings": "" if claims else "No claim of the catalogue concerns this study.",
        "left_out_rows": lab_book.left_out_rows(left_out),
    }


def _figures(job: Job) -> dict[str, Any]:
    """The figures of the study: the two that are shown whole, and a thumbnail of each other."""
    figures = contents.figures_of_study(job.study, job.paths)
    large = (contents.FOREST, contents.GRID)
    shown = {
        figure.name: _shown(job, figure, addresses.of("figure", figure.name), whole=figure.name in large)
        for figure in figures
    }
    return {"large": [shown[name] for name in large if name in shown],
            "small": [of for name, of in shown.items() if name not in large]}  # fmt: skip


def _shown(job: Job, figure: Figure, address: str, *, whole: bool = False) -> Shown:
    file = Path(figure.files[template.SHOWN])
    draw = pictures.whole if whole else pictures.thumbnail
    return Shown(address, figure, _links(job, figure), draw(file) if file.exists() else None)


def _links(job: Job, figure: Figure) -> dict[str, str]:
    """Format -> link, of a figure's files that are there."""
    return {kind: _link(job, Path(file)) for kind, file in figure.files.items() if Path(file).exists()}


def _link(job: Job, file: Path) -> str:
    return addresses.link(str(file.relative_to(job.paths.root)))


def _outcomes(known: dict[Run, lab_book.OfRun]) -> dict[str, Any]:
    """The table of runs."""
    if not known:
        return {"rows": []}
    headings, rows = lab_book.outcomes(known.values())
    of_runs = [
        {"address": addresses.of("run", run.path), "words": words} for run, words in zip(known, rows, strict=True)
    ]
    return {"headings": headings, "rows": of_runs, "dates": lab_book.DATES}


def _drawn(job: Job) -> dict[str, Any]:
    """The figures of single runs, by run and name."""
    drawn = []
    for run in job.study.drawn_runs:
        figures = contents.figures_of_run(job.study, job.paths, run)
        shown = {
            figure.name: Shown(addresses.of("figure", figure.name, run.path), figure, _links(job, figure), None)
            for figure in figures
        }
        drawn.append((str(run), shown))
    return {"drawn": drawn, "drawn_names": list(dict.fromkeys(name for _, shown in drawn for name in shown))}


def _tables(job: Job) -> list[dict[str, Any]]:
    """Every table: what it is of, what the stage that writes it does, and its files that are there."""
    found = []
    for record in contents.files(job.study):
        files = [
            (NONE if owner is None else str(owner), Path(contents.place(job.paths, record, owner)))
            for owner in contents.owners(job.study, record)
        ]
        links = [(of, _link(job, file)) for of, file in files if file.exists()]
        found.append({"name": record.name, "scope": record.scope, "does": STAGES[record.stage].help, "links": links})
    return found
