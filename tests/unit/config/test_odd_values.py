"""Whatever stands in a config, it is a study or one sentence that names the key, and soon."""

import copy
import datetime
import functools
import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from repdyn.config import study as studies
from repdyn.config.study import Study
from repdyn.errors import RepdynError
from repdyn.planning import check
from repdyn.training import checkpoint_schedule


def nested(levels: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(levels), [])


def endless() -> dict[str, Any]:
    section: dict[str, Any] = {}
    section["itself"] = section
    return section


def bomb(levels: int = 12) -> Any:
    return functools.reduce(lambda inner, _: [inner] * 10, range(levels), ["boom"])


ODD: dict[str, Any] = {
    "null": None, "empty text": "", "a space": " ", "no items": [], "no keys": {}, "negative": -1, "zero": 0, "one": 1,
    "a number": 7, "a half": 0.5, "tiny": 1e-300, "1e5": 100_000, "1e9": 10**9, "1e12": 10**12, "2**31": 2**31,
    "2**63": 2**63, "400 digits": 10**400, "5000 digits": 10**5000, "1e308": 1e308, "-1e308": -1e308, "nan": math.nan,
    "inf": math.inf, "-inf": -math.inf, "true": True, "false": False, "text": "text", "a number as text": "1e-3",
    "large as text": "1e999", "digits as text": "12", "5000 digits as text": "9" * 5000, "a list": [1, "a", None],
    "truths": [True], "odd keys": {2: 2, None: 3, True: 4, 1.5: 5, (1, 2): 6}, "a section": {"key": {"key": [{}]}},
    "unicode": "Möbius × ∞\n", "a surrogate": "\ud800", "NUL": "a\0b", "long": "x" * 100_000, "bytes": b"bytes",
    "a date": datetime.date(2026, 11, 27), "a time": datetime.datetime(2026, 11, 27, 12), "a set": {1},
    "an object": ..., "import path": "no_such:Thing", "colon": ":", "path": "../../etc", "deep": nested(10),
    "twice": ["png", "png"], "many": list(range(500)), "many keys": {f"key{number}": number for number in range(500)},
    "an odd key": {"a\nb\ud800": 1, "x" * 5000: 2},
}  # fmt: skip


def settings(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every setting that there is, sections and grid included, in the tiny study's names."""
    levels = {"archs": "vit", "optimizers": "sgd"}
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        yield path
        if name in levels:
            path = (*path, levels[name])
            yield path
        for section in sections(field.annotation):
            yield from settings(section, path)


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from sections(argument)


def put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    section = changed
    for key in path[:-1]:
        inner = section.get(key)
        section[key] = inner if isinstance(inner, dict) else dict(BESIDE.get(key, {}))
        section = section[key]
    section[path[-1]] = value
    if "recorded" in path:  # instead of how to train
        changed["optimizers"][path[1]].pop("opt")
    return changed


KEYS = [".".join(path) for path in settings(Study)]
# What a section needs beside the setting that is changed, to be judged by it.
BESIDE: dict[str, dict[str, Any]] = {
    "folder": {"path": "pictures", "classes": 4, "size": 8, "train": 100, "test": 50},
    "schedule": {"sched": "cosine"},
    "contrasts": {},
    "recorded": {"path": "runs/{seed}"},
    "history": {"path": "runs/{seed}.csv"},
}


def plan(study: Study) -> None:
    """What is worked out of a study before anything is built, by Snakemake, `check` and `plan`."""
    check.check_examples(study, study.data)
    check.check_checkpoints(study)
    check.check_planes(study, study.data)
    check.check_memory(study, study.data, layers=5)
    checkpoint_schedule.evaluated_epochs(study.training.evaluations_per_decade, study.training.epochs)
    assert len(study.runs) > 0
    for stage in ("train", "findings"):
        study.hyperparameters(stage, study.run(study.runs[-1].arch, study.runs[-1].optimizer, study.runs[-1].seed))
    assert len(str(study.contrasts)) > 0
    written = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)
    assert studies.parse(yaml.safe_load(written)) == study, "jobs would read another study than was planned"


@pytest.mark.parametrize("path", list(settings(Study)), ids=".".join)
def test_an_odd_value_is_a_study_or_one_sentence_with_its_key(config, path):
    for name, value in ODD.items():
        study = None
        try:
            study = studies.parse(put(config, path, value))
            plan(study)
        except RepdynError as error:
            sentence = str(error)
            assert sentence.isprintable(), name
            assert len(sentence) < 1000, name
            # What is found out later may be said of the setting that does not go with it.
            assert any(part in sentence for part in (path[-2:] if study is None else KEYS)), (name, sentence)


@pytest.mark.parametrize("value", [nested(5000), endless(), bomb()], ids=["deep", "endless", "bomb"])
@pytest.mark.parametrize("path", ["name", "archs.vit.kwargs", "seeds", "more"])
def test_what_is_too_much_or_without_end_is_found_before_it_is_walked(config, path, value):
    with pytest.raises(
        RepdynError, match=r"has more than 50,000 values|nests sections deeper than 20, or contains itself"
    ):
        studies.parse(put(config, tuple(path.split(".")), value))
