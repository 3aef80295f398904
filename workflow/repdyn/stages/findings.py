"""The stage ``findings``: claims about the whole grid, tested."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from ..analysis import claim_tests, fits, synchrony
from ..analysis.pairing import UNNAMED
from ..analysis.phases import Trajectory, trajectories
from ..catalogue.claims import UNDECIDED
from ..catalogue.factors import FACTORS
from ..pipeline import stored
from ..records import phases
from ..records.cka import CKA
from ..records.findings import FINDINGS, LEFT_OUT, PAIRS, SYNCHRONY
from ..records.regions import SIMILARITY
from ..records.train import HISTORY
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..config.study import Run
    from ..pipeline.jobs import Job
    from ..types import Array

Cell = tuple[str, str, str, str | None, str]  # architecture, optimizer, data, measure, score


def _layers(job: Job, run: Run, scores: pd.DataFrame) -> Iterator[Trajectory]:
    """The trajectories of a run's body under every kernel."""
    body = set(scores.loc[scores["part"] == "body", "layer"])
    cka, regions = (stored.read(job, table, run) for table in (CKA, SIMILARITY))
    yield from (layer for layer in trajectories(cka, regions, job.study.all_measures) if layer.layer in body)


def _steady_steps(job: Job, run: Run, layers: list[Trajectory]) -> Array:
    """The checkpoints of a run at which training accuracy had not collapsed; none if it is not known."""
    history = stored.read(job, HISTORY, run).dropna(subset=["train_accuracy"])
    longest = max(layers, key=lambda layer: len(layer.steps))
    if history.empty:
        return longest.steps[:0]
    kept = synchrony.steady(history["epoch"].to_numpy(), history["train_accuracy"].to_numpy(), longest.epochs)
    steps: Array = longest.steps[kept]
    return steps


def _synchrony(job: Job, scores: dict[Run, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame, dict[Cell, float]]:
    """The seeds' pseudo-values, a row for each pair of seeds, and p-values, of every cell of the grid."""
    of_seeds, of_pairs, p_values = [], [], dict[Cell, float]()
    for levels, group in itertools.groupby(scores, key=lambda run: (run.arch, run.optimizer, run.data or UNNAMED)):
        layers = {run: list(_layers(job, run, scores[run])) for run in group}
        steady = {run.seed: _steady_steps(job, run, found) for run, found in layers.items() if found}
        for measure in dict.fromkeys(layer.measure for found in layers.values() for layer in found):
            runs = {run.seed: [x for x in found if x.measure == measure] for run, found in layers.items()}
            values, pairs, p = synchrony.of_cell(runs, steady, job.study.findings)
            cell = dict(zip(FACTORS, levels, strict=True)) | {"measure": measure}
            of_seeds.append(values.assign(**cell))
            of_pairs.append(pairs.assign(**cell))
            p_values |= {(*levels, measure, score): value for score, value in p.items()}
    return pd.concat(of_seeds, ignore_index=True), pd.concat(of_pairs, ignore_index=True), p_values


def main(job: Job) -> None:
    """Write the findings over all runs of the study, and what they are made of."""
    study = job.study
    settings = study.findings
    scores = {run: stored.read(job, phases.SCORES, run) for run in study.runs}
    of_runs = claim_tests.facts(scores)
    pseudo_values, of_pairs, synchrony_p = _synchrony(job, scores)
    frame = pd.concat([claim_tests.values(scores), pseudo_values], ignore_index=True)
    said = {(run.arch, run.optimizer): study.learning_rate(run) for run in study.runs}
    rates = {cell: rate for cell, rate in said.items() if rate is not None}
    tests = claim_tests.ClaimTests(frame, of_runs, study.families, settings, study.all_measures)
    found = claim_tests.find(tests, study.contrasts, rates, synchrony_p, fits.of_study(tests))
    made = claim_tests.tables_of(found, settings.confidence)
    synchronies = of_pairs[SYNCHRONY.names].replace({UNNAMED: None})
    contents = zip((FINDINGS, PAIRS, LEFT_OUT, SYNCHRONY), (*made, synchronies), strict=True)
    for record, content in contents:
        table = pa.Table.from_pandas(content.replace({np.nan: None}), record.schema, preserve_index=False)
        tables.write(job.path(record), table, record.schema, job.metadata(record))
    rows = made[0][made[0]["primary"].astype(bool)].to_dict("records")
    decided = [row for row in rows if row["decision"] != UNDECIDED]
    LOG.info("%d primary tests, %d decided; %d exploratory ones", len(rows), len(decided), len(found) - len(rows))
    for row in decided:
        words = (
            "%(contrast)s: %(claim)s (%(measure)s %(score)s) %(verdict)s, %(estimate).3g, adjusted p = %(p_adjusted).3g"
        )
        LOG.info(words, row)
