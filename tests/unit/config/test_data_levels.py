"""Data as a factor of the grid: named sections, the runs that follow, and what one unnamed section stays."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml

from repdyn.config import study as studies
from repdyn.config.study import Replicate, Run
from repdyn.data import datasets, subsets
from repdyn.errors import RepdynError
from repdyn.figures import catalogue
from repdyn.pipeline import jobs
from repdyn.pipeline.counts import StudyCounts
from repdyn.training import checkpoint_schedule

STUDIES = Path(studies.__file__).parents[2] / "studies"
DIGITS = {"dataset": "digits", "train_size": 120, "test_size": 60, "common": 40}
LEVELS = {"clean": DIGITS, "noisy": DIGITS | {"label_noise": 0.2}, "few": DIGITS | {"train_size": 60}}


@pytest.fixture
def named(config):
    return studies.parse(config | {"data": LEVELS})


def test_each_level_of_the_data_has_runs_examples_and_settings_of_its_own(named):
    factors = itertools.product(named.archs, named.optimizers, LEVELS, named.seeds)
    assert [(run.arch, run.optimizer, run.data, run.seed) for run in named.runs] == list(factors)
    assert len(named.replicates) == len(LEVELS) * len(named.seeds)
    run = named.run("vit", "sgd", 1, "noisy")
    assert run.path == "arch=vit/optimizer=sgd/data=noisy/seed=1" and str(run) == "vit sgd noisy seed 1"
    assert Replicate(1, "noisy").path == "data=noisy/seed=1"
    assert named.data_of(run).label_noise == 0.2
    assert named.hyperparameters("train", run)["data"]["label_noise"] == 0.2
    assert list(named.hyperparameters("findings")["data"]) == list(LEVELS)
    assert studies.parse(yaml.safe_load(yaml.safe_dump(named.model_dump(mode="json")))) == named


def test_one_unnamed_section_stays_what_it_is(config):
    study = studies.parse(config)
    run = study.runs[0]
    assert run == Run("resnet", "sgd", 0) and run.path == "arch=resnet/optimizer=sgd/seed=0"
    assert run.facts == {"arch": "resnet", "optimizer": "sgd", "seed": 0}
    assert study.hyperparameters("findings")["data"] == study.hyperparameters("train", run)["data"]
    assert {contrast.factor for contrast in study.contrasts} == {"arch", "optimizer"}


def test_a_change_of_one_level_leaves_the_runs_of_the_others(config, named):
    changed = studies.parse(config | {"data": LEVELS | {"noisy": LEVELS["noisy"] | {"label_noise": 0.3}}})
    for run in named.runs:
        same = jobs.fingerprint(named, "train", run) == jobs.fingerprint(changed, "train", run)
        assert same == (run.data != "noisy")


def test_levels_that_differ_in_their_wrong_labels_alone_have_the_same_images_and_are_compared(named):
    by_common = [{run.data for run in group} for group in named.comparable("vit", common=True)]
    assert by_common == [{"clean", "noisy"}, {"few"}]
    assert {len(group) for group in named.comparable("vit", common=False)} == {4, 2}
    clean, noisy = (subsets.load(named.data_of(Replicate(0, level)), Path("data"), 0) for level in ("clean", "noisy"))
    np.testing.assert_array_equal(clean.train.examples, noisy.train.examples)
    np.testing.assert_array_equal(clean.test.examples, noisy.test.examples)
    assert not clean.mislabelled.any() and noisy.mislabelled.sum() == 24


def test_what_a_smaller_fraction_mislabels_a_larger_one_mislabels_alike():
    study = studies.load(STUDIES / "digits-noise.yaml")
    wrong = []
    for level in study.named_data:
        train = subsets.load(study.data_of(Replicate(20, level)), Path("data"), 20).train
        wrong.append({int(i): int(train.given_labels[i]) for i in np.flatnonzero(train.mislabelled)})
    assert list(map(len, wrong)) == [0, 40, 80, 160]
    assert all(smaller.items() <= larger.items() for smaller, larger in itertools.pairwise(wrong))


def test_levels_with_fewer_examples_have_checkpoints_of_their_own_steps(named):
    of_levels = {level: checkpoint_schedule.epochs_of(named, named.run("vit", "sgd", 0, level)) for level in LEVELS}
    assert of_levels["clean"] == of_levels["noisy"] != of_levels["few"]
    assert len(of_levels["clean"]) == len(of_levels["few"])  # at the same epochs, as near as steps allow
    assert datasets.alike(named) == [["clean", "noisy"], ["few"]]


def test_the_first_level_is_what_the_others_are_contrasted_with(named):
    found = [contrast.levels for contrast in named.contrasts if contrast.factor == "data"]
    assert found == [("noisy", "clean"), ("few", "clean")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data": {"a": DIGITS, "A": DIGITS}}, "`data` has `a` and `A`, which are one folder"),
        ({"data": {"18": DIGITS}}, "`18` is a number"),
        ({"data": {"a": DIGITS | {"lable_noise": 0.1}}}, "`data.a.lable_noise` is not a setting; did you mean"),
        ({"data": DIGITS | {"clean": DIGITS}}, "`data.clean` is not a setting"),
        ({"figures": {"rows": "data"}}, "`figures.rows` is data, but `data` has no named levels"),
        ({"figures": {"rows": "optimizer"}}, "`rows` and `columns` are both optimizer"),
        ({"findings": {"contrasts": [{"factor": "data", "levels": ["a", "b"]}]}}, "a, which is no level of `data`"),
    ],
)
def test_what_is_no_factor_is_refused_in_a_sentence(config, changes, sentence):
    with pytest.raises(RepdynError, match=sentence):
        studies.parse(config | changes)


def test_a_level_that_allows_fewer_measurements_is_refused(config):
    def facts(classes):
        return {
            "shape": [4], "kind": "numbers", "dtype": "float32", "classes": classes, "vocabulary": None, "train": 100,
            "test": 50, "given_labels": False, "contents": "0",
        }  # fmt: skip

    own = {"a": {"dataset": "my:load", "facts": facts(3)}, "b": {"dataset": "my:load", "facts": facts(None)}}
    with pytest.raises(RepdynError, match=r"`data.a` and `data.b` allow different measurements \(planes, probes"):
        studies.parse(config | {"data": own})


def test_a_run_without_its_level_is_no_run_of_the_study(named):
    with pytest.raises(RepdynError, match=r"has no run vit sgd seed 0; .* its data clean, noisy, few"):
        named.run("vit", "sgd", 0)
    with pytest.raises(RepdynError, match="are one of clean, noisy, few, not without a name"):
        named.replicate(0)


def test_another_level_of_the_data_decides_nothing_of_a_run_s_figure(config, named):
    changed = studies.parse(config | {"data": LEVELS | {"noisy": LEVELS["noisy"] | {"label_noise": 0.3}}})
    figure = catalogue.of_run(named)["planes-mislabelled"]
    other = {
        level
        for level in LEVELS
        for run in [named.run("vit", "sgd", 1, level)]
        if figure.made_with(named, run) != figure.made_with(changed, run)
    }
    assert other == {"noisy"}


def test_the_pairs_of_runs_that_tables_count_divide_those_of_each_group_that_is_compared(named):
    pairs = StudyCounts(named).pairs_of_seeds
    for common in (True, False):
        groups = named.comparable("vit", common)
        assert sum(len(group) ** 2 for group in groups) % pairs == 0
        # Only levels with wrong labels have planes through mislabelled images.
        assert sum(len([run for run in group if run.data == "noisy"]) ** 2 for group in groups) % pairs == 0
