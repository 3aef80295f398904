"""Findings of studies that were never run: single rows, what a study found, and its folder of results."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from running import TINY
from sample_tables import findings

from repdyn.across_studies.studies import Found
from repdyn.catalogue.claims import CHANGE, CONTRADICTED, SUPPORTED, UNDECIDED
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.pipeline.jobs import Job
from repdyn.records.findings import COMPARED, FINDINGS
from repdyn.storage import tables

ESTIMATES = {SUPPORTED: 0.2, CONTRADICTED: -0.2, UNDECIDED: 0.01}
COMPARISON = {
    "claim": CHANGE.name, "measure": "cka", "score": CHANGE.primary[1], "factor": "optimizer", "first": "sgd",
    "second": "adam", "level": "vit",
}  # fmt: skip


def finding(decision: str = SUPPORTED, **changes: Any) -> dict[str, Any]:
    """A primary row of the table of findings: SGD and Adam compared, in the ViT unless something else is said."""
    known = dict.fromkeys(FINDINGS.names) | COMPARISON
    estimate = ESTIMATES[decision]
    known |= {"estimate": estimate, "ci_low": estimate - 0.05, "ci_high": estimate + 0.05, "p_adjusted": 0.031}
    known |= {"n_pairs": 6, "n_seeds": 6, "n_left_out": 0, "primary": True, "decision": decision}
    known |= {"holds": "holds under 9 of 9 measures", "holds_under": 9, "holds_of": 9}
    known |= changes
    words = f"{known['factor']}: {known['first']} − {known['second']}, arch: {known['level']}"
    return known | {"contrast": changes.get("contrast", words)}


def undecidable(reason: str = "too few seeds", **changes: Any) -> dict[str, Any]:
    """A primary row of which the data cannot decide anything."""
    nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "p_adjusted", "holds", "holds_under", "holds_of"))
    return finding(UNDECIDED, **(nothing | {"reason": reason} | changes))


def settings(**changes: Any) -> dict[str, Any]:
    """The hyperparameters of findings of the tiny study, with other sections of the config."""
    content = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    return studies.parse(content | {"seeds": [0, 1, 2, 3, 4, 5]} | changes).hyperparameters("findings")


@cache
def sampled(seeds: int, optimizers: tuple[str, ...] = ("sgd", "adam")) -> tuple[dict[str, Any], ...]:
    """The primary rows of a made-up study with all kinds of comparison, computed once."""
    return tuple(rows_of(findings(seeds, optimizers=optimizers)[0]))


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The primary rows of a table of findings, as a file gives them."""
    rows = pa.Table.from_pandas(frame.replace({np.nan: None}), FINDINGS.schema, preserve_index=False).to_pylist()
    return [row for row in rows if row["primary"]]


def found(name: str, rows: Sequence[Mapping[str, Any]], code: str = "0123456789abcdef", **changes: Any) -> Found:
    """What a study found; ``changes`` are sections of its config."""
    return Found(name, rows, settings(**changes), code, {"numpy": "2"})


def write(folder: Path, rows: Sequence[Mapping[str, Any]], **changes: Any) -> Path:
    """Write findings into a folder of results, with the metadata that the stage writes; return the folder."""
    content = yaml.safe_load(TINY.read_text(encoding="utf-8")) | {"seeds": [0, 1, 2, 3, 4, 5]} | changes
    job = Job("findings", studies.parse(content), Paths(str(folder)))
    table = pa.Table.from_pylist([dict(row) for row in rows], FINDINGS.schema)
    tables.write(job.path(FINDINGS), table, FINDINGS.schema, job.metadata(FINDINGS))
    return folder


def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a row compares."""
    return tuple(row[name] for name in COMPARED)
