import pytest

from repdyn import study as studies
from repdyn.errors import RepdynError


def changed(config, path, value):
    *parents, key = path.split(".")
    section = config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[key] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("data.lable_noise", 0.1, "`data.lable_noise` is not a setting; did you mean `label_noise`?"),
        (
            "archs.vit.colour",
            1,
            "`archs.vit.colour` is not a setting; known there: model, kwargs, stem, width, layers.",
        ),
        ("training.epochs", "many", "`training.epochs` is 'many', but must be an integer."),
        ("training.epochs", 1.5, "`training.epochs` is 1.5, but must be an integer."),
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
        ("seeds", [0, 0], "`seeds`: 0 stands there more than once; name each once."),
        ("name", "di gits", "`name`: 'di gits' is not allowed"),
        ("seeds", [2**63], "`seeds.0` is 9223372036854775808, but must be less than 9223372036854775808."),
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
            "`findings.contrasts` names adma, which is not an optimizer of this study; there are: sgd, adam.",
        ),
        (
            "findings",
            {"contrasts": [{"factor": "arch", "levels": ["vit", "vit"]}]},
            "`findings.contrasts.0`: `levels` holds vit against itself; name two.",
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
    [("a: [", "line 2 is not YAML"), ("just words", "must be a mapping"), (None, "no study config")],
)
def test_a_config_that_is_no_study_is_named(tmp_path, text, sentence):
    path = tmp_path / "study.yaml"
    if text is not None:
        path.write_text(text + "\n")
    with pytest.raises(RepdynError, match=sentence):
        studies.load(path)


def test_a_number_that_yaml_takes_for_text_is_a_number(config):
    study = studies.parse(changed(config, "optimizers.sgd.lr", "1e-3"))
    assert study.hyperparameters("train", study.runs[0])["optimizer"]["lr"] == 0.001


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
