"""What the report reads of a study besides runs, made up: findings, figures, and files that need only be there."""

import io
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sample_tables import findings

from repdyn.catalogue.events import EVENTS
from repdyn.records import phases, train
from repdyn.records.findings import FINDINGS, LEFT_OUT
from repdyn.report import contents
from repdyn.storage import tables


def write_findings(job: Any) -> pd.DataFrame:
    """A table of findings with all kinds of comparison, and one run that is left out; returns the findings."""
    found, _ = findings(6)
    nothing = dict.fromkeys(LEFT_OUT.names)
    missing = pd.DataFrame(
        [nothing | {"claim": found["claim"].iloc[0], "arch": "vit", "optimizer": "sgd", "seed": 1, "reason": "no fit"}]
    )
    for table, frame in ((FINDINGS, found), (LEFT_OUT, missing)):
        of_study = _of(job, table)
        tables.write(of_study.path(table), frame[table.names], table.schema, of_study.metadata(table))
    return found


def write_runs(job: Any, failed: Collection[Any] = ()) -> None:
    """The history and the scores of each run; of those that failed neither, and a log that says why."""
    for run in job.study.runs:
        if run in failed:
            log = Path(job.paths.log("train", run.path))
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("2026-11-28 12:00:00 ERROR   The loss is NaN at step 12.\n", encoding="utf-8")
            continue
        history = pd.DataFrame(dict.fromkeys(train.HISTORY.names, np.linspace(0, 1, 21)))
        history = history.assign(step=range(0, 84, 4), epoch=np.arange(21.0))
        scores = pd.DataFrame({name: [None] * len(EVENTS) for name in phases.SCORES.names})
        scores = scores.assign(score=list(EVENTS), value=3.0)
        for table, frame in ((train.HISTORY, history), (phases.SCORES, scores)):
            of_run = _of(job, table, run)
            tables.write(of_run.path(table), frame[table.names], table.schema, of_run.metadata(table))


def write_files(job: Any, failed: Collection[Any] = ()) -> None:
    """Every other file that the report links, empty."""
    for record in contents.files(job.study):
        for owner in contents.owners(job.study, record):
            if owner not in failed:
                path = Path(contents.place(job.paths, record, owner))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()


def write_figures(job: Any, noise: bool = False) -> None:
    """A picture for each figure; of noise it takes as many bytes as it can. Those of runs are empty."""
    shape = (1000, 1200, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape) if noise else np.full(shape, 200)
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(content, "PNG")
    figures = [(figure, content.getvalue()) for figure in contents.figures_of_study(job.study, job.paths)]
    for run in job.study.drawn_runs:
        figures += [(figure, b"") for figure in contents.figures_of_run(job.study, job.paths, run)]
    for figure, drawn in figures:
        for path in map(Path, figure.files.values()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(drawn)


def _of(job: Any, table: Any, run: Any = None) -> Any:
    return replace(job, stage=table.stage, grid_run=run)
