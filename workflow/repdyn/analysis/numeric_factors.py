"""Numeric factors of a grid: numbers in which some of a factor's levels differ, and in nothing else.

Three architectures that differ in ``width`` alone are three levels of width. Turns the settings of each level into the
settings that are such factors, with the number of each level, for ``trends.py``. Nothing has to be declared. Imports
nothing heavy, because Snakemake asks which figures there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..catalogue.factors import ARCH, DATA, OPTIMIZER

if TYPE_CHECKING:
    from ..config.study import Study

LEAST_LEVELS = 3  # of a study and of a seed, for a trend
Path = tuple[str, ...]


@dataclass(frozen=True)
class NumericFactor:
    """A setting in which levels differ.

    Attributes:
        setting: its path in a level's settings, joined by dots, such as ``kwargs.patch_size``.
        levels: name of the level -> its number, ascending.
    """

    setting: str
    levels: dict[str, float]


@dataclass(frozen=True)
class OfGrid:
    """A numeric factor of a study's grid.

    Attributes:
        factor: of the grid, whose levels these are.
        of: the setting in which they differ.
        arch: the architecture at which they do, for optimizers, whose rates can depend on it; None for all.
        group: which levels these are, where others differ in the same setting, as rates of Adam do beside those of SGD:
            their family if it has no other group, else the first and the last; None where there are no others.
    """

    factor: str
    of: NumericFactor
    arch: str | None = None
    group: str | None = None


def of_study(study: Study) -> list[OfGrid]:
    """The numeric factors of a study: of its architectures, its optimizers at each architecture, and its data.

    Architectures whose rates differ are no levels of a number, however alike they are else.
    """
    rates = {name: {arch: repr(of.rate(arch)) for arch in study.archs} for name, of in study.optimizers.items()}
    archs = {
        arch: of.model_dump(mode="json") | {"rates": {name: at[arch] for name, at in rates.items()}}
        for arch, of in study.archs.items()
    }
    data = {level: of.model_dump(mode="json") for level, of in study.named_data.items()}
    grid = _of_factor(ARCH, archs)
    for arch in study.archs:
        optimizers = study.trained_at(arch)
        settings = {name: of.model_dump(mode="json", exclude={"family"}) for name, of in optimizers.items()}
        grid += _of_factor(OPTIMIZER, settings, arch, study.families)
    return grid + _of_factor(DATA, data)


def _of_factor(
    factor: str,
    levels: Mapping[str, Mapping[str, Any]],
    arch: str | None = None,
    families: Mapping[str, str] = MappingProxyType({}),
) -> list[OfGrid]:
    numeric = found(levels)
    times = Counter(of.setting for of in numeric)
    of_families = Counter((of.setting, _family(of, families)) for of in numeric)

    def group(of: NumericFactor) -> str | None:
        if times[of.setting] == 1:
            return None
        family, names = _family(of, families), list(of.levels)
        alone = family is not None and of_families[of.setting, family] == 1
        return family if alone else f"{names[0]} to {names[-1]}"

    return [OfGrid(factor, of, arch, group(of)) for of in numeric]


def _family(numeric: NumericFactor, families: Mapping[str, str]) -> str | None:
    """The family that all levels are of; None if there is none."""
    of_levels = {families.get(name) for name in numeric.levels}
    return of_levels.pop() if len(of_levels) == 1 else None


def found(levels: Mapping[str, Mapping[str, Any]]) -> list[NumericFactor]:
    """Every setting that has ``LEAST_LEVELS`` different numbers in levels that are equal in all else.

    Args:
        levels: name -> its settings, without any that change no number. A rate for each architecture is to be resolved:
            two numbers that go together are no factor.
    """
    of_levels = {name: dict(_flat(settings)) for name, settings in levels.items()}
    paths = dict.fromkeys(path for settings in of_levels.values() for path in settings)
    factors = []
    for path in paths:
        groups: dict[str, dict[str, float]] = {}
        for name, settings in of_levels.items():
            number = settings.get(path)
            if isinstance(number, int | float) and not isinstance(number, bool):
                others = sorted((key, repr(value)) for key, value in settings.items() if key != path)
                groups.setdefault(repr(others), {})[name] = float(number)
        for numbers in groups.values():
            if len(set(numbers.values())) >= LEAST_LEVELS:
                factors.append(NumericFactor(".".join(path), dict(sorted(numbers.items(), key=lambda item: item[1]))))
    return factors


def _flat(settings: Mapping[str, Any], before: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Paths and values of nested settings; what is unset, as if it were not there."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*before, str(key)))
        elif value is not None:
            yield (*before, str(key)), value
