"""Every setting, changed on a finished study, plans in one dry run what reads it and what is downstream, and no more.

The settings are those of the models that validate a config, so that a new one is looked at the day it is there. What
reads it is what says so, ``stages.STAGES`` for stages and ``catalogue`` for drawings; that they say the truth is
tested in ``test_reads.py``. What is downstream is Snakemake's own graph.
"""

import copy
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import declared
import pytest
import yaml
from planning import Plan, planner
from running import ANIMATION, TINY

from repdyn.catalogue.stages import STAGES
from repdyn.config import study as studies

BASE = yaml.safe_load(TINY.read_text(encoding="utf-8"))
# Everything that there is a rule for.
TARGETS = ("all", "tables", "reported", "comparisons", ANIMATION)
# What stands for `*`, the architecture, optimizer or level of the data whose setting is changed.
CHANGED = {"archs": "vit", "optimizers": "sgd", "data": "noisy", "findings": 0, "measures": 0}


@dataclass(frozen=True)
class Beside:
    """A value that needs others beside it."""

    value: Any
    others: dict[str, Any] = field(default_factory=dict)


FOLDER = {"path": "images", "classes": 3, "channels": 1, "size": 8, "train": 300, "test": 90}
FACTS = {
    "shape": [1, 8, 8], "kind": "images", "dtype": "uint8", "classes": 10, "vocabulary": None, "train": 300, "test": 90,
    "given_labels": False, "contents": "0123456789abcdef",
}  # fmt: skip
# A function of one's own, as it stands once it was called, and a file.
FUNCTION = {"data.dataset": "my_data:load", "data.facts": FACTS}
FILE = {"data.dataset": "mine.npz", "data.facts": FACTS}
COLUMNS = {"inputs": "x", "labels": "y"}
LEVELS = {"noisy": BASE["data"], "clean": {**BASE["data"], "label_noise": 0.0}}
CONTRAST = {"factor": "optimizer", "levels": ["adam", "sgd"]}
# Another valid value of each setting than the one that the tiny study has. A setting within a section that the tiny
# study leaves out is compared with the section as it stands here.
OTHER: dict[str, Any] = {
    "name": "tinier",
    "archs": dict(reversed(BASE["archs"].items())),
    "archs.*.model": "vit_small_patch16_224",
    "archs.*.kwargs": {"patch_size": 2, "embed_dim": 16, "depth": 2, "num_heads": 2},
    "archs.*.stem": "small",
    "archs.*.width": 8,
    "archs.*.layers": ["norm"],
    "archs.*.change_layers": ["blocks.0"],
    "archs.*.logits": "operator:itemgetter",
    "archs.*.batch_dimension": 1,
    "optimizers": dict(reversed(BASE["optimizers"].items())),
    "optimizers.*.opt": "sgd",
    "optimizers.*.lr": 0.1,
    "optimizers.*.momentum": 0.5,
    "optimizers.*.weight_decay": 0.1,
    "optimizers.*.schedule": {"sched": "cosine"},
    "optimizers.*.schedule.sched": "tanh",
    "optimizers.*.schedule.epochs": 10,
    "optimizers.*.schedule.warmup_epochs": 1,
    "optimizers.*.schedule.kwargs": {"min_lr": 0.01},
    "optimizers.*.kwargs": {"dampening": 0.1},
    "optimizers.*.family": "descent",
    "optimizers.*.interventions": [{"epoch": 3, "rate": 0.1}],
    "optimizers.*.interventions.*.epoch": 4,
    "optimizers.*.interventions.*.rate": 0.5,
    "optimizers.*.interventions.*.labels": Beside("redraw", {"optimizers.*.interventions.*.rate": None}),
    "optimizers.*.interventions.*.freeze": Beside(["blocks.0"], {"optimizers.*.interventions.*.rate": None}),
    "optimizers.*.interventions.*.invert": Beside(True, {"optimizers.*.interventions.*.rate": None}),
    "optimizers.*.interventions.*.data": Beside("clean", {"optimizers.*.interventions.*.rate": None}),
    "seeds": [0, 1],
    "data": LEVELS,
    "data.dataset": "mnist",
    "data.folder": Beside(FOLDER, {"data.dataset": "image-folder"}),
    "data.contents": "0123456789abcdef-0123456789abcdef",
    "data.folder.path": "others",
    "data.folder.classes": 4,
    "data.folder.channels": 3,
    "data.folder.size": 16,
    "data.folder.train": 400,
    "data.folder.test": 100,
    "data.kwargs": Beside({"n": 3}, FUNCTION),
    "data.files": Beside(["*.csv"], FUNCTION),
    "data.columns": Beside(COLUMNS, FILE),
    "data.columns.inputs": "images",
    "data.columns.labels": "digits",
    "data.columns.given_labels": "noisy",
    "data.columns.ids": "number",
    "data.class_names": [f"digit {label}" for label in range(10)],
    "data.kind": Beside("numbers", FUNCTION),
    "data.standardise": {"by": "none"},
    "data.standardise.by": Beside(None, {"data.standardise.mean": [0.5], "data.standardise.std": [0.3]}),
    "data.standardise.mean": Beside([0.4], {"data.standardise.by": None, "data.standardise.std": [0.3]}),
    "data.standardise.std": Beside([0.2], {"data.standardise.by": None, "data.standardise.mean": [0.5]}),
    "data.facts": Beside(FACTS, {"data.dataset": "my_data:load"}),
    "data.train_size": 121,
    "data.test_size": 61,
    "data.image_size": 12,
    "data.label_noise": 0.3,
    "data.label_noise_kind": "pairs",
    "data.label_noise_pairs": Beside({0: 1}, {"data.label_noise_kind": "pairs"}),
    "data.drawn_by": Beside("study", {"data.common": None}),
    "data.common": 41,
    "data.seed": 1,
    "training.epochs": 21,
    "training.batch_size": 31,
    "training.evaluations_per_decade": 5,
    "training.label_smoothing": 0.1,
    "training.clip_norm": 1.0,
    "training.augmentation": {"padding": 1},
    "training.augmentation.padding": 2,
    "training.augmentation.flip": False,
    "training.precision": "bfloat16",
    "training.channels_last": False,
    "training.compile": True,
    "training.interventions": [{"epoch": 3, "rate": 0.1}],
    "training.interventions.*.epoch": 4,
    "training.interventions.*.rate": 0.5,
    "training.interventions.*.labels": Beside("redraw", {"training.interventions.*.rate": None}),
    "training.interventions.*.freeze": Beside(["blocks.0"], {"training.interventions.*.rate": None}),
    "training.interventions.*.invert": Beside(True, {"training.interventions.*.rate": None}),
    "training.interventions.*.data": Beside("clean", {"training.interventions.*.rate": None}),
    "checkpoints.schedule": "linear",
    "checkpoints.per_decade": 4,
    "checkpoints.first": 0.5,
    "checkpoints.every": 5.0,
    "checkpoints.epochs": Beside([1, 20], {"checkpoints.schedule": "explicit"}),
    "change.examples": 31,
    "change.reduction.pool": 2,
    "change.reduction.tokens": "mean",
    "activations.similarity_examples": 41,
    "activations.similarity_from": "train",
    "activations.probe_examples": 101,
    "activations.reduction.pool": 2,
    "activations.reduction.tokens": "mean",
    "activations.batch_norm": "stored",
    "activations.batch_norm_images": 50,
    "activations.dtype": "float32",
    "activations.whole": ["layer1.*"],
    "cka.batch_examples": 20,
    "cka.resamples": 100,
    "cka.confidence": 0.9,
    "cka.seed": 1,
    "cka.tf32": True,
    "measures": [{"name": "rsa"}],
    "measures.*.name": "procrustes",
    "measures.*.neighbours": 5,
    "measures.*.components": 3,
    "measures.*.vector": Beside("scipy.spatial.distance:pdist", {"measures.*.name": "distances"}),
    "measures.*.pairs": Beside("numpy:vdot", {"measures.*.name": "products"}),
    "comparisons.permutations": 50,
    "comparisons.seed": 1,
    "probes.kind": "logistic",
    "probes.penalty": 0.2,
    "probes.logistic.tolerance": 1e-5,
    "probes.logistic.iterations": 100,
    "probes.sgd.epochs": 3,
    "probes.sgd.batch_size": 32,
    "probes.sgd.lr": 0.5,
    "probes.sgd.momentum": 0.5,
    "probes.seed": 1,
    "planes.count": 3,
    "planes.resolution": 7,
    "planes.margin": 0.2,
    "planes.pictures": 2,
    "planes.picture_resolution": 9,
    "planes.picture_margin": 0.6,
    "planes.distinct_classes": False,
    "planes.seed": 1,
    "phases.onset": 0.3,
    "phases.end": 0.9,
    "phases.sustained": 0.99,
    "findings.contrasts": [CONTRAST],
    "findings.contrasts.*.factor": Beside("arch", {"findings.contrasts.*.levels": ["vit", "resnet"]}),
    "findings.contrasts.*.levels": ["sgd", "adam"],
    "findings.confidence": 0.9,
    "findings.resamples": 300,
    "findings.seed": 1,
    "figures.formats": ["png", "svg"],
    "figures.seeds": 1,
    "figures.rows": Beside("optimizer", {"figures.columns": "arch"}),
    "figures.columns": Beside("arch", {"figures.rows": "optimizer"}),
    "figures.explorer_mib": 20.0,
    "figures.print.width": 5.5,
    "figures.print.font_size": 8.0,
    "figures.print.title": False,
    "figures.print.dpi": 100,
    "figures.print.layers": ["*"],
    "figures.print.runs": ["arch=vit"],
    "execution.device": "cuda",
    "execution.data_root": "elsewhere",
    "execution.memory_gib": 1.5,
    "execution.save_state_seconds": 5.0,
}  # fmt: skip


def of_level(path: str) -> str:
    """The same setting of a level of the data, where they have names."""
    return path.replace("data.", "data.*.", 1)


for path in [path for path in OTHER if path.startswith("data.")]:
    value = OTHER[path]
    is_beside = isinstance(value, Beside)
    others = {of_level(name): other for name, other in value.others.items()} if is_beside else {}
    OTHER[of_level(path)] = Beside(value.value, others) if is_beside else value
OF_ONE_MEASURE = {"measures.*.neighbours": "knn", "measures.*.components": "subspace"}
# Those of runs that were trained elsewhere, which the tiny study has none of: tests/unit/config/test_recorded_runs.py.
ALL = sorted({path for path in declared.settings() if not path.startswith("optimizers.*.recorded")})
_LEFT_OUT = {
    "data.folder",
    "data.columns",
    "data.standardise",
    "data.*",
    "data.*.folder",
    "data.*.columns",
    "data.*.standardise",
    "training.augmentation",
    "optimizers.*.schedule",
    "optimizers.*.interventions",
    "training.interventions",
    "findings.contrasts",
    "measures",
}


def keys(path: str) -> list[str | int]:
    """The keys of a setting in the tiny study, and the numbers of what it lists."""
    words = path.split(".")
    before = ["", *words]
    return [
        word if word != "*" else 0 if before[i] == "interventions" else CHANGED[words[0]]
        for i, word in enumerate(words)
    ]


def changed(path: str) -> dict[str, Any]:
    """A study in which one setting has its other value."""
    assert path in OTHER, f"add a value for {path}"
    wanted = OTHER[path] if isinstance(OTHER[path], Beside) else Beside(OTHER[path])
    content = copy.deepcopy(before(path))
    for name, value in {**wanted.others, path: wanted.value}.items():
        *way, last = keys(name)
        place: Any = content
        for key in way:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[last] = value
    return content


def before(path: str) -> dict[str, Any]:
    """What a change is compared with: the tiny study, with the section that the setting is in."""
    if path == "cka.batch_examples":  # with which no other measure can be had
        return BASE | {"measures": [{"name": "cka"}]}
    if path == "figures.seeds":  # of one seed, all are drawn
        return BASE | {"seeds": [0, 1]}
    if path in OF_ONE_MEASURE:
        return BASE | {"measures": [{"name": OF_ONE_MEASURE[path]}]}
    within = max((name for name in _LEFT_OUT if path.startswith(f"{name}.")), key=len, default=None)
    if path.endswith(".contents"):
        within = path.replace("contents", "folder")
    content = BASE if within is None else changed(within.removesuffix(".*"))
    return content | {"data": LEVELS} if path.endswith(".interventions.*.data") else content


@pytest.fixture(scope="module")
def ask(complete: Path, tmp_path_factory):
    """Plan a changed study on the finished one."""
    folder = tmp_path_factory.mktemp("settings")
    with planner(complete) as started:

        @functools.cache
        def plan(text: str, *targets: str) -> Plan:
            path = folder / "study.yaml"
            path.write_text(text, encoding="utf-8")
            return started.plan(path, *targets)

        def answer(content: dict[str, Any]) -> Plan:
            of_run = "/data=noisy/seed=" if "noisy" in content["data"] else "/seed="
            targets = [name.replace("/tiny/", f"/{content['name']}/").replace("/seed=", of_run) for name in TARGETS]
            return plan(yaml.safe_dump(content, sort_keys=False), *targets)

        yield answer


def declares(job: str, path: str, study: studies.Study) -> bool:
    """Whether a job says that it reads a setting."""
    rule, *words = job.split()
    wildcards = dict(word.split("=", 1) for word in words)
    top = path.split(".", maxsplit=1)[0]
    is_of_it = wildcards.get(top.removesuffix("s"), CHANGED.get(top)) == CHANGED.get(top) or "." not in path
    if rule in (drawings := declared.drawings(study)):
        drawn = drawings[rule][wildcards.get("figure", "")]
        # Of all levels of the data, a run's figure is made with the run's own.
        return (is_of_it or top != "data") and declared.drawing_declares(drawn, path, study)
    # Training has a rule for each level of the data.
    stage = rule if rule in STAGES else rule.removesuffix(f"_{wildcards['data']}")
    return is_of_it and declared.stage_declares(stage, path, of_run="arch" in wildcards)


def test_there_is_another_value_for_every_setting_and_for_nothing_else():
    assert sorted(OTHER) == ALL


def test_a_finished_study_plans_nothing(ask):
    assert ask(BASE).planned == set()


@pytest.mark.parametrize("path", ALL)
def test_a_changed_setting_plans_what_reads_it_and_what_is_downstream_and_nothing_else(path, ask, complete):
    old, new = before(path), changed(path)
    assert repr(studies.parse(old)) != repr(studies.parse(new))  # an order is seen in this
    plan = ask(new)
    missing = {job for file, job in plan.outputs.items() if not (complete / file).exists()}
    reading = {job for job in plan.needs if declares(job, path, studies.parse(new))}
    if old is BASE:
        assert plan.planned == plan.downstream(reading | missing)
    else:
        params = ask(old).params
        other = {job for job in plan.params if plan.params[job] != params.get(job)}
        assert plan.downstream(other) == plan.downstream(reading)
