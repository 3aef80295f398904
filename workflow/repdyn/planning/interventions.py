"""Check that the interventions of a study are possible with its networks and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..data import datasets
from ..errors import RepdynError
from ..models import architectures, module_paths

if TYPE_CHECKING:
    from torch import nn

    from ..config.study import Study


def check(study: Study) -> None:
    """Check every intervention of the runs that are trained here.

    Raises:
        RepdynError: if one freezes modules that are not there, nothing of a network or all of it, inverts tokens, or
            goes on with data that the networks cannot take or of which an epoch has another length.
    """
    for key, planned in study.planned_interventions:
        for data in study.data_levels.values():
            inputs = datasets.inputs(data)
            if planned.invert and inputs.vocabulary is not None:
                raise RepdynError(f"`{key}` inverts inputs, but `{data.dataset}` has {inputs}; leave it out.")
        if planned.data is not None:
            _check_alike(study, key, planned.data)
        if planned.freeze is not None:
            _check_frozen(key, planned.freeze, _networks(study))


def _check_alike(study: Study, key: str, later: str) -> None:
    (alike,) = (levels for levels in datasets.alike(study) if later in levels)
    for level, data in study.named_data.items():
        if level not in alike:
            (train, test), (then, then_test) = datasets.sizes(data), datasets.sizes(study.named_data[later])
            raise RepdynError(
                f"`{key}` goes on with data {later}, of {then} training and {then_test} test examples, but {level} has "
                f"{train} and {test}, or other inputs or classes; training can go on with what is alike in these."
            )


def _networks(study: Study) -> dict[str, nn.Module]:
    """Arch -> its network; which modules it has, the data do not decide."""
    data = next(iter(study.data_levels.values()))
    inputs, classes = datasets.inputs(data), datasets.source(data).classes
    return {name: architectures.build(arch, inputs, classes, seed=0) for name, arch in study.archs.items()}


def _check_frozen(key: str, patterns: list[str], models: Mapping[str, nn.Module]) -> None:
    paths = {arch: module_paths.of(model) for arch, model in models.items()}
    of_all = [path for of_arch in paths.values() for path in of_arch]
    for pattern in patterns:
        if not module_paths.matching(of_all, pattern):
            raise RepdynError(f"`{key}`: `freeze`: {module_paths.unknown(of_all, pattern)}.")
    for arch, model in models.items():
        still = {
            parameter
            for pattern in patterns
            for path in module_paths.matching(paths[arch], pattern)
            for parameter in model.get_submodule(path).parameters()
        }
        if not still:
            raise RepdynError(
                f"`{key}`: `freeze` names no module of `{arch}` that has parameters, so its runs would have no "
                "intervention; name one, or plan it for other runs."
            )
        if still == set(model.parameters()):
            raise RepdynError(
                f"`{key}`: `freeze` names all parameters of `{arch}`, so nothing would be trained; name fewer."
            )
