"""Where the checkpoints of a run lie that was trained elsewhere, and at which optimizer step each was taken.

A path with ``{step}`` or ``{epoch}`` is matched with the files there are. ``*`` in it stands for any characters of a
name. A path without either is a folder that :class:`repdyn.Recorder` or Hugging Face's Trainer left. Only names, and
the small JSON files beside the weights, are read here: Snakemake does it whenever it reads the rules.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.messages import listed
from ..errors import RepdynError, named, no_access
from .folder import ABOUT, CHANGES, CHECKPOINT, EVALUATIONS, About, is_recording, read_json

if TYPE_CHECKING:
    from ..config.recorded_runs import FoundCheckpoint, Recorded
    from ..config.runs import Run

TRAINER_STATE = "trainer_state.json"  # what a checkpoint of Hugging Face's Trainer says of itself
INDEX = ".index.json"
_OF_TRAINER = "checkpoint-{step}"
# Weights in a folder of Hugging Face's, in the order in which its own loader looks for them.
_WEIGHTS = ("model.safetensors", f"model.safetensors{INDEX}", "pytorch_model.bin", f"pytorch_model.bin{INDEX}")
_PLACES = {"step": r"\d+", "epoch": r"\d+(?:\.\d+)?"}
_PLACE = re.compile(r"\{(\w*)\}")
_VARIES = re.compile(r"\{step\}|\{epoch\}|\*")
_MOST_NAMES = 5


@dataclass(frozen=True)
class Found:
    """A checkpoint.

    Attributes:
        step: optimizer steps before it.
        epoch: epochs before it.
        file: its weights, or the index of the shards that hold them.
    """

    step: int
    epoch: float
    file: Path


def find(settings: Recorded, run: Run) -> list[Found]:
    """The checkpoints of a run, by ascending step.

    Raises:
        RepdynError: if there is none, if two are of one step, or if it cannot be known of which step one is.
    """
    pattern = filled(settings.path, run)
    places, per_epoch = _places(settings, pattern)
    if not places:
        raise RepdynError(f"There is no checkpoint `{pattern}`: {_what_is_there(pattern)}.")
    found: dict[int, Found] = {}
    for place, numbers in places:
        step, epoch = _dated(settings, per_epoch, numbers, pattern)
        other = found.setdefault(step, Found(step, epoch, place))
        if other.file != place:
            raise RepdynError(
                f"`{named(other.file)}` and `{named(place)}` are both of step {step}; keep one, or write a path that "
                "matches one only."
            )
    return [Found(each.step, each.epoch, weights_in(each.file)) for _, each in sorted(found.items())]


def files(found: Found | FoundCheckpoint) -> list[Path]:
    """Every file that a checkpoint is made of: its weights, or an index and the shards that it lists.

    Raises:
        RepdynError: if a shard is missing, or the index cannot be read.
    """
    file = Path(found.file)
    return [file, *shards(file)] if file.name.endswith(INDEX) else [file]


def shards(index: Path) -> list[Path]:
    """The files that an index of Hugging Face's lists.

    Raises:
        RepdynError: if one is missing, or the index cannot be read.
    """
    listing = read_json(index).get("weight_map")
    if not isinstance(listing, dict) or not listing:
        raise RepdynError(f"`{named(index)}` lists no shards: its `weight_map` is missing or empty.")
    found = [index.parent / str(name) for name in sorted(set(map(str, listing.values())))]
    lacking = [named(shard.name) for shard in found if not shard.is_file()]
    if lacking:
        raise RepdynError(
            f"`{named(index)}` lists {len(found)} shards, but {listed(lacking)} of them are missing; copy them "
            "beside it."
        )
    return found


def weights_in(place: Path) -> Path:
    """The file of weights, or of their index, in a folder of Hugging Face's; a file is its own.

    Raises:
        RepdynError: if the folder has none.
    """
    if not place.is_dir():
        return place
    for name in _WEIGHTS:
        if (place / name).is_file():
            return place / name
    raise RepdynError(f"The folder `{named(place)}` has no weights: none of {listed(_WEIGHTS)} is in it.")


def filled(pattern: str, run: Run) -> str:
    """A path with the levels of a run in their places; ``{step}`` and ``{epoch}`` stay.

    Raises:
        RepdynError: if another name stands in braces.
    """
    levels = {name: str(level) for name, level in run.facts.items()}
    for name in _PLACE.findall(pattern):
        if name not in levels and name not in _PLACES:
            known = listed(f"{{{each}}}" for each in (*levels, *_PLACES))
            raise RepdynError(f"`{pattern}` has a place `{{{name}}}`; the places in a path are {known}.")
    path = _PLACE.sub(lambda place: levels.get(place[1], place[0]), pattern)
    return os.path.expanduser(path)  # noqa: PTH111 (text: a Path would drop a `./`)


def matching(pattern: str) -> list[tuple[Path, dict[str, str]]]:
    """The files and folders that a filled pattern matches, by name, with the texts at ``{step}`` and ``{epoch}``."""
    start, *parts = Path(pattern).parts
    if _VARIES.search(start):
        start, parts = ".", [start, *parts]
    return list(_walk(Path(start), parts, {}))


def steps_per_epoch(settings: Recorded, run: Run) -> float | None:
    """Optimizer steps in an epoch of a run, as the config or the folder of its checkpoints says; None if neither does.

    Raises:
        RepdynError: if the two differ, or the folder cannot be read.
    """
    return _places(settings, filled(settings.path, run))[1]


def history_file(settings: Recorded, run: Run) -> Path | None:
    """Where the history of a run is: the file or folder that the config names, or the recorder's; None without one.

    ``{step}`` in its path is that of the last one there is, as each checkpoint of Hugging Face's Trainer repeats the
    history until then.

    Raises:
        RepdynError: if the one that the config names is missing or ambiguous.
    """
    if settings.history is None:
        file = Path(filled(settings.path, run), EVALUATIONS)
        return file if is_recording(file.parent) and file.is_file() and file.stat().st_size else None
    pattern = filled(settings.history.path, run)
    places = matching(pattern)
    if not places:
        raise RepdynError(f"There is no history `{pattern}`: {_what_is_there(pattern)}.")
    last = max((int(numbers.get("step", 0)) for _, numbers in places))
    there = [place for place, numbers in places if int(numbers.get("step", 0)) == last]
    if len(there) > 1:
        raise RepdynError(f"`{named(there[0])}` and `{named(there[1])}` are both the history `{pattern}`; name one.")
    return there[0]


def history_files(settings: Recorded, run: Run) -> list[Path]:
    """The files that the history of a run is made of: one, all of a folder's, or none; raises as the above."""
    place = history_file(settings, run)
    if place is None:
        return []
    return sorted(file for file in place.iterdir() if file.is_file()) if place.is_dir() else [place]


def change_file(settings: Recorded, run: Run) -> Path | None:
    """Where a recorder left how the layers of a run change; None where nobody measured it."""
    file = Path(filled(settings.path, run), CHANGES)
    return file if is_recording(file.parent) and file.is_file() else None


def _places(settings: Recorded, pattern: str) -> tuple[list[tuple[Path, dict[str, str]]], float | None]:
    """Where the checkpoints of a run are, with the numbers in their names, and the steps in an epoch, if known."""
    per_epoch = settings.steps_per_epoch
    if set(_PLACE.findall(pattern)):
        places = matching(pattern)
        return places, _agreed(per_epoch, _steps_of_trainer(places), pattern)
    folder = Path(pattern)
    if is_recording(folder):
        return matching(str(folder / CHECKPOINT)), _agreed(per_epoch, About.read(folder).steps_per_epoch, pattern)
    places = matching(str(folder / _OF_TRAINER))
    if folder.is_dir() and not places:
        raise RepdynError(
            f"`{named(folder)}` is neither a recorder's folder (it has no `{ABOUT}`) nor one of Hugging Face's "
            f"Trainer (no `checkpoint-…`). Write how its checkpoints are called, such as "
            f"`{named(folder)}/epoch_{{epoch}}.pt`; {_what_is_there(pattern)}."
        )
    return places, _agreed(per_epoch, _steps_of_trainer(places), pattern)


def _agreed(per_epoch: float | None, told: float | None, pattern: str) -> float | None:
    """Optimizer steps in an epoch, as the config or the files say; raises a RepdynError where they differ."""
    if per_epoch is None or told is None:
        return told if per_epoch is None else per_epoch
    if abs(per_epoch - told) > 1e-3 * told:  # a Trainer's epoch is rounded
        raise RepdynError(
            f"`steps_per_epoch` is {per_epoch:g}, but `{pattern}` was recorded with {told:g}; leave it out."
        )
    return told


def _steps_of_trainer(places: Sequence[tuple[Path, Mapping[str, str]]]) -> float | None:
    """Optimizer steps in an epoch, as Hugging Face's Trainer says beside its last checkpoint."""
    states = {
        int(numbers.get("step", 0)): folder / TRAINER_STATE
        for place, numbers in places
        if ((folder := place if place.is_dir() else place.parent) / TRAINER_STATE).is_file()
    }
    if not states:
        return None
    about = read_json(states[max(states)])
    step, epoch = about.get("global_step"), about.get("epoch")
    if not isinstance(step, int) or not isinstance(epoch, int | float) or step <= 0 or epoch <= 0:
        return None
    per_epoch = step / epoch
    # The Trainer's epoch is a sum of fractions.
    return round(per_epoch) if abs(per_epoch - round(per_epoch)) < 1e-6 * per_epoch else per_epoch


def _dated(settings: Recorded, per_epoch: float | None, numbers: Mapping[str, str], pattern: str) -> tuple[int, float]:
    """Step and epoch of a checkpoint from the numbers in its name; the step decides where both are there."""
    epoch = float(numbers["epoch"]) + settings.offset if "epoch" in numbers else None
    if "step" in numbers:
        step = int(numbers["step"])
        if per_epoch is not None:
            return step, step / per_epoch
        if epoch is not None:
            return step, epoch
    elif per_epoch is not None and epoch is not None:
        return round(epoch * per_epoch), epoch
    raise RepdynError(
        f"How many optimizer steps an epoch has is not known for `{pattern}`; say it as `steps_per_epoch`: "
        "the number of batches in the training set."
    )


def _walk(folder: Path, parts: Sequence[str], numbers: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, str]]]:
    if not parts:
        if folder.exists():
            yield folder, dict(numbers)
        return
    part, *rest = parts
    if not _VARIES.search(part):
        yield from _walk(folder / part, rest, numbers)
        return
    expression = re.compile(_expression(part, numbers))
    for name in _names(folder):
        if match := expression.fullmatch(name):
            yield from _walk(folder / name, rest, {**numbers, **match.groupdict()})


def _expression(part: str, numbers: Mapping[str, str]) -> str:
    """A regular expression for one name of a path; a number that stands in it twice, or before it, is the same."""
    written = "" if part.startswith(".") else r"(?!\.)"  # what is being written has a name that begins with a dot
    seen = set[str]()
    for text in re.split(f"({_VARIES.pattern})", part):
        place = text[1:-1]
        if text == "*":
            written += ".*"
        elif not _VARIES.fullmatch(text):
            written += re.escape(text)
        elif place in numbers:
            written += re.escape(numbers[place])
        elif place in seen:
            written += f"(?P={place})"
        else:
            written += f"(?P<{place}>{_PLACES[place]})"
            seen.add(place)
    return written


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise no_access(folder, error) from None


def _what_is_there(pattern: str) -> str:
    """What a path that matches nothing could have been, for the end of a sentence."""
    folder = Path(pattern)
    while _VARIES.search(str(folder)) or not folder.is_dir():
        folder = folder.parent
    names = [named(name) for name in _names(folder) if not name.startswith(".")]
    some = ", ".join(names[:_MOST_NAMES]) + (f", … ({len(names):,} in all)" if len(names) > _MOST_NAMES else "")
    return f"`{named(folder)}` has {some or 'nothing in it'}"
