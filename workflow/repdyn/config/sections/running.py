"""The sections ``figures`` and ``execution``: what is drawn, and how and where to compute."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .base import Section, distinct


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
