from types import SimpleNamespace

import pytest

from repdyn.config import study as studies
from repdyn.config.study import Replicate, Run
from repdyn.pipeline.counts import StudyCounts

FOUND = [{"step": step, "epoch": step / 4, "file": f"{step}.pt"} for step in (0, 4, 20)]


def test_a_study_is_counted_by_its_settings(config):
    config["activations"] = {"similarity_examples": 40, "probe_examples": 100}
    config["planes"] |= {"count": 2, "pictures": 3}
    counts = StudyCounts(studies.parse(config | {"seeds": [0, 1, 2]}))
    assert (counts.compared, counts.probed, counts.planes, counts.pictures) == (40, 100, 2, 3)
    assert counts.evaluations == 21
    assert counts.pairs_of_seeds == 2**2 * 3


def test_what_a_run_and_what_a_seed_has_follows_from_its_own_data(config):
    levels = {"all": config["data"], "few": config["data"] | {"train_size": 60, "test_size": 50}}
    study = studies.parse(config | {"data": levels})
    for level, numbers in (("all", (120, 60)), ("few", (60, 50))):
        for of in (study.run("vit", "sgd", 1, level), study.replicate(1, level)):
            assert (StudyCounts(study, of).train, StudyCounts(study, of).test) == numbers
    with pytest.raises(AssertionError, match="a study has several data"):
        _ = StudyCounts(study).train


def test_probes_have_all_training_examples_where_the_study_does_not_say(config):
    del config["activations"]["probe_examples"]
    study = studies.parse(config)
    assert StudyCounts(study, study.runs[0]).probed == 120


def test_checkpoints_of_a_study_are_those_at_which_all_its_runs_are_compared(config):
    # Epochs 0, 1, 1.6, 2.5, 4, 6.3, 10 and 16, in steps of four to an epoch, or two.
    levels = {"all": config["data"], "clean": config["data"] | {"label_noise": 0.0}}
    alike = studies.parse(config | {"data": levels})
    assert StudyCounts(studies.parse(config)).checkpoints == StudyCounts(alike).checkpoints == 8
    apart = studies.parse(config | {"data": levels | {"few": config["data"] | {"train_size": 60}}})
    assert StudyCounts(apart).checkpoints == 1
    assert [StudyCounts(apart, apart.run("vit", "sgd", 0, level)).checkpoints for level in ("all", "few")] == [8, 8]
    assert StudyCounts(apart, apart.replicate(0, "all")).run is None


def test_runs_from_elsewhere_have_what_was_found_of_each(config):
    found = {f"arch={arch}/optimizer=old/seed={seed}": FOUND[: 3 - seed] for arch in config["archs"] for seed in (0, 1)}
    config["optimizers"]["old"] = {"recorded": {"path": "{step}.pt", "found": found}}
    study = studies.parse(config)
    assert [StudyCounts(study, Run("vit", "old", seed)).checkpoints for seed in (0, 1)] == [3, 2]
    assert StudyCounts(study, Run("vit", "old", 0)).evaluations == 1  # whoever trained it measured it
    assert StudyCounts(study, Run("vit", "sgd", 0)).evaluations == 21
    assert StudyCounts(study).checkpoints == 1
    assert StudyCounts(study).pairs_of_seeds == 3**2 * 2


def test_sparse_evaluations_are_counted_and_not_epochs(config):
    config["training"] |= {"epochs": 100, "evaluations_per_decade": 5}
    assert StudyCounts(studies.parse(config)).evaluations == 1 + 2 * 5 + 1


def test_what_is_not_asked_for_is_not_looked_at():
    study = SimpleNamespace(planes=SimpleNamespace(count=3))
    assert StudyCounts(study, Replicate(0)).planes == 3
