"""The sections ``cka``, ``measures`` and ``comparisons``: how representations are compared."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from ...catalogue.measures import OF_ACTIVATIONS
from ..messages import listed, shown
from .base import Section, Seed


class Cka(Section):
    """Settings of the CKA stage that change its numbers.

    Batches: see ``similarity/minibatch.py``. Intervals: see ``similarity/bootstrap.py``.
    """

    batch_examples: int | None = Field(default=None, ge=8)
    """Averages HSIC over batches of about this size, for more examples than Gram matrices allow; by default Grams are
    whole.
    """
    resamples: int = Field(default=0, ge=0, le=100_000)
    """How many resamples of the examples make the intervals ``cka_low`` to ``cka_high``; 0 for no intervals."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """The level of these intervals."""
    seed: Seed = 0
    """Draws batches and resamples."""
    tf32: bool = False
    """Lets a GPU multiply with 10 bits of precision: faster, and less exact."""

    @model_validator(mode="after")
    def _ends_of_intervals_need_resamples_beyond_them(self) -> Cka:
        least = round(1 / (1 - self.confidence)) - 1
        if 0 < self.resamples < least:
            raise ValueError(
                f"`resamples` ({self.resamples}) must be at least {least} for `confidence: {self.confidence}`, or 0 "
                "for no intervals"
            )
        return self

    @model_validator(mode="after")
    def _resamples_need_whole_grams(self) -> Cka:
        if self.resamples and self.batch_examples is not None:
            raise ValueError("`resamples` needs whole Grams: leave out `batch_examples`, or set `resamples: 0`")
        return self


class ChosenMeasure(Section):
    """A measure of activations beside CKA and debiased CKA: one of ``catalogue/measures.py``, or the user's own."""

    name: str
    """A measure of docs/measures.md, or the name of one's own, which becomes a column."""
    neighbours: int = Field(default=10, ge=1, le=10_000)
    """For ``knn``: how many nearest neighbours are compared."""
    components: int = Field(default=10, ge=1, le=1_000)
    """For ``subspace``: how many principal components span a subspace."""
    vector: str | None = None
    """For a measure of one's own: an import path to a function from (n, p) to a vector; similarity is the cosine of
    two.
    """
    pairs: str | None = None
    """For a measure of one's own: an import path to a function from two of (n, p) to their similarity."""

    @property
    def function(self) -> str | None:
        """The import path of a measure of one's own."""
        return self.vector or self.pairs

    @model_validator(mode="after")
    def _is_known_or_has_a_function(self) -> ChosenMeasure:
        fields = type(self).model_fields
        if self.function is None:
            if self.name not in OF_ACTIVATIONS:
                raise ValueError(
                    f"{shown(self.name)} is not a measure; there are {listed(OF_ACTIVATIONS)}; one of your own needs "
                    "`vector` or `pairs`, an import path such as `my_code:my_measure`"
                )
        else:
            if self.vector is not None and self.pairs is not None:
                raise ValueError(f"`{self.name}` has `vector` and `pairs`; keep one")
            if not _COLUMN.fullmatch(self.name) or self.name in TAKEN or self.name.endswith(("_p", "_calibrated")):
                raise ValueError(
                    f"{shown(self.name)} cannot be the name of a measure of your own; it becomes a column and figures: "
                    "use small letters, digits and `_`, beginning with a letter, ending with neither `_p` nor "
                    f"`_calibrated`, and none of {listed(sorted(TAKEN))}"
                )
            if ":" not in str(self.function):
                raise ValueError(f"`{self.name}`: {shown(self.function)} is no import path; write `my_code:my_measure`")
        for setting, owner in (("neighbours", "knn"), ("components", "subspace")):
            # A copy of a config, such as Snakemake's jobs read, has every default written out.
            if getattr(self, setting) != fields[setting].default and self.name != owner:
                raise ValueError(f"`{setting}` is a setting of `{owner}`, not of `{self.name}`")
        return self


_COLUMN = re.compile("[a-z][a-z0-9_]{0,39}")


# Names of measures, of columns beside them, and of figures.
TAKEN = frozenset(
    (
        *OF_ACTIVATIONS,
        *("arch", "optimizer", "data", "seed", "optimizer_a", "optimizer_b", "data_a", "data_b", "seed_a", "seed_b"),
        *("layer", "depth", "part"),
        *("step", "step_a", "step_b", "epoch", "epoch_a"),
        *("epoch_b", "cka_low", "cka_high", "layer_a", "layer_b", "depth_a", "depth_b", "similarity", "kappa"),
        *(
            "training",
            "regions",
            "phases",
            "synchrony",
            "change",
            "probes",
            "planes",
            "timeline",
            "findings",
            "widths",
            "trends",
        ),
        *("geometry", "weights", "boundaries", "batch", "output"),
    )
)


class Comparisons(Section):
    """What similarity between layers, runs and architectures is held against: unrelated examples, or planes."""

    permutations: int = Field(default=200, ge=0, le=100_000)
    """How many permutations of the examples make the null, so that p is at least 1 / (1 + permutations); 0 leaves it
    out, and p and calibrated values are null.
    """
    seed: Seed = 0
    """Draws them."""

    @model_validator(mode="after")
    def _a_small_p_is_possible(self) -> Comparisons:
        if 0 < self.permutations < 19:
            raise ValueError(
                f"`permutations` ({self.permutations}) must be at least 19, so that p can be .05, or 0 for no null"
            )
        return self
