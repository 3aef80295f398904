import datetime
import hashlib
import json

import pytest
from changing import changed
from running import TINY

from repdyn.catalogue.stages import STAGES
from repdyn.config import study as studies
from repdyn.errors import RepdynError


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("data.lable_noise", 0.1, "`data.lable_noise` is not a setting; did you mean `label_noise`?"),
        (
            "archs.vit.colour",
            1,
            "`archs.vit.colour` is not a setting; known there: model, kwargs, stem, width, layers, change_layers, ",
        ),
        (
            "optimizers.other",
            {"recorded": {"path": "{seed}/{epoch}.pt", "stripp": "module."}},
            "`optimizers.other.recorded.stripp` is not a setting; did you mean `strip`?",
        ),
        (
            "optimizers.other",
            {"recorded": "{seed}/{epoch}.pt", "colour": 1},
            "`optimizers.other.colour` is not a setting; known there: recorded, lr, family.",
        ),
        ("optimizers.sgd.colour", 1, "`optimizers.sgd.colour` is not a setting; known there: opt, lr, momentum,"),
        ("training.epochs", "many", "`training.epochs` is 'many', but must be an integer."),
        ("training.epochs", 1.5, "`training.epochs` is 1.5, but must be an integer."),
        (
            "training.epochs",
            True,
            "`training.epochs`: `true` and `false`, and in YAML yes, no, on and off, are not numbers",
        ),
        ("training.epochs", 10**9, "`training.epochs` is 1000000000, but must be at most 10,000,000."),
        (
            "training.epochs",
            2_000_000,
            "a history with a row for each of 2,000,000 epochs exceeds 1,000,000 rows; set",
        ),
        ("checkpoints.per_decade", 100_000, "`checkpoints.per_decade` is 100000, but must be at most 10,000."),
        (
            "checkpoints.per_decade",
            9_000,
            "`checkpoints` asks for 11,710 of a run, and at most 10,000 can be compared;",
        ),
        ("checkpoints", {"schedule": "linear", "every": 1e-6}, "asks for 20,000,000 of a run"),
        ("seeds", list(range(3_000)), "make 12,000 runs, but a study has at most 10,000; divide it into several."),
        ("planes.count", 10**12, "`planes.count` is 1000000000000, but must be at most 1,000,000."),
        ("data.image_size", 100_000, "`data.image_size` is 100000, but must be at most 4,096."),
        ("probes.penalty", 1e-300, "`probes.penalty` is 1e-300, but must be at least 1e-12."),
        (
            "name",
            datetime.date(2026, 11, 27),
            "`name` is a date, 2026-11-27, but must be text, a number, a list or a section",
        ),
        ("seeds", [10**400], "`seeds.0` is an integer of 401 digits, but must be a smaller number."),
        (
            "archs.vit.kwargs",
            {"drop": {1: 0.5}},
            "a key of `archs.vit.kwargs.drop` is 1, but must be text; put it in quotes.",
        ),
        ("data", {True: 1}, "a key of `data` is true, but must be text; put it in quotes."),
        ("optimizers.sgd.lr", {18: 1.0}, "a key of `optimizers.sgd.lr` is 18, but must be text; put it in quotes."),
        (
            "archs",
            {"a b": {}},
            "`archs`: 'a b' is not allowed; a name has letters without accents, digits, `_`, `-` and",
        ),
        ("figures.formats", ["png", "png"], "`figures.formats`: png is listed more than once; name each once."),
        ("data.label_noise", 1.5, "`data.label_noise` is 1.5, but must be less than 1."),
        (
            "checkpoints.schedule",
            "logg",
            "`checkpoints.schedule` is 'logg', but must be 'log', 'linear' or 'explicit'.",
        ),
        (
            "optimizers.sgd.lr",
            {"resnet": 0.1, "vti": 1},
            "gives rates for resnet, vti; write one number, or one for each",
        ),
        ("optimizers.sgd.lr", -1, "`optimizers.sgd.lr` is -1, but must be greater than 0."),
        ("optimizers.sgd", {"lr": 1}, "`optimizers.sgd.opt` is missing; it has no default."),
        ("optimizers.sgd.lr", float("nan"), "`optimizers.sgd.lr` is nan, but must be"),
        ("seeds", [0, 0], "`seeds`: 0 is listed more than once; name each once."),
        ("name", "di gits", "`name`: 'di gits' is not allowed"),
        ("seeds", [2**31], "`seeds.0` is 2147483648, but must be less than 2,147,483,648."),
        ("seeds", 3, "`seeds` is 3, but must be a list, `[…]`."),
        ("name", "x" * 300, "but must have at most 200 characters."),
        ("name", 5, "`name` is 5, but must be text; put it in quotes."),
        ("archs", {}, "`archs` is {}, but must not be empty."),
        ("data", None, "`data` is empty; give it settings, or leave it out."),
        ("archs.vit.kwargs", None, "`archs.vit.kwargs` is empty; give it settings, or leave it out."),
        ("data", [], "`data` is [], but must be a section of settings, `key: value`."),
        ("archs.vit.layers", "blocks.*", "`archs.vit.layers` is 'blocks.*', but must be a list, `[…]`."),
        ("planes.count", 1e30, "`planes.count` is 1e+30, but must be a smaller integer."),
        ("phases", {"onset": 0.9, "end": 0.5}, "`onset` (0.9) must lie below `end` (0.5)"),
        ("cka", {"resamples": 1}, "`resamples` (1) must be at least 19 for `confidence: 0.95`, or 0 for no intervals"),
        (
            "findings",
            {"contrasts": [{"factor": "optimizer", "levels": ["sgd", "adma"]}]},
            "`findings.contrasts` names adma, which is no level of `optimizer` in this study; there are: sgd, adam.",
        ),
        (
            "findings",
            {"contrasts": [{"factor": "arch", "levels": ["vit", "vit"]}]},
            "`findings.contrasts.0`: `levels` compares vit with itself; name two.",
        ),
        ("figures.formats", ["jpg"], "`figures.formats.0` is 'jpg', but must be 'png', 'svg' or 'pdf'."),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_key_value_and_what_is_allowed(config, path, value, sentence):
    with pytest.raises(RepdynError) as raised:
        studies.parse(changed(config, path, value), source="mine.yaml")
    message = str(raised.value)
    assert sentence in message
    assert message.startswith("mine.yaml: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a: [", "line 2, is not YAML"), ("just words", "must be a mapping"), (None, "no study config")],
)
def test_a_config_that_is_no_study_is_named(tmp_path, text, sentence):
    path = tmp_path / "study.yaml"
    if text is not None:
        path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(RepdynError, match=sentence):
        studies.load(path)


def test_the_grid_is_every_combination_once(config):
    runs = studies.parse(config).runs
    assert len(runs) == len(set(runs)) == 2 * 2 * 2
    assert runs[0].path == "arch=resnet/optimizer=sgd/seed=0"


def test_contrasts_follow_from_the_grid_unless_the_config_names_them(config):
    def contrasts(config):
        return list(map(str, studies.parse(config).contrasts))

    assert contrasts(config) == ["optimizer: sgd - adam", "arch: vit - resnet"]
    changed(config, "optimizers.lion", {"opt": "lion", "lr": 1e-4, "family": "sign"})
    changed(config, "archs.mlp", {"model": "mixer_s32_224"})
    changed(config, "optimizers.sgd.lr", 0.1)
    assert contrasts(config) == [
        "optimizer: sgd - adam",
        "optimizer: sgd - sign",
        "arch: vit - resnet",
        "arch: mlp - resnet",
    ]
    changed(config, "findings.contrasts", [{"factor": "optimizer", "levels": ["sign", "adam"]}])
    assert contrasts(config) == ["optimizer: sign - adam"]
    changed(config, "findings", {})
    changed(config, "optimizers", {"lion": config["optimizers"]["lion"]})
    assert contrasts(config) == ["arch: vit - resnet", "arch: mlp - resnet"]
    assert studies.parse(config).optimizer_contrasts == []


def test_a_run_outside_the_grid_is_refused_with_what_there_is(config):
    with pytest.raises(
        RepdynError, match="no run resnet lamb seed 0; its archs are resnet, vit, its optimizers sgd, adam"
    ):
        studies.parse(config).run("resnet", "lamb", 0)


@pytest.mark.parametrize(
    ("path", "value", "changes", "leaves"),
    [
        (
            "probes",
            {"penalty": 0.5},
            {"probes", "regions", "phases", "findings"},
            {"train", "activations", "cka", "planes"},
        ),
        ("planes.count", 3, {"planes", "regions", "phases"}, {"train", "activations", "cka", "probes"}),
        ("archs.resnet.layers", ["layer1.0"], {"activations", "cka", "probes"}, {"train", "checkpoints", "planes"}),
        ("training.epochs", 40, {"train", "activations", "cka"}, {"checkpoints", "planes"}),
        ("seeds", [0, 1, 2], set(), {"train", "cka", "phases", "findings"}),
        ("archs.vit.stem", "small", set(), {"train", "cka", "phases"}),
        ("figures", {"formats": ["svg"]}, set(), {"train", "findings"}),
        ("execution", {"device": "cpu"}, set(), {"train", "activations", "cka", "regions"}),
        ("optimizers.sgd.family", "gradient", {"findings"}, {"train", "phases"}),
    ],
)
def test_a_setting_enters_the_stages_that_depend_on_it_and_no_other(config, path, value, changes, leaves):
    before = studies.parse(config)
    run = before.run("resnet", "sgd", 0)
    after = studies.parse(changed(config, path, value))
    for stage in changes:
        assert before.hyperparameters(stage, run) != after.hyperparameters(stage, run), stage
    for stage in leaves:
        assert before.hyperparameters(stage, run) == after.hyperparameters(stage, run), stage


@pytest.mark.parametrize("stage", [name for name, stage in STAGES.items() if stage.scope in ("run", "seed")])
def test_a_further_seed_changes_nothing_that_files_of_the_others_are_made_with(stage, config):
    before, after = studies.parse(config | {"seeds": [0]}), studies.parse(config | {"seeds": [3, 0]})
    first = before.replicate(0) if STAGES[stage].scope == "seed" else before.run("vit", "sgd", 0)
    assert before.hyperparameters(stage, first) == after.hyperparameters(stage, first)


# Digests of what files of the tiny study say that they were made with; the key of a training's state is made of it.
HYPERPARAMETERS = {
    "examples": "29941a549e8cbdf6",
    "planes": "7b991199d53e85b8",
    "train": "95b0fdda64424cb6",
    "record": "95b0fdda64424cb6",
    "events": "95b0fdda64424cb6",
    "activations": "9644a9da50a35142",
    "cka": "2bdf9c4bc1668162",
    "geometry": "9644a9da50a35142",
    "cka_layers": "8d690fdb349a5875",
    "cka_between": "ca58e8caa3b76288",
    "alignment": "ca58e8caa3b76288",
    "probes": "97f12f4ca5a30eb3",
    "regions": "0f22f17ef9e0aa48",
    "regions_between": "997971fe3702df0a",
    "phases": "5c343bc0e9a0f13d",
    "findings": "b7d7cc25858f1f29",
    "checkpoints": "305ceb2c30fbc4ce",
}


@pytest.mark.parametrize("stage", [*(name for name, stage in STAGES.items() if stage.sections), "checkpoints"])
def test_what_files_are_made_with_is_what_it_was(stage):
    """Where it is not, every finished study reruns that stage, which the changelog must say."""
    study = studies.load(TINY)
    scope = "run" if stage == "checkpoints" else STAGES[stage].scope
    of = {"run": study.run("vit", "adam", 0), "seed": study.replicate(0), "study": None}[scope]
    text = json.dumps(study.hyperparameters(stage, of))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == HYPERPARAMETERS[stage]


def test_the_optimizer_of_a_run_has_one_rate_and_a_schedule_of_a_length(config):
    changed(config, "optimizers.sgd.lr", {"resnet": 0.1, "vit": 0.2})
    changed(config, "optimizers.sgd.schedule", {"sched": "cosine"})
    changed(config, "optimizers.adam.schedule", {"sched": "step", "kwargs": {"decay_epochs": 2}})
    study = studies.parse(config)
    sgd, adam = (study.optimizer(study.run("vit", name, 0)) for name in ("sgd", "adam"))
    assert (sgd.lr, sgd.schedule.epochs) == (0.2, study.training.epochs)
    assert (adam.lr, adam.schedule.epochs) == (study.optimizers["adam"].lr, None)


@pytest.mark.parametrize("measure", ["knn", {"name": "subspace", "components": 3}, {"name": "mine", "vector": "a:b"}])
def test_measures_of_a_study_are_the_same_in_the_copy_of_its_config_that_jobs_read(config, measure):
    study = studies.parse(config | {"measures": [measure]})
    assert studies.parse(study.model_dump(mode="json")).chosen_measures == study.chosen_measures
