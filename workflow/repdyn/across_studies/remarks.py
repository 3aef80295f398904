"""What must be known before studies are held against each other: what they share, and what does not match.

Studies that share runs are no replications of each other. Those that share seeds of a data set train on the same
examples, and start from the same weights where they have the same architecture, so what is peculiar to these is in
both. Both are read off the settings that the findings were made with.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..catalogue.claims import MATCHINGS
from ..catalogue.factors import WRONG_LABELS

if TYPE_CHECKING:
    from ..storage.origin import Metadata
    from .agreement import Comparison
    from .studies import Found

# Settings of ``training`` that say how long a run goes on and how often it is looked at, not what it is.
_LENGTH = ("epochs", "evaluations_per_decade")


def _data_of(settings: Metadata) -> list[Mapping[str, Any]]:
    """The sections of data of a study: one, or one for each level where they have names."""
    data = settings["data"]
    return [data] if isinstance(data.get("dataset"), str) else list(data.values())


def runs_of(settings: Metadata) -> set[str]:
    """The runs of a study as texts, equal where data, architecture, optimizer, training and seed are.

    Names of levels make no difference, nor does how long a run is trained. ``settings`` are those of ``findings``.
    """
    training = {name: value for name, value in settings.get("training", {}).items() if name not in _LENGTH}
    found = set()
    for data, (name, arch), optimizer in itertools.product(
        _data_of(settings), settings["archs"].items(), settings["optimizers"].values()
    ):
        rate = optimizer.get("lr")
        of_run = optimizer | {"lr": rate[name] if isinstance(rate, Mapping) else rate}
        of_seeds = ([data, arch, of_run, training, seed] for seed in settings["seeds"])
        found |= {json.dumps(run, sort_keys=True) for run in of_seeds}
    return found


def _draws(settings: Metadata) -> set[str]:
    """What the examples of a study are drawn from, as texts."""
    return {
        json.dumps({name: value for name, value in data.items() if name not in WRONG_LABELS}, sort_keys=True)
        for data in _data_of(settings)
    }


def sharing(studies: Sequence[Found]) -> dict[frozenset[str], int]:
    """Pairs of studies that have runs in common -> how many."""
    runs = {study.name: runs_of(study.settings) for study in studies}
    common = {frozenset(pair): len(runs[pair[0]] & runs[pair[1]]) for pair in itertools.combinations(runs, 2)}
    return {pair: number for pair, number in common.items() if number}


def of(studies: Sequence[Found], comparisons: Sequence[Comparison]) -> list[str]:
    """All remarks, a sentence or two each."""
    return [
        *_dependence(studies, sharing(studies)),
        *_levels(studies),
        *_matchings(comparisons),
        *_confidence(studies),
        *_code(studies),
    ]


def _dependence(studies: Sequence[Found], shared: Mapping[frozenset[str], int]) -> Iterator[str]:
    for a, b in itertools.combinations(studies, 2):
        seeds = sorted(set(a.seeds) & set(b.seeds))
        if number := shared.get(frozenset((a.name, b.name))):
            yield (
                f"{a.name} and {b.name} share {number} run{'s' * (number != 1)}, by their settings, so they are no "
                "replications of each other."
            )
        elif seeds and _draws(a.settings) & _draws(b.settings):
            yield (
                f"{a.name} and {b.name} share {_listed(seeds)} of the same data: these draw the same examples, and the "
                "same initial weights of the same architecture, so the two are not independent."
            )


def _listed(seeds: Sequence[int]) -> str:
    """Seeds in words, ``seeds 0 to 5``; they ascend."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"


def _levels(studies: Sequence[Found]) -> Iterator[str]:
    """Of factors whose levels have other names from study to study; what has two names cannot be matched."""
    named: dict[str, dict[str, list[str]]] = {}
    for study in studies:
        for row in study.rows:
            if row["factor"] is not None:
                levels = named.setdefault(row["factor"], {}).setdefault(study.name, [])
                levels += [row[side] for side in ("first", "second") if row[side] not in (None, *levels)]
    for factor, of_studies in named.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for study_name, levels in of_studies.items():
            alike.setdefault(tuple(sorted(levels)), []).append(study_name)
        if len(alike) > 1:
            said = "; ".join(f"{', '.join(levels)} in {', '.join(names)}" for levels, names in alike.items())
            yield (
                f"Comparisons are matched by the names of levels, and not all studies compare the same of {factor}: "
                f"{said}. What has two names is not matched."
            )


def _matchings(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Of comparisons that differ in nothing but how optimizers are matched."""
    found: dict[tuple[Any, ...], dict[str, set[str]]] = {}
    for comparison in comparisons:
        rest = tuple(value for name, value in comparison.key.items() if name != "matching")
        words = MATCHINGS.get(comparison.key["matching"], "as they are")
        for study in comparison.findings:
            found.setdefault(rest, {}).setdefault(words, set()).add(study)
    said: dict[str, None] = {}
    for of_words in found.values():
        if len(of_words) > 1:
            each = " and ".join(f"{words} in {', '.join(sorted(names))}" for words, names in of_words.items())
            said[f"Optimizers are compared {each}; these are different comparisons, in rows of their own."] = None
    yield from said


def _confidence(studies: Sequence[Found]) -> Iterator[str]:
    levels = {study.name: study.settings["findings"]["confidence"] for study in studies}
    if len(set(levels.values())) > 1:
        said = ", ".join(f"{level:g} in {name}" for name, level in levels.items())
        yield f"Studies decide, and have intervals, at different confidence: {said}."


def _code(studies: Sequence[Found]) -> Iterator[str]:
    made: dict[str, list[str]] = {}
    for study in studies:
        made.setdefault(study.code, []).append(study.name)
    if len(made) > 1:
        said = "; ".join(f"{', '.join(names)} by {code}" for code, names in made.items())
        yield f"Findings were made by different code, {said}, so where they differ, the code may be why."
