"""The sections ``figures`` and ``execution``: what is drawn, and how and where to compute."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ...catalogue.factors import FACTORS
from .base import Section, distinct

PARTS = (*FACTORS, "seed")  # of a run's name


def _levels(runs: list[str]) -> list[str]:
    """Refuse what does not name runs by their levels."""
    for run in runs:
        named = [part.split("=") for part in run.split("/")]
        if not all(len(part) == 2 and part[0] in PARTS and part[1] for part in named):
            raise ValueError(f"{run} does not name runs by {', '.join(PARTS)}, as arch=vit/optimizer=sgd does")
    return distinct(runs)


class Print(Section):
    """How figures are set for print, and what of a study they show; no stage before them reads it."""

    width: float | None = Field(default=None, ge=3.0, le=20.0)
    """The widest that a figure may be, in inches, such as 3.25 for a column, 5.5 or 7; curves take all of it.

    By default 7, and curves take less.
    """
    font_size: float = Field(default=7.0, ge=7.0, le=20.0)
    """Points of ordinary type at that width; the smallest is 6/7 of it, so never under 6.

    Larger type leaves room for less: a figure has more pages then, or fewer panels beside each other.
    """
    title: bool = True
    """Whether figures have titles; without them the caption says it."""
    dpi: int | None = Field(default=None, ge=50, le=1200)
    """Pixels of an inch of a PNG, by default 220. Matrices are images at their own pixels in SVG and PDF."""
    layers: Annotated[list[str], Field(min_length=1), AfterValidator(distinct)] | None = None
    """The layers that figures show, by name or pattern (`blocks.*`); by default all."""
    runs: Annotated[list[str], Field(min_length=1), AfterValidator(_levels)] | None = None
    """The runs that figures of the whole study show, by levels as in names of folders: `arch=vit/optimizer=sgd`.

    By default all. Findings are always those of the whole study.
    """


class Figures(Section):
    """What ``rule all`` draws, and how large the explorer may be. Any other figure, in any format, has a file name."""

    formats: Annotated[list[Literal["png", "svg", "pdf"]], Field(min_length=1), AfterValidator(distinct)] = Field(
        default=["png"]
    )
    """The formats that ``make run`` draws; any can be asked for by file name."""
    seeds: int | None = Field(default=None, ge=1)
    """Single runs are drawn of so many seeds, the first ones; by default of all."""
    rows: Literal["arch", "optimizer", "data"] = "arch"
    """The factor whose levels are rows of figures of the whole grid."""
    columns: Literal["arch", "optimizer", "data"] = "optimizer"
    """The factor whose levels are their columns; levels of the third factor are columns beside each other."""
    explorer_mib: float = Field(default=32.0, gt=0.0, le=1e6)
    """The size that explorer.html may have, in MiB; for a larger study it leaves out detail and seeds."""

    print: Print = Print()
    """How figures are set for print, and what of a study they show."""

    @model_validator(mode="after")
    def _rows_are_no_columns(self) -> Figures:
        if self.rows == self.columns:
            raise ValueError(f"`rows` and `columns` are both {self.rows}; name two factors")
        return self


class Execution(Section):
    """How and where to compute. None of it should change a number, so none of it is a hyperparameter."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")
    """Where to compute: ``auto`` takes a GPU if there is one; or ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    data_root: str = "data"
    """The folder where data sets are, or are downloaded to, relative to the working directory."""
    memory_gib: float = Field(default=2.0, gt=0.0, le=1e6)
    """A bound on the working memory of CKA and regions, in GiB, whatever the size of the study."""
    save_state_seconds: float = Field(default=60.0, ge=0.0)
    """How often the state of training is saved, in seconds: how much of it a kill can cost."""
