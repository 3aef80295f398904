"""The settings of each section of a study's config, with every default.

Each section is a pydantic model; ``study.py`` puts them together. Imports nothing heavy, because Snakemake and every
cluster job read it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..catalogue.measures import OF_ACTIVATIONS
from . import plain
from .facts import Facts, Kind
from .messages import listed, shown
from .names import Level, Name

# A run's seed is a partition folder, whose number readers take for a 32-bit integer, or for text.
RunSeed = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# A model's or optimizer's own arguments; `1e-3` becomes a number.
Kwargs = Annotated[dict[str, Any], AfterValidator(plain.numbers)]
# Generous bounds on what determines the time to plan a study: beyond them, suspect a slip.
MOST_EPOCHS = 10_000_000
MOST_EVALUATIONS = 1_000_000  # per run
MOST_CHECKPOINTS = 10_000  # per run; every pair is compared
LARGEST_IMAGE = 4_096  # pixels a side
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
ImageSize = Annotated[int, Field(ge=4, le=LARGEST_IMAGE)]


def distinct(values: list[Any]) -> list[Any]:
    """Refuse a list with duplicates."""
    twice = sorted(value for value, number in Counter(values).items() if number > 1)
    if twice:
        raise ValueError(f"{listed(twice)} is listed more than once; name each once")
    return values


class Section(BaseModel):
    """A section of the config: unknown keys are errors, and it is frozen after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any, field: ValidationInfo) -> Any:
        """Read `1e3`, text in YAML, as a number; do not read `true` as 1."""
        if not _is_number(cls, str(field.field_name)):
            return value
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,)
        if any(isinstance(single, bool) for single in inner):
            raise ValueError("`true` and `false`, and in YAML yes, no, on and off, are not numbers")
        return plain.numbers(value)


@cache
def _is_number(model: type[BaseModel], field: str) -> bool:
    """Whether a setting is a number, or a list or section of numbers."""

    def kinds(annotation: Any) -> set[Any]:
        inner = get_args(annotation)
        return set().union(*map(kinds, inner)) if inner else {annotation}

    found = kinds(model.model_fields[field].annotation)
    return bool(found & {int, float}) and bool not in found


class Folder(Section):
    """A folder of image files: ``path``, relative to ``execution.data_root``, and what it contains.

    Images are scaled to ``size`` × ``size`` pixels. ``train`` and ``test`` are the numbers of all images in each part.
    """

    path: str
    classes: int = Field(ge=2, le=65_536)
    channels: Literal[1, 3] = 3
    size: ImageSize
    train: int = Field(ge=10)
    test: int = Field(ge=10)


class Columns(Section):
    """Which array of an ``.npz``, or column of a folder of Hugging Face's, is what; by default it has a usual name."""

    inputs: str | None = None
    labels: str | None = None
    given_labels: str | None = None
    ids: str | None = None


class Standardise(Section):
    """How inputs are standardised: ``by`` mean and deviation of each channel, by nothing, or by ``mean`` and ``std``.

    These are numbers for each channel; images that are stored as integers are scaled to [0, 1] before.
    """

    by: Literal["channel", "none"] | None = None
    mean: list[float] | None = None
    std: list[Annotated[float, Field(gt=0)]] | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> Standardise:
        if (self.by is None) != (self.mean is not None and self.std is not None) or len(self.mean or []) != len(
            self.std or []
        ):
            raise ValueError("write `channel`, `none`, or `{mean: [0.5], std: [0.25]}` with a number for each channel")
        return self


def _by_name(value: Any) -> Any:
    return {"by": value} if isinstance(value, str) else value


def _is_empty(value: Any) -> bool:
    return not value


class Data(Section):
    """Which examples, how many of them, and how many labels are wrong, in which way (``data/label_noise.py``).

    ``dataset`` is one of ``data/datasets.py``, or one's own: a function by import path, which gets ``kwargs`` and reads
    ``files``; an ``.npz``; or a folder that Hugging Face's ``datasets`` saved (``data/own_sources.py``).

    ``drawn_by`` says what draws the examples that are trained on and those that are mislabelled: each run's seed, or
    ``seed`` below, for the whole study. ``common`` is how many examples a data set without a test part sets aside, for
    no run to train on and runs to be compared on (``data/subsets.py``).
    ``contents`` is a digest of an image folder's files (``data/contents.py``). It is filled in when a study is loaded
    to run, so that other images make another study. Where the config states it, any other images are refused.
    """

    dataset: str = "digits"
    folder: Folder | None = None
    kwargs: Kwargs = Field(default={}, exclude_if=_is_empty)
    files: list[str] = Field(default=[], exclude_if=_is_empty)
    columns: Columns | None = Field(default=None, exclude_if=_is_empty)
    kind: Kind | None = Field(default=None, exclude_if=_is_empty)
    standardise: Annotated[Standardise | None, BeforeValidator(_by_name)] = Field(default=None, exclude_if=_is_empty)
    facts: Facts | None = Field(default=None, exclude_if=_is_empty)
    contents: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{16}-[0-9a-f]{16}$", exclude_if=lambda contents: contents is None
    )
    train_size: int | None = Field(default=None, ge=10)
    test_size: int | None = Field(default=None, ge=10)
    image_size: ImageSize | None = None
    label_noise: float = Field(default=0.0, ge=0.0, lt=1.0)
    label_noise_kind: Literal["symmetric", "pairs"] = "symmetric"
    label_noise_pairs: dict[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = None
    drawn_by: Literal["seed", "study"] = "seed"
    common: int | None = Field(default=None, ge=1)
    seed: Seed = 0

    @model_validator(mode="after")
    def _a_study_that_draws_sets_nothing_aside(self) -> Data:
        if self.common is not None and self.drawn_by == "study":
            raise ValueError("`common` is for `drawn_by: seed`; where the study draws, all test examples are common")
        return self

    @model_validator(mode="after")
    def _image_folders_are_described(self) -> Data:
        if (self.dataset == "image-folder") != (self.folder is not None):
            raise ValueError(
                "`dataset: image-folder`, and no other, needs a section `folder` with path, classes, size, train and "
                "test"
            )
        return self

    @property
    def is_own(self) -> bool:
        """Whether the data set is the user's own arrays: a function, an ``.npz`` or a folder."""
        return ":" in self.dataset or "/" in self.dataset or self.dataset.endswith(".npz")

    @property
    def mislabels(self) -> bool:
        """Whether some of the labels that are trained on are wrong."""
        return self.label_noise > 0 or (self.facts is not None and self.facts.given_labels)

    @model_validator(mode="after")
    def _own_settings_are_for_own_data(self) -> Data:
        is_function = ":" in self.dataset
        for key, value, fits in (
            ("kwargs", self.kwargs, is_function),
            ("files", self.files, is_function),
            ("columns", self.columns, self.is_own and not is_function),
            ("kind", self.kind, self.is_own),
            ("facts", self.facts, self.is_own),
            ("image_size", self.image_size, not self.is_own),
        ):
            if value and not fits:
                where = {"image_size": "repdyn's own data sets and image folders", "columns": "an `.npz` or a folder"}
                what = where.get(key, "a function of your own" if key in ("kwargs", "files") else "data of your own")
                raise ValueError(f"`{key}` is for {what}, which `{self.dataset}` is not; leave it out")
        return self

    @model_validator(mode="after")
    def _pairs_are_of_two_classes(self) -> Data:
        if self.label_noise_pairs is not None and self.label_noise_kind != "pairs":
            raise ValueError("`label_noise_pairs` is for `label_noise_kind: pairs` only")
        same = [true for true, other in (self.label_noise_pairs or {}).items() if true == other]
        if same:
            raise ValueError(f"`label_noise_pairs` makes class {same[0]} into itself; a wrong label is another one")
        return self


class Architecture(Section):
    """A model from timm (its name), torchvision (``torchvision:name``) or the user's code (``package.module:Name``).

    ``kwargs`` are passed to it unchanged. ``width`` is the number of channels of a ResNet's first stage, or
    the argument of that name of a model of one's own: see ``models/architectures.py``. ``logits`` is a function by
    import path that finds the logits in what the model returns, where these are not a tensor or its ``logits``: see
    ``models/outputs.py``. ``batch_dimension`` is the dimension of the observed layers' outputs that examples are in,
    such as 1 for (tokens, examples, channels). ``layers`` are those that stages after training observe;
    ``change_layers`` those whose change is measured while training.
    """

    model: str
    kwargs: Kwargs = {}
    stem: Literal["native", "small"] = "native"
    width: int | None = Field(default=None, ge=1, le=4_096)
    layers: list[str] | None = Field(default=None, min_length=1)
    change_layers: list[str] | None = Field(default=None, min_length=1, exclude_if=lambda layers: layers is None)
    logits: str | None = Field(default=None, exclude_if=lambda logits: logits is None)
    batch_dimension: int = Field(default=0, ge=0, le=7, exclude_if=lambda dimension: dimension == 0)

    @field_validator("logits")
    @classmethod
    def _logits_are_found_by_a_function(cls, logits: str | None) -> str | None:
        if logits is not None and ":" not in logits:
            raise ValueError(f"{shown(logits)} is no import path; write `my_code:logits`, or leave it out")
        return logits


class RateSchedule(Section):
    """A learning rate schedule of timm, by name, over ``epochs`` (default: all of training)."""

    sched: str
    epochs: Epochs | None = None
    warmup_epochs: float = Field(default=0.0, ge=0.0, le=MOST_EPOCHS)
    kwargs: Kwargs = {}

    def within(self, epochs: int) -> RateSchedule:
        """Fill in its length for a training of that many epochs; a schedule that needs no length gets none."""
        is_endless = self.sched in ("constant", "step", "multistep", "plateau") and "noise" not in self.kwargs
        return self.model_copy(update={"epochs": None if is_endless else (self.epochs or epochs)})


class Intervention(Section):
    """A change of training once ``epoch`` epochs are done, known beforehand, from there to the end; one of these.

    ``rate`` multiplies the learning rate. ``labels: redraw`` draws anew which examples are mislabelled, and as what
    (``data/label_noise.py``). ``freeze`` keeps parameters and batch-norm statistics of modules, by path with wildcards,
    as they are. ``invert`` negates the standardised inputs that are trained on. ``data`` goes on with the examples, for
    training and for testing, of another level of the data; runs on that level stay as they are.
    """

    epoch: Epochs
    rate: float | None = Field(default=None, gt=0.0, exclude_if=_is_empty)
    labels: Literal["redraw"] | None = Field(default=None, exclude_if=_is_empty)
    freeze: list[str] | None = Field(default=None, min_length=1, exclude_if=_is_empty)
    invert: bool = Field(default=False, exclude_if=_is_empty)
    data: Level | None = Field(default=None, exclude_if=_is_empty)

    @model_validator(mode="after")
    def _is_one_of_these(self) -> Intervention:
        kinds = [name for name in ("rate", "labels", "freeze", "invert", "data") if getattr(self, name)]
        if len(kinds) != 1:
            raise ValueError(
                "an intervention is one of `rate: 0.1`, `labels: redraw`, `freeze: [...]`, `invert: true` and `data: "
                f"LEVEL`, beside its `epoch`, and here {f'are {listed(kinds)}' if kinds else 'is none'}; write several "
                "as several"
            )
        return self


Interventions = Annotated[list[Intervention], Field(max_length=100)]


class Optimizer(Section):
    """An optimizer from timm (its name) or the user's code (``package.module:Name``).

    ``lr`` is one number, or one for each architecture. Without a ``schedule`` it is constant. ``interventions`` are
    those in its runs, beside those of ``training``.
    """

    opt: str
    lr: Annotated[float, Field(gt=0)] | dict[str, Annotated[float, Field(gt=0)]]
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    schedule: RateSchedule | None = None
    kwargs: Kwargs = {}
    family: Name | None = None
    interventions: Interventions = Field(default=[], exclude_if=_is_empty)

    def rate(self, arch: str) -> float:
        """The learning rate for an architecture."""
        return self.lr[arch] if isinstance(self.lr, dict) else self.lr

    def of_run(self, arch: str, epochs: int) -> Optimizer:
        """The optimizer of one run: a single rate, and the schedule's length filled in."""
        schedule = None if self.schedule is None else self.schedule.within(epochs)
        return self.model_copy(update={"lr": self.rate(arch), "schedule": schedule})


class Augmentation(Section):
    """Random crops of images padded by ``padding`` pixels, and horizontal flips."""

    padding: int = Field(default=4, ge=0, le=LARGEST_IMAGE)
    flip: bool = True


class Training(Section):
    """How long to train, in which batches, and how often to evaluate: every epoch, or so often per decade of epochs.

    ``interventions`` are those in all runs that are trained here. ``precision``, ``channels_last`` and ``compile`` are
    for speed, but change numbers: see ``training/stepping.py`` and ``models/memory_layouts.py``.
    """

    epochs: Epochs
    batch_size: int = Field(default=64, ge=1, lt=2**31)
    evaluations_per_decade: int | None = Field(default=None, ge=1, le=10_000)
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    clip_norm: float | None = Field(default=None, gt=0.0)
    augmentation: Augmentation | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    compile: bool = False
    interventions: Interventions = Field(default=[], exclude_if=_is_empty)

    @model_validator(mode="after")
    def _evaluations_are_countable(self) -> Training:
        if self.evaluations_per_decade is None and self.epochs > MOST_EVALUATIONS:
            raise ValueError(
                f"a history with a row for each of {self.epochs:,} epochs exceeds {MOST_EVALUATIONS:,} rows; set "
                "`evaluations_per_decade`"
            )
        return self


class Checkpoints(Section):
    """When checkpoints are taken: see ``training/checkpoint_schedule.py``."""

    schedule: Literal["log", "linear", "explicit"] = "log"
    per_decade: int = Field(default=10, ge=1, le=MOST_CHECKPOINTS)
    first: float = Field(default=1.0, ge=1e-6, le=MOST_EPOCHS)
    every: float = Field(default=10.0, ge=1e-6, le=MOST_EPOCHS)
    epochs: list[Annotated[float, Field(ge=0.0, le=MOST_EPOCHS)]] = Field(default=[], max_length=MOST_CHECKPOINTS)

    @model_validator(mode="after")
    def _explicit_needs_epochs(self) -> Checkpoints:
        if (self.schedule == "explicit") != bool(self.epochs):
            raise ValueError("`epochs` is a list for `schedule: explicit`, and for that schedule only")
        return self

    def at_most(self, epochs: int) -> int:
        """The number of checkpoints in that many epochs, if no two fall on the same step."""
        match self.schedule:
            case "log":
                return max(0, math.floor(self.per_decade * math.log10(epochs / self.first)) + 1)
            case "linear":
                return math.floor(epochs / self.every)
            case "explicit":
                return len(self.epochs)


class Reduction(Section):
    """How to reduce maps larger than ``pool`` × ``pool``, and tokens: see ``models/pooling.py``."""

    pool: int | None = Field(default=None, ge=1)
    tokens: Literal["all", "class", "mean"] = "all"


class Activations(Section):
    """Which examples' activations to store, how reduced, and in which precision.

    ``whole`` names the wide layers, with wildcards if wanted, whose activations are stored unit by unit, and not as
    coordinates of the examples: see ``representations/coordinates.py``. ``dtype`` is that of whole activations.
    ``batch_norm`` says whether everything is measured with batch-norm statistics re-estimated from
    ``batch_norm_images`` training images, or all if there are fewer: see ``models/batch_norm.py``.
    """

    similarity_examples: int = Field(default=500, ge=4)
    similarity_from: Literal["train", "test"] = "test"
    probe_examples: int | None = Field(default=None, ge=10)
    reduction: Reduction = Reduction()
    dtype: Literal["float16", "float32"] = "float16"
    whole: list[str] = Field(default=[], exclude_if=lambda layers: not layers)
    batch_norm: Literal["reestimated", "stored"] = "reestimated"
    batch_norm_images: int = Field(default=1000, ge=2)


class Change(Section):
    """What is measured of the change of layers between evaluated epochs, while a run trains (``training/measured.py``).

    ``examples`` are compared, or all that no run trains on if there are fewer; 0 measures nothing. Which layers, the
    ``change_layers`` of an architecture say. None of it can change without training again.
    """

    examples: int = Field(default=200, ge=0, le=100_000)
    reduction: Reduction = Reduction()

    @field_validator("examples")
    @classmethod
    def _some_or_none(cls, examples: int) -> int:
        if 0 < examples < 10:
            raise ValueError(f"`examples` ({examples}) must be at least 10, or 0 to measure no change")
        return examples


class Cka(Section):
    """Settings of the CKA stage that change its numbers.

    ``batch_examples`` averages HSIC over batches of about that size, for more examples than Gram matrices allow: see
    ``similarity/minibatch.py``. ``resamples`` gives intervals, ``cka_low`` to ``cka_high``: see
    ``similarity/bootstrap.py``. ``tf32`` lets a GPU multiply with 10 bits of precision.
    """

    batch_examples: int | None = Field(default=None, ge=8)
    resamples: int = Field(default=0, ge=0, le=100_000)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    seed: Seed = 0
    tf32: bool = False

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
    """A measure of activations beside CKA and debiased CKA: one of ``catalogue/measures.py``, or the user's own.

    ``neighbours`` is k of ``knn``, ``components`` the dimension of ``subspace``. A measure of one's own has a name that
    becomes a column, and a function by import path: ``vector`` turns (n, p) into a vector, and similarity is the
    cosine of two; ``pairs`` turns two of (n, p) into a similarity.
    """

    name: str
    neighbours: int = Field(default=10, ge=1, le=10_000)
    components: int = Field(default=10, ge=1, le=1_000)
    vector: str | None = None
    pairs: str | None = None

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
    """What similarity between layers, runs and architectures is held against: unrelated examples, or planes.

    ``permutations`` of the examples make the null, so p is at least 1 / (1 + permutations); 0 leaves it out, and p and
    calibrated values are null. ``seed`` draws them.
    """

    permutations: int = Field(default=200, ge=0, le=100_000)
    seed: Seed = 0

    @model_validator(mode="after")
    def _a_small_p_is_possible(self) -> Comparisons:
        if 0 < self.permutations < 19:
            raise ValueError(
                f"`permutations` ({self.permutations}) must be at least 19, so that p can be .05, or 0 for no null"
            )
        return self


class Logistic(Section):
    """How L-BFGS solves logistic probes: until no component of the mean gradient exceeds ``tolerance``."""

    tolerance: float = Field(default=1e-6, gt=0.0)
    iterations: int = Field(default=2000, ge=1, le=1_000_000)


class Sgd(Section):
    """How stochastic gradient descent solves probes; ``lr`` is divided by the number of live units."""

    epochs: int = Field(default=30, ge=1, le=1_000_000)
    batch_size: int = Field(default=64, ge=1, lt=2**31)
    lr: float = Field(default=1.0, gt=0.0)
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)


class Probes(Section):
    """The linear classifier that is trained on every layer.

    ``penalty`` is relative to the mean eigenvalue of the Gram matrix, for every kind. ``seed`` draws the halves for the
    noise floor and everything random in ``sgd``.
    """

    kind: Literal["ridge", "logistic", "sgd"] = "ridge"
    penalty: float = Field(default=0.1, ge=1e-12, le=1e12)
    logistic: Logistic = Logistic()
    sgd: Sgd = Sgd()
    seed: Seed = 0


class Planes(Section):
    """The planes through triplets of images on which decision regions are compared (DRS).

    Each of the sets test, clean and mislabelled has ``count`` planes of ``resolution``² points, and ``pictures`` planes
    of ``picture_resolution``² points with a wider margin, for figures. ``distinct_classes`` asks for three classes on
    each plane; data with two classes need it off.
    """

    count: int = Field(default=500, ge=1, le=1_000_000)
    resolution: int = Field(default=50, ge=2, le=100_000)
    margin: float = Field(default=0.1, ge=0.0, le=1_000.0)
    pictures: int = Field(default=1, ge=1, le=1_000_000)
    picture_resolution: int = Field(default=60, ge=2, le=100_000)
    picture_margin: float = Field(default=0.5, ge=0.0, le=1_000.0)
    distinct_classes: bool = True
    seed: Seed = 0


class Phases(Section):
    """Thresholds of events, and how hard it is to start a phase."""

    onset: float = Field(default=0.25, gt=0.0, lt=1.0)
    end: float = Field(default=0.95, gt=0.0, le=1.0)
    sustained: float = Field(default=0.995, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _onset_before_end(self) -> Phases:
        if self.onset >= self.end:
            raise ValueError(f"`onset` ({self.onset}) must lie below `end` ({self.end})")
        return self


class Contrast(Section):
    """Two levels of a factor of the grid, the first compared with the second."""

    factor: Literal["arch", "optimizer", "data"]
    levels: tuple[Name, Name]

    @model_validator(mode="after")
    def _levels_differ(self) -> Contrast:
        if self.levels[0] == self.levels[1]:
            raise ValueError(f"`levels` compares {self.levels[0]} with itself; name two")
        return self

    def __str__(self) -> str:
        return f"{self.factor}: {self.levels[0]} - {self.levels[1]}"


class Findings(Section):
    """How claims about the grid are tested, and between which levels (default: ``Study.contrasts``)."""

    contrasts: list[Contrast] | None = Field(default=None, max_length=1_000)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    seed: Seed = 0


class Figures(Section):
    """What `rule all` draws, and how large the explorer may be.

    Figures of single runs are drawn of the first ``seeds`` seeds only; by default of all. Any other figure, in any
    format, can be requested by file name. ``rows`` and ``columns`` are the factors that figures of the whole grid have
    as rows and columns; levels of the third are columns beside each other.
    """

    formats: Annotated[list[Literal["png", "svg", "pdf"]], Field(min_length=1), AfterValidator(distinct)] = ["png"]
    seeds: int | None = Field(default=None, ge=1)
    rows: Literal["arch", "optimizer", "data"] = "arch"
    columns: Literal["arch", "optimizer", "data"] = "optimizer"
    explorer_mib: float = Field(default=32.0, gt=0.0, le=1e6)

    @model_validator(mode="after")
    def _rows_are_no_columns(self) -> Figures:
        if self.rows == self.columns:
            raise ValueError(f"`rows` and `columns` are both {self.rows}; name two factors")
        return self


class Execution(Section):
    """How and where to compute. None of it should change a number, so none of it is a hyperparameter."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")
    data_root: str = "data"
    memory_gib: float = Field(default=2.0, gt=0.0, le=1e6)
    save_state_seconds: float = Field(default=60.0, ge=0.0)
