"""The small HTML tables of the lab book, Snakemake's report: the findings, and the outcome of each run.

Turns the table of findings, and every run's history and scores, into two self-contained pages. Snakemake's report
embeds them; it would show a Parquet file as text. Numbers are rounded for reading; the Parquet tables have all digits.

Time and memory: negligible.
"""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..catalogue.claims import CLAIMS, MATCHINGS, Claim
from ..catalogue.events import EVENTS, INTERVENTION
from ..catalogue.factors import FACTORS
from ..catalogue.measures import Measure
from ..catalogue.scores import SCORES, TRAINED_BEYOND_FIT
from ..pages.numbers import NONE, epoch, interval, number, probability
from ..pipeline import stored
from ..records import phases
from ..records.findings import FINDINGS, LEFT_OUT
from ..records.train import HISTORY
from ..runtime.progress import LOG
from ..storage.files import atomic

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..pipeline.jobs import Job

DOWN = "↓"
BEYOND = "epochs ÷ fit"
HOLDS = "under which measures"
DATES = (
    "Epochs at which something took place; a dash where it did not, or is not known. Memorization begins when a "
    "quarter of the wrong labels are fitted and ends at 95 %, unless the config says otherwise; perfect fit is where "
    "every training example gets the label it was trained with. A run that ends before three times its fit shows "
    "little of what follows the fit."
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 14px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1d2733; background: #fff;
  margin: 0 auto; max-width: 1232px; padding: 16px 24px; }}
h1 {{ font-size: 20px; margin: 0 0 4px; }} h2 {{ font-size: 15px; margin: 24px 0 4px; }}
p {{ margin: 4px 0 8px; color: #5a6675; max-width: 75ch; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 13px; }}
th, td {{ padding: 4px 10px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e8ed; }}
thead th {{ color: #5a6675; font-weight: 600; border-bottom: 2px solid #b9c2cd; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
td.number {{ white-space: nowrap; }}
details {{ margin: 6px 0; }} summary {{ cursor: pointer; }}
th {{ vertical-align: bottom; }}
.unbroken {{ white-space: nowrap; }}
td:last-child:not(.number) {{ min-width: 22em; }} .wide {{ min-width: 22em; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


@dataclass(frozen=True)
class OfRun:
    """What is known of a run.

    Attributes:
        words: its architecture, optimizer, learning rate, data and seed, a dash for data that have no name.
        history: its evaluated epochs.
        scores: its scores and events.
    """

    words: tuple[str, ...]
    history: pd.DataFrame
    scores: pd.DataFrame


def marked(score: str) -> str:
    """A score's name, marked if a smaller value supports the claim.

    Raises:
        KeyError: if there is no such score.
    """
    return f"{score} {DOWN}" if SCORES[score].direction < 0 else score


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str], unbroken: Sequence[str] = (),
    wide: Sequence[str] = (),
) -> str:  # fmt: skip
    """An HTML table.

    Args:
        headings: of its columns.
        rows: the cells of each.
        numbers: headings of columns that are right-aligned.
        unbroken: of columns without line breaks.
        wide: of columns of sentences.
    """
    classes = dict.fromkeys(numbers, ' class="number"') | dict.fromkeys(unbroken, ' class="unbroken"')
    classes |= dict.fromkeys(wide, ' class="wide"')
    kinds = [classes.get(heading, "") for heading in headings]

    def row(tag: str, cells: Sequence[str]) -> str:
        return "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    body = "\n".join(f"<tr>{row('td', cells)}</tr>" for cells in rows)
    return f"<div><table>\n<thead><tr>{row('th', headings)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"


def findings(frame: pd.DataFrame, left_out: pd.DataFrame, confidence: float, measures: Mapping[str, Measure]) -> str:
    """The findings as a page: what decides each claim, who is left out of it, then what is exploratory.

    Args:
        frame: the findings table.
        left_out: the runs left out of primary findings.
        confidence: of its intervals.
        measures: those of the study, by name.
    """
    primary = frame["primary"].astype(bool)
    parts = [
        "<p>Each claim has one measure and one score that decide it, declared before the runs. An estimate is of the "
        f"score as it is: the first of the two minus the second, or against 0. Above 0 it speaks for the claim; of a "
        f"score marked {DOWN}, of which less is more, it does so below 0. Seeds are the replicates. Verdicts go by the "
        "adjusted p: among all comparisons of levels, and among the rows of each other claim, the chance of any false "
        f"verdict is at most {1 - confidence:.2g}. Beside a verdict stands under which measures of similarity the "
        "same test, by its own p, comes out alike; they are no further evidence, being of the same runs.</p>"
    ]
    for claim, part in frame[primary].groupby("claim", sort=False):
        parts += _decided(str(claim), part, confidence, measures)
    if len(left_out):
        missing = table(("claim", "reason", "runs, by seed"), left_out_rows(left_out), ())
        parts.append(f"<h2>Runs left out</h2>\n{missing}")
    parts += _exploratory(frame[~primary & frame["estimate"].notna()], confidence, measures)
    parts.append(_explained(frame["score"].dropna()))
    return PAGE.format(title="What was found", body="\n".join(parts))


def _sentence(text: str) -> str:
    return html.escape(text[0].upper() + text[1:])


def decided_by(claim: Claim, measures: Mapping[str, Measure]) -> str:
    """Which score of which measure decides a claim, what it would be if the claim were false, and what is not said."""
    measure, score = claim.primary
    by = marked(score) if measure is None else f"{marked(score)} of {measures[measure].words}"
    return f"Decided by {by}, {SCORES[score].formula}. If it were false: {claim.null}. {claim.unsaid}".rstrip()


def _decided(claim: str, part: pd.DataFrame, confidence: float, measures: Mapping[str, Measure]) -> list[str]:
    """The primary rows of a claim."""
    rows = part.to_dict("records")
    parts = [f"<h2>{_sentence(claim)}</h2>"]
    if part["score"].isna().all():
        return [*parts, *(f"<p>{_sentence(row['verdict'])}.</p>" for row in rows)]
    parts.append(f"<p>{html.escape(decided_by(CLAIMS[claim], measures))}</p>")
    headings = (
        "comparison",
        "estimate",
        f"{100 * confidence:g} % interval",
        "p",
        "adjusted p",
        "seeds",
        "runs left out",
        HOLDS,
        "verdict",
    )
    cells = [
        (
            row["contrast"],
            number(row["estimate"]),
            interval(row["ci_low"], row["ci_high"]),
            probability(row["p_value"]),
            probability(row["p_adjusted"]),
            str(row["n_seeds"]),
            f"{row['n_left_out']:.0f}",
            "–" if pd.isna(row["holds"]) else row["holds"],
            row["verdict"],
        )
        for row in rows
    ]
    parts.append(table(headings, cells, numbers=headings[1:-2], unbroken=headings[:1], wide=[HOLDS]))
    compared = part[part["level_second"].isna()].dropna(subset=["matching"])
    parts.extend(
        f"<p>{_sentence(MATCHINGS[row['matching']])}, {html.escape(row['compared'])}.</p>"
        for row in compared.to_dict("records")
        if row["compared"]
    )
    return parts


def left_out_rows(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The runs that are missing in primary rows: claim, reason, and which runs, in words."""
    return [
        (
            str(claim),
            str(reason),
            ", ".join(dict.fromkeys(_run(run) for run in runs.to_dict("records"))),
        )
        for (claim, reason), runs in frame.groupby(["claim", "reason"], sort=False)
    ]


def _run(row: Mapping[Hashable, Any]) -> str:
    """A run in few words."""
    return " ".join(str(row[name]) for name in (*FACTORS, "seed") if pd.notna(row[name]))


def _exploratory(frame: pd.DataFrame, confidence: float, measures: Mapping[str, Measure]) -> list[str]:
    """All other rows, one table for each claim and comparison."""
    if frame.empty:
        return []
    headings = ("measure", "score", "estimate", f"{100 * confidence:g} % interval", "p", "q", "seeds", "pairs")
    parts = [
        "<h2>Exploratory</h2><p>Further measures and scores, without verdicts. q is the share that chance is expected "
        "to have, at most, among all exploratory rows of this p or a lower one.</p>"
    ]
    for (claim, contrast), part in frame.groupby(["claim", "contrast"], sort=False):
        rows = [
            (
                "–" if pd.isna(row["measure"]) else measures[row["measure"]].label,
                marked(row["score"]),
                number(row["estimate"]),
                interval(row["ci_low"], row["ci_high"]),
                probability(row["p_value"]),
                probability(row["q_value"]),
                str(row["n_seeds"]),
                str(row["n_pairs"]),
            )
            for row in part.to_dict("records")
        ]
        said = f"{_sentence(str(claim))}: {html.escape(str(contrast))}"
        parts.append(f"<details><summary>{said}</summary>{table(headings, rows, numbers=headings[2:])}</details>")
    return parts


def _explained(names: Iterable[str]) -> str:
    """A table that explains these scores."""
    present = set(names)
    rows = [
        (marked(name), score.formula, score.range, score.unit, score.against or "–")
        for name, score in SCORES.items()
        if name in present
    ]
    return "<h2>What the scores are</h2>\n" + table(("score", "formula", "range", "unit", "held against"), rows, ())


def outcomes(records: Iterable[OfRun]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What became of each run: the headings of a table, and a row for each run.

    Args:
        records: those of the runs, in the order of the rows.
    """
    records = list(records)
    planned = any(of.scores.loc[of.scores["score"] == INTERVENTION, "value"].notna().any() for of in records)
    shown = {name: event for name, event in EVENTS.items() if planned or name != INTERVENTION}
    accuracies = ("train accuracy", "test accuracy, best", "test accuracy, end")
    of_words = ("architecture", "optimizer", "rate", "data", "seed")
    named = any(of.words[of_words.index("data")] != NONE for of in records)
    kept = [place for place, heading in enumerate(of_words) if heading != "data" or named]
    headings = (
        *(of_words[place] for place in kept),
        "epochs",
        *(event.label for event in shown.values()),
        BEYOND,
        *accuracies,
        "training, s",
    )
    rows = []
    for of in records:
        of_run = of.scores[of.scores["layer"].isna()].set_index("score")["value"]
        last = of.history.ffill().iloc[-1]  # a log of somebody's own has not everything in each row
        rows.append(
            (
                *(of.words[place] for place in kept),
                epoch(last["epoch"]),
                *(epoch(of_run.get(event)) for event in shown),
                number(of_run.get(TRAINED_BEYOND_FIT), 1),
                number(last["train_accuracy"]),
                number(of.history["test_accuracy"].max()),
                number(last["test_accuracy"]),
                number(last["seconds"], 0),
            )
        )
    return headings, rows


def runs(records: Iterable[OfRun], left_out: Iterable[str] = ()) -> str:
    """The outcome of each run, as a page.

    Args:
        records: those of the runs.
        left_out: sentences about what the study leaves out.
    """
    headings, rows = outcomes(records)
    listed = table(headings, rows, numbers=headings[2:])
    said = "\n".join([*(f"<p>{html.escape(why)}</p>" for why in left_out), f"<p>{DATES}</p>", listed])
    return PAGE.format(title="What became of each run", body=said)


def of_run(job: Job, run: Run) -> OfRun:
    """What became of a run, from its tables.

    Raises:
        RepdynError: if a table is missing or has another origin.
    """
    rate = job.study.learning_rate(run)
    words = (run.arch, run.optimizer, NONE if rate is None else f"{rate:g}", run.data or NONE, str(run.seed))
    return OfRun(words, stored.read(job, HISTORY, run), stored.read(job, phases.SCORES, run))


def main(job: Job) -> None:
    """Write both pages.

    Raises:
        RepdynError: if a table is missing or has another origin.
    """
    study, paths = job.study, job.paths
    records = [of_run(job, run) for run in study.runs]
    found, left_out = stored.read(job, FINDINGS), stored.read(job, LEFT_OUT)
    pages = {
        paths.report_findings(): findings(found, left_out, study.findings.confidence, study.all_measures),
        paths.report_runs(): runs(records, dict.fromkeys(study.left_out.values())),
    }
    for path, content in pages.items():
        with atomic(Path(path)) as temporary:
            temporary.write_text(content, encoding="utf-8")
    LOG.info("%d findings, %d runs", len(found), len(records))
