"""Claims about what wrong labels add, tested in each cell of the grid whose data have a twin without them.

Turns what runs and their twins have between the same moments (``against_twins.py``) into findings. A cell with wrong
labels and its twin are the two levels of a comparison of data, at an architecture and an optimizer: its pairs are a run
and its twin. Data without a twin have no row, nor has a twin itself. In a study without any twin each claim has one
row, which says that.

Time: that of sign flips.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..catalogue.claims import DESCENT, MEMORIZED, Claim
from ..catalogue.factors import ARCH, DATA, FACTORS, OPTIMIZER
from ..catalogue.scores import CHANGE_BEYOND_SHIFTED, CHANGE_BEYOND_TWIN
from ..records.layer_names import RUN
from . import claim_tests, twins
from .against_twins import OfCell, of_cell
from .claim_tests import ClaimTests, Finding
from .pairing import COLUMNS, Comparison, differences, pairs

if TYPE_CHECKING:
    from ..config.study import Study

CLAIMS = (MEMORIZED, DESCENT)
# Score of the same epochs -> that of all shifts, under whose name the table of twins has both.
SHIFTED = {CHANGE_BEYOND_TWIN: CHANGE_BEYOND_SHIFTED}
SAME_EPOCHS = twins.SHIFTS[0]
ALL_RIGHT = "no runs with wrong labels"
NOTHING = OfCell({}, twins.AtEveryShift(None, None, None, None, None, 0), {})  # of a measure that no run has


def without_wrong_labels(study: Study) -> dict[str, str]:
    """The twin of each level of the data that has one; wrong labels that come with a data set are wrong labels, too."""
    levels = study.named_data
    found = twins.without_wrong_labels({level: data.model_dump(mode="json") for level, data in levels.items()})
    return {level: twin for level, twin in found.items() if not levels[twin].mislabels}


def values(compared: pd.DataFrame) -> pd.DataFrame:
    """The change that wrong labels add to each run, as rows of ``claim_tests.values``.

    Args:
        compared: the table ``findings/twins``.
    """
    at = compared[(compared["shift"] == SAME_EPOCHS) & (compared["score"] == CHANGE_BEYOND_SHIFTED)]
    frame = at.rename(columns={"difference": "value"}).assign(score=CHANGE_BEYOND_TWIN)
    return frame[[*RUN, "measure", "score", "value"]]


def of_study(
    tests: ClaimTests, without: Mapping[str, str], compared: pd.DataFrame, *, mislabelled: bool
) -> Iterator[Finding]:
    """The findings of the claims about twins.

    Args:
        tests: of the study.
        without: level of the data -> its twin.
        compared: the table ``findings/twins``.
        mislabelled: whether any run of the study has wrong labels.
    """
    cells = tests.runs[tests.runs[DATA].isin(list(without))].groupby([*FACTORS], sort=False)
    found = [_Cell(tests, without, compared, dict(zip(FACTORS, levels, strict=True)), runs) for levels, runs in cells]
    for claim in CLAIMS:
        if not found:
            yield _untestable(tests, claim, claim.obstacle if mislabelled else ALL_RIGHT)
        for cell in found:
            yield from cell.findings(claim)


def _untestable(tests: ClaimTests, claim: Claim, obstacle: str) -> Finding:
    nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "p_value")) | {"n_seeds": 0}
    return Finding(
        claim=claim, measure=None, score=None, comparison=Comparison(), primary=True,
        found=pairs(tests.of_score(None, ""), Comparison(ARCH, "")), tested=nothing,
        reason=f"not testable: {obstacle}",
    )  # fmt: skip


class _Cell:
    """An architecture, an optimizer and data with wrong labels, beside the same without."""

    def __init__(
        self, tests: ClaimTests, without: Mapping[str, str], compared: pd.DataFrame, levels: dict[str, Any],
        runs: pd.DataFrame,
    ) -> None:  # fmt: skip
        self.tests, self.levels, self.runs = tests, levels, runs
        self.twin = levels | {DATA: without[levels[DATA]]}
        self.comparison = Comparison(
            DATA, levels[DATA], self.twin[DATA], level=levels[ARCH], held=OPTIMIZER, held_level=levels[OPTIMIZER]
        )
        self.compared = compared[(compared[[*FACTORS]] == pd.Series(levels)).all(axis=1)]
        of_runs = {int(str(seed)): table for seed, table in self.compared.groupby("seed")}
        self.found = of_cell(of_runs, tests.settings) if of_runs else {}

    def findings(self, claim: Claim) -> Iterator[Finding]:
        """The claim under each measure and score."""
        for measure, score in self.tests.ways(claim):
            under = SHIFTED.get(score, score)
            of = self.found.get((str(measure), under), NOTHING)
            table = self.compared[(self.compared["measure"] == measure) & (self.compared["score"] == under)]
            same_epochs = score in SHIFTED
            if same_epochs:
                made_of = self._pairs(table[table["shift"] == SAME_EPOCHS], of.same_epochs)
                tested = claim_tests.test(differences(made_of), self.tests.settings)
            else:
                made_of = self._pairs(table[table["shift"] == of.shifted.shift], of.of_seeds)
                names = ("estimate", "ci_low", "ci_high", "p_value", "n_seeds")
                tested = {name: getattr(of.shifted, name) for name in names}
            finding = Finding(
                claim=claim, measure=measure, score=score, comparison=self.comparison,
                primary=(measure, score) == claim.primary, found=made_of, tested=tested, flips=same_epochs,
                reason=claim_tests.obstacle(
                    tested["n_seeds"], self.tests.settings.confidence, one_sided=not same_epochs
                ),
            )  # fmt: skip
            if finding.primary:
                finding.left_out = self._left_out(claim, table, set(made_of["seed"]))
                if made_of.empty:
                    finding.reason = claim_tests.nobody(finding.left_out)
            yield finding

    def _pairs(self, table: pd.DataFrame, of_seeds: Mapping[int, float]) -> pd.DataFrame:
        """A run and its twin for each seed with a difference, as ``pairing.COLUMNS``."""
        there = table[table["seed"].isin(list(of_seeds))].sort_values("seed")
        sides = {f"{factor}_first": level for factor, level in self.levels.items()}
        sides |= {f"{factor}_second": level for factor, level in self.twin.items()}
        named = there.rename(columns={"run": "value_first", "twin": "value_second"})
        return named.assign(**sides, weight=1 / max(len(there), 1))[COLUMNS].reset_index(drop=True)

    def _left_out(self, claim: Claim, table: pd.DataFrame, used: set[int]) -> pd.DataFrame:
        """The runs without a pair, with the reason, and their twins."""
        said = table.dropna(subset=["reason"]).drop_duplicates("seed").set_index("seed")["reason"]
        rows = []
        for run in self.runs[~self.runs["seed"].isin(used)].to_dict("records"):
            why = claim_tests.why_without(claim, run, str(said.get(run["seed"], "score is undefined")))
            rows.append({**self.levels, "seed": run["seed"], "reason": why})
            rows.append({**self.twin, "seed": run["seed"], "reason": claim_tests.ALONE})
        return pd.DataFrame(rows, columns=[*RUN, "reason"])
