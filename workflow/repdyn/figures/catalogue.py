"""Which figures there are: the module that draws each, and the tables that it reads. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from ..paths import Paths

SETS = ("test", "clean", "mislabelled")


@dataclass(frozen=True)
class Entry:
    """A figure.

    Attributes:
        module: the repdyn module with ``draw(job)``, whose code digest decides when the figure is drawn anew.
        of_run: tables of a run that it reads, as names of methods of ``Paths``; for a figure of the whole study, of
            every run.
        of_study: tables of the whole study that it reads.
    """

    module: str
    of_run: tuple[str, ...] = ()
    of_study: tuple[str, ...] = ()

    def inputs(self, paths: Paths, runs: list[str]) -> list[str]:
        """Every file that the figure reads, for these runs."""
        of_runs = [getattr(paths, table)(run) for run in runs for table in self.of_run]
        return [*of_runs, *(getattr(paths, table)() for table in self.of_study)]


RUN_FIGURES: dict[str, Entry] = {
    "training": Entry("figures.training", ("history", "scores")),
    "cka": Entry("figures.similarity", ("cka", "segments", "scores")),
    "regions": Entry("figures.similarity", ("region_similarity", "segments", "scores")),
    **{f"planes-{name}": Entry("figures.planes", ("region_pictures", "scores"), ("planes",)) for name in SETS},
}
STUDY_FIGURES: dict[str, Entry] = {
    "training": Entry("figures.training", ("history", "scores")),
}


def drawn_by_default(label_noise: float) -> tuple[list[str], list[str]]:
    """The figures of each run and those of the study that ``rule all`` draws.

    Of the planes it draws those through mislabelled images, where there are any: memorization is seen there.
    """
    planes = "planes-mislabelled" if label_noise else "planes-test"
    return ["training", "cka", "regions", planes], list(STUDY_FIGURES)
