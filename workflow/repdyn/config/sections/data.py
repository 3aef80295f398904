"""The section ``data``: which examples, and how many of their labels are wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ..facts import Facts, Kind
from .base import ImageSize, Kwargs, Section, Seed, distinct, is_empty

ClassName = Annotated[str, Field(min_length=1, max_length=200)]


class Folder(Section):
    """A folder of image files, one folder for each class in each part."""

    path: str
    """The folder that holds ``train`` and ``test``, relative to ``execution.data_root``."""
    classes: int = Field(ge=2, le=65_536)
    """How many classes there are."""
    channels: Literal[1, 3] = 3
    """3 for colour, 1 for grey."""
    size: ImageSize
    """Pixels a side: images are scaled to ``size`` × ``size``."""
    train: int = Field(ge=10)
    """The number of all images in the training part."""
    test: int = Field(ge=10)
    """The number of all images in the test part."""


class Columns(Section):
    """Which array of an ``.npz``, or column of a folder of Hugging Face's, is what; by default it has a usual name."""

    inputs: str | None = None
    """The array or column of inputs."""
    labels: str | None = None
    """That of labels."""
    given_labels: str | None = None
    """That of the labels to train on, where these are not the true ones."""
    ids: str | None = None
    """That of distinct integers by which tables name examples."""


class Standardise(Section):
    """How inputs are standardised: by mean and deviation of each channel, by nothing, or by given numbers."""

    by: Literal["channel", "none"] | None = None
    """``channel``: the mean and deviation of each channel over all examples that can be trained on. ``none``: as they
    are.
    """
    mean: list[float] | None = None
    """What is taken away from each channel; images that are stored as integers are scaled to [0, 1] before."""
    std: list[Annotated[float, Field(gt=0)]] | None = None
    """What each channel is divided by then."""

    @model_validator(mode="after")
    def _is_one_way(self) -> Standardise:
        if (self.by is None) != (self.mean is not None and self.std is not None) or len(self.mean or []) != len(
            self.std or []
        ):
            raise ValueError("write `channel`, `none`, or `{mean: [0.5], std: [0.25]}` with a number for each channel")
        return self


_ByName = Literal["channel", "none"] | Standardise | None


def _by_name(value: Any) -> Any:
    return {"by": value} if isinstance(value, str) else value


class Data(Section):
    """Which examples, how many of them, and how many labels are wrong, in which way.

    ``data/datasets.py`` and ``data/own_sources.py`` say which data there are, ``data/subsets.py`` who draws what, and
    ``data/label_noise.py`` how labels are wrong.
    """

    dataset: str = "digits"
    """``digits``, another data set that repdyn knows, or ``image-folder``; or one's own: a function by import path
    (``my_data:load``), an ``.npz``, or a folder that Hugging Face's ``datasets`` saved (``./folder``, with a slash).
    """
    folder: Folder | None = None
    """For ``image-folder``: where the images are, and what they are."""
    kwargs: Kwargs = Field(default={}, exclude_if=is_empty)
    """For a function of one's own: its arguments."""
    files: list[str] = Field(default=[], exclude_if=is_empty)
    """For a function of one's own: the files that it reads, with wildcards. If their contents change, it is called
    again.
    """
    columns: Columns | None = Field(default=None, exclude_if=is_empty)
    """For an ``.npz`` or a folder of one's own: which array or column is what, where names are not the usual ones."""
    kind: Kind | None = Field(default=None, exclude_if=is_empty)
    """For data of one's own: what inputs are, where their type and shape would say something else."""
    class_names: Annotated[list[ClassName], Field(min_length=2), AfterValidator(distinct)] | None = Field(
        default=None, exclude_if=is_empty
    )
    """What classes are called in tables and figures, in the order of their numbers; by default as who published them,
    or as their folders are called, else by their numbers.
    """
    standardise: Annotated[Standardise | None, BeforeValidator(_by_name, json_schema_input_type=_ByName)] = Field(
        default=None, exclude_if=is_empty
    )
    """How inputs are standardised: ``channel``, ``none``, or ``{mean: [0.5], std: [0.25]}`` with a number for each
    channel. By default images of integers are by channel, and all else is left as it is.
    """
    facts: Facts | None = Field(default=None, exclude_if=is_empty)
    """What is known of data of one's own. Nobody writes it: it is filled in when a study is loaded to run, so that
    other arrays make another study.
    """
    contents: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{16}-[0-9a-f]{16}$", exclude_if=lambda contents: contents is None
    )
    """A digest of an image folder's files, filled in when a study is loaded to run, so that other images make another
    study. Where the config states it, any other images are refused.
    """
    train_size: int | None = Field(default=None, ge=10)
    """How many examples a run trains on; by default all that there are to train on."""
    test_size: int | None = Field(default=None, ge=10)
    """How many examples a run is tested on; by default all that there are."""
    image_size: ImageSize | None = None
    """Pixels a side that images are scaled to; by default as they are stored."""
    label_noise: float = Field(default=0.0, ge=0.0, lt=1.0)
    """The fraction of the training examples that get a wrong label, exactly."""
    label_noise_kind: Literal["symmetric", "pairs"] = "symmetric"
    """``symmetric``: a wrong label is any other class, all equally likely. ``pairs``: it is fixed by the true class,
    the next one by default.
    """
    label_noise_pairs: dict[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = None
    """For ``pairs``: true class -> wrong class. Classes that are not named keep their labels, and the fraction is that
    of the examples of named classes.
    """
    drawn_by: Literal["seed", "study"] = "seed"
    """What draws the examples that are trained on and those that are mislabelled: each run's ``seed``, so that seeds
    are replicates of these draws, too; or the ``study``, once for all.
    """
    common: int | None = Field(default=None, ge=1)
    """How many examples a data set without a test part sets aside, which no seed trains on: runs are compared on them.
    """
    seed: Seed = 0
    """Draws what is common; with a run's seed, what the run trains on and what is mislabelled."""

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
