import pytest

from repdyn.config import study as studies
from repdyn.figures import catalogue
from repdyn.planning import plan


@pytest.fixture
def study(config):
    return studies.parse(config)


def test_coordinates_and_whole_activations_of_wide_layers_are_both_planned(config):
    few = config | {"activations": config["activations"] | {"similarity_examples": 20, "probe_examples": 30}}
    some = few | {"activations": few["activations"] | {"whole": ["layer1.0"]}}
    whole = few | {"activations": few["activations"] | {"whole": ["*"]}}
    found = [plan.of(studies.parse(content)) for content in (few, some, whole)]
    disk = [each.disk["activations"] + each.disk["probe_view"] + each.disk["probes/weights"] for each in found]
    assert disk[0] < disk[1] < disk[2]
    for each in found:
        assert each.whole == pytest.approx(sum(found[2].disk.values()))
    sentence = "Stored unit by unit (`activations.whole: ['*']`), wide layers would make it "
    assert sentence in plan.report(studies.parse(few), found[0], 1e12)
    assert sentence not in plan.report(studies.parse(whole), found[2], 1e12)


def test_jobs_are_those_of_the_grid(study):
    jobs = plan.of(study).jobs
    assert jobs["train"] == jobs["phases"] == 8
    assert jobs["examples"] == jobs["planes"] == 2
    assert jobs["findings"] == 1


def test_the_report_says_whether_the_disk_is_enough_and_keeps_to_100_columns(study):
    found = plan.of(study)
    total = sum(found.disk.values())
    assert "free: enough" in plan.report(study, found, total + 1)
    text = plan.report(study, found, total - 1)
    assert "free: NOT ENOUGH" in text
    assert "8 runs (2 architectures × 2 optimizers × 2 seeds), 8 checkpoints each" in text
    assert max(map(len, text.splitlines())) <= 100


def test_figures_of_runs_are_planned_for_the_seeds_that_are_drawn(config):
    content = config | {"seeds": [4, 2, 7]}
    every, one = (
        plan.of(studies.parse(content | {"figures": figures})).jobs["figures"] for figures in ({}, {"seeds": 1})
    )
    runs = len(content["archs"]) * len(content["optimizers"])
    study = studies.parse(content)
    drawn = catalogue.drawn_of_run(study, study.runs[0])
    assert every - one == 2 * runs * len(drawn)
    assert {run.seed for run in studies.parse(content | {"figures": {"seeds": 2}}).drawn_runs} == {4, 2}
