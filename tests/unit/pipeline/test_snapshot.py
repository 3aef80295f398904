import os
from pathlib import Path

import pytest

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.pipeline import snapshot


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PATH", "PYTHONPATH", snapshot.VARIABLE):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    monkeypatch.delenv(snapshot.VARIABLE)


def test_a_copy_is_checked_once_and_reads_as_the_same_study(config, monkeypatch):
    checks = []
    monkeypatch.setattr(snapshot, "_apart", lambda *given: checks.append(given))
    study, path = snapshot.take(config)
    assert snapshot.take(config) == (study, path)
    assert len(checks) == 1
    assert studies.load(Path(path)) == study


@pytest.mark.parametrize("change", [lambda text: text.replace("epochs: 20", "epochs: 2"), lambda _: ""])
def test_a_copy_that_was_edited_or_cut_short_is_written_again(config, monkeypatch, change):
    monkeypatch.setattr(snapshot, "_apart", lambda *_: None)
    study, path = snapshot.take(config)
    Path(path).write_text(change(Path(path).read_text(encoding="utf-8")), encoding="utf-8")
    snapshot.take(config)
    assert studies.load(Path(path)) == study


def test_a_study_that_does_not_pass_leaves_no_copy(config):
    config["archs"]["vit"]["kwargs"]["patch_size"] = 3
    with pytest.raises(RepdynError, match=r"^`archs.vit`: .*patch_size 3, which does not divide the image size 8"):
        snapshot.take(config)
    assert not list(Path("results/tiny/study").iterdir())


def test_what_the_check_remarks_is_said_where_the_study_is_taken(config, capfd):
    snapshot.take(config)
    assert capfd.readouterr().err == (
        "`archs.resnet`: global_pool always gives the same numbers as layer4.0 and is left out\n"
    )


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import os; os.kill(os.getpid(), 9)", "`python -m repdyn check` ended with code -9 and without a word"),
        ("import sys; sys.exit(0)", r"`archs.vit`: code that it names ends Python by itself, with sys.exit\(0\)"),
    ],
)
def test_a_check_that_does_not_come_to_its_end_is_not_passed(config, monkeypatch, code, sentence):
    Path("ends.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    config["archs"]["vit"] = {"model": "ends:Net"}
    with pytest.raises(RepdynError, match=sentence):
        snapshot.take(config)


def test_jobs_keep_to_the_study_that_was_planned_however_the_config_is_edited(config, monkeypatch):
    monkeypatch.setattr(snapshot, "_apart", lambda *_: None)
    planned = snapshot.hand_down(config, first=True)
    config["data"]["label_noise"] = 0.5
    assert snapshot.hand_down(config, first=False) == planned
    assert snapshot.hand_down(config, first=True)[0].data.label_noise == 0.5


def test_two_modules_of_one_workflow_keep_their_studies_apart(config, monkeypatch):
    monkeypatch.setattr(snapshot, "_apart", lambda *_: None)
    one, two = snapshot.ConfigSource(used_as="one"), snapshot.ConfigSource(used_as="two")
    first = snapshot.hand_down(config, one, first=True, results="one/results")
    second = snapshot.hand_down(config | {"seeds": [5]}, two, first=True, results="two/results")
    assert first[1].startswith("one/results/tiny/study/")
    assert snapshot.hand_down({}, one, first=False, results="one/results") == first
    assert snapshot.hand_down({}, two, first=False, results="two/results") == second


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (snapshot.ConfigSource(), "config.yaml"),
        (snapshot.ConfigSource((Path("a.yaml"),)), "a.yaml"),
        (snapshot.ConfigSource((Path("a.yaml"), Path("/elsewhere/b.yaml"))), "a.yaml, /elsewhere/b.yaml"),
        (snapshot.ConfigSource((Path("a.yaml"),), options=True), "a.yaml, --config"),
        (snapshot.ConfigSource(used_as="mine"), "the config of module mine"),
    ],
)
def test_a_message_names_everything_that_a_setting_may_come_from(config, source, named):
    config["seeds"] = "none"
    absolute = snapshot.ConfigSource(tuple(Path.cwd() / file for file in source.files), source.options, source.used_as)
    for given in (source, absolute):
        with pytest.raises(RepdynError, match=f"^{named}: `seeds`"):
            snapshot.take(config, given)


def test_one_s_own_code_lies_beside_any_of_several_configs_the_last_before_the_first():
    source = snapshot.ConfigSource((Path("/a/study.yaml"), Path("/b/more.yaml")))
    assert source.folders == ("/b", "/a")
    assert snapshot.ConfigSource().folders == (str(Path.cwd()),)


def test_jobs_have_this_library_first_and_what_else_is_on_the_path_after_it(config, monkeypatch):
    monkeypatch.setattr(snapshot, "_apart", lambda *_: None)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/apps/torch/site-packages", "/elsewhere/workflow"]))
    library = str(Path(snapshot.__file__).parents[2])
    for _ in range(2):  # jobs' own processes read the rules, too
        snapshot.hand_down(config, first=True)
        assert os.environ["PYTHONPATH"].split(os.pathsep) == [
            library,
            "/apps/torch/site-packages",
            "/elsewhere/workflow",
        ]
