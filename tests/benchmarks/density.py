"""How often must training be measured? The findings of a finished study, had it been measured less often.

    PYTHONPATH=workflow python tests/benchmarks/density.py [--study workflow/studies/digits-seeds.yaml]
        [--results results] [--per-decade 30 20 15]

Evaluations change nothing about training, so a study with fewer of them has these rows of the same history. For each
density: evaluations of a run; how many findings about perfect fit, and how many others, get another verdict; and by how
much estimates move, in standard errors over seeds (from their intervals), at the median and at most.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repdyn.catalogue.claims import TRANSITION
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.config.study import Study
from repdyn.pipeline.jobs import Job
from repdyn.stages import findings as findings_stage
from repdyn.stages import phases as phases_stage
from repdyn.training import checkpoint_schedule

KEY = ["claim", "contrast", "measure", "score"]
NOT_NEEDED = shutil.ignore_patterns("activations", "checkpoints", "state", "figures", "phases", "findings", "logs")


def thinned(study: Study, results: Path, per_decade: int | None) -> pd.DataFrame:
    """Findings with so many evaluations in a tenfold of epochs, of those that there are; None for all of them."""
    with tempfile.TemporaryDirectory(dir=results) as folder:
        copy = Path(folder) / study.name
        shutil.copytree(results / study.name, copy, copy_function=os.link, ignore=NOT_NEEDED)
        if per_decade is not None:
            kept = pa.array(sorted(map(float, checkpoint_schedule.evaluated_epochs(per_decade, study.training.epochs))))
            for path in copy.glob("history/**/*.parquet"):
                table = pq.read_table(path, partitioning=None)
                path.unlink()  # a link: the study's own stays
                pq.write_table(table.filter(pc.is_in(table["epoch"], kept)), path)
        paths = Paths(str(copy))
        for run in study.runs:
            phases_stage.main(Job("phases", study, paths, run))
        findings_stage.main(Job("findings", study, paths))
        return pd.read_parquet(paths.findings())


def compare(whole: pd.DataFrame, thin: pd.DataFrame) -> str:
    """What thinning changed, in words."""
    both = whole.merge(thin, on=KEY, suffixes=("", "_thin"), validate="one_to_one")
    changed = both["decision"] != both["decision_thin"]
    error = (both["ci_high"] - both["ci_low"]) / (2 * 1.96)
    moved = ((both["estimate_thin"] - both["estimate"]).abs() / error).where(error > 0)
    about_fit, words = both["claim"] == TRANSITION.name, []
    for name, part in (("about perfect fit", about_fit), ("others", ~about_fit)):
        words.append(
            f"{name}: {changed[part].sum()} of {part.sum()} verdicts, estimates by {moved[part].median():.1f}, at most "
            f"{np.nanmax(moved[part]):.1f} standard errors"
        )
    return "; ".join(words)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("workflow/studies/digits-seeds.yaml"))
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--per-decade", type=int, nargs="+", default=[30, 20, 15])
    given = parser.parse_args()
    study = studies.load(given.study)
    whole = thinned(study, given.results, None)
    for per_decade in given.per_decade:
        evaluations = len(checkpoint_schedule.evaluated_epochs(per_decade, study.training.epochs))
        changes = compare(whole, thinned(study, given.results, per_decade))
        print(f"{per_decade:>3} a decade, {evaluations} in all; {changes}")


if __name__ == "__main__":
    main()
