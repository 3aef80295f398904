"""The stage ``findings``: claims about the whole grid, tested."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ..analysis import (
    against_twins,
    claim_tests,
    fits,
    numeric_factors,
    numeric_trends,
    relative_depth,
    synchrony,
    twin_tests,
)
from ..analysis.pairing import UNNAMED
from ..analysis.phases import Trajectory, trajectories
from ..catalogue.claims import UNDECIDED
from ..catalogue.factors import FACTORS
from ..pipeline import stored
from ..records import phases
from ..records.cka import CKA
from ..records.findings import BY_DEPTH, FINDINGS, LEFT_OUT, PAIRS, SYNCHRONY, TREND_VALUES, TRENDS, TWINS
from ..records.layer_names import RUN
from ..records.layers import LAYERS
from ..records.regions import SIMILARITY
from ..records.train import HISTORY
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..config.runs import Run
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


def _twins(
    job: Job, scores: dict[Run, pd.DataFrame], of_runs: pd.DataFrame, without: Mapping[str, str]
) -> pd.DataFrame:
    """The table ``TWINS``: each run that has a twin without wrong labels, against it."""
    facts: dict[Any, Any] = of_runs.set_index([*RUN]).to_dict("index")
    body = lru_cache(maxsize=2)(lambda run: list(_layers(job, run, scores[run])))
    found = []
    # Runs with the same twin follow each other, so that its layers are read once.
    for run in sorted(scores, key=lambda run: (run.arch, run.optimizer, run.seed)):
        if run.data is not None and run.data in without:
            twin = replace(run, data=without[run.data])
            layers = len(stored.read(job, LAYERS, run))
            own, other = (facts[which.arch, which.optimizer, which.data, which.seed] for which in (run, twin))
            table = against_twins.of_run(body(run), body(twin), layers, own, other)
            found.append(table.assign(**run.facts, data_twin=twin.data))
    return pd.concat(found)[TWINS.names] if found else pd.DataFrame(columns=TWINS.names)


def main(job: Job) -> None:
    """Write the findings over all runs of the study, and what they are made of."""
    study = job.study
    settings = study.findings
    scores = {run: stored.read(job, phases.SCORES, run) for run in study.runs}
    of_runs = claim_tests.facts(scores)
    pseudo_values, of_pairs, synchrony_p = _synchrony(job, scores)
    without = twin_tests.without_wrong_labels(study)
    twins = _twins(job, scores, of_runs, without)
    frame = pd.concat([claim_tests.values(scores), pseudo_values, twin_tests.values(twins)], ignore_index=True)
    said = {(run.arch, run.optimizer): study.learning_rate(run) for run in study.runs}
    rates = {cell: rate for cell, rate in said.items() if rate is not None}
    tests = claim_tests.ClaimTests(frame, of_runs, study.families, settings, study.all_measures)
    mislabelled = any(data.mislabels for data in study.data_levels.values())
    others = [*fits.of_study(tests), *twin_tests.of_study(tests, without, twins, mislabelled=mislabelled)]
    found = claim_tests.find(tests, study.contrasts, rates, synchrony_p, others)
    made = claim_tests.tables_of(found, settings.confidence)
    trends = numeric_trends.of_study(tests, numeric_factors.of_study(study))
    contents = {
        **dict(zip((FINDINGS, PAIRS, LEFT_OUT), made, strict=True)),
        SYNCHRONY: of_pairs[SYNCHRONY.names].replace({UNNAMED: None}),
        TWINS: twins,
        **dict(zip((TRENDS, TREND_VALUES), trends, strict=True)),
        BY_DEPTH: relative_depth.of_study(tests, study.contrasts, scores),
    }
    for record, content in contents.items():
        table = pa.Table.from_pandas(content.replace({np.nan: None}), record.schema, preserve_index=False)
        tables.write(job.path(record), table, record.schema, job.metadata(record))
    rows = made[0][made[0]["primary"].astype(bool)].to_dict("records")
    decided = [row for row in rows if row["decision"] != UNDECIDED]
    LOG.info("%d primary tests, %d decided; %d exploratory ones", len(rows), len(decided), len(found) - len(rows))
    for row in decided:
        by = row["score"] if pd.isna(row["measure"]) else f"{row['measure']} {row['score']}"
        words = "%(contrast)s: %(claim)s (%(by)s) %(verdict)s, %(estimate).3g, adjusted p = %(p_adjusted).3g"
        LOG.info(words, row | {"by": by})
