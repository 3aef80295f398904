"""What an entry says of a figure: whether a study has it, what it reads, and what redraws it."""

import json
from dataclasses import replace

import pytest
from drawn_studies import FULL, IN_NUMBERS, OF_TOKENS, STUDY, WITHOUT_CLASSES, study_with

from repdyn.catalogue.paths import Paths
from repdyn.figures import entry


def drawn(**declared):
    return entry.Drawn(module="figures.training", **declared)


def figure(**declared):
    texts = {"title": "Accuracy", "description": "Accuracy by epoch.", "caption": "A line\n    is a run."}
    return entry.Entry(module="figures.training", category=entry.TRAINING, **(texts | declared))


def test_what_it_reads_is_its_tables_of_every_run_then_of_every_seed_then_of_the_study():
    reads = drawn(of_run=(Paths.scores, Paths.history), of_seed=(Paths.planes,), of_study=(Paths.findings,))
    assert reads.inputs(Paths("results/x"), ["arch=a", "arch=b"], ["seed=0"]) == [
        "results/x/phases/scores/arch=a/scores.parquet",
        "results/x/history/arch=a/history.parquet",
        "results/x/phases/scores/arch=b/scores.parquet",
        "results/x/history/arch=b/history.parquet",
        "results/x/planes/seed=0/planes.parquet",
        "results/x/findings/findings.parquet",
    ]
    assert drawn().inputs(Paths("results/x"), ["arch=a"], ["seed=0"]) == []


@pytest.mark.parametrize(
    ("declared", "of", "why"),
    [
        ({"of_run": (Paths.region_similarity,)}, OF_TOKENS, "are tokens, which cannot be mixed"),
        ({"of_seed": (Paths.planes,)}, OF_TOKENS, "are tokens, which cannot be mixed"),
        ({"of_run": (Paths.probe_accuracy,)}, WITHOUT_CLASSES, "have no classes, so there are no probes"),
        ({"accuracies": True}, WITHOUT_CLASSES, "have no classes, so there are no accuracies"),
        ({"numbers": True}, STUDY, "No three levels differ in one number alone"),
        ({"of_run": (Paths.probe_accuracy,)}, OF_TOKENS, None),
        ({"of_run": (Paths.region_similarity,), "of_seed": (Paths.planes,), "accuracies": True}, STUDY, None),
        ({"accuracies": True}, OF_TOKENS, None),
        ({"numbers": True}, IN_NUMBERS, None),
    ],
)
def test_a_study_is_without_it_exactly_where_what_it_needs_is_left_out(declared, of, why):
    said = drawn(**declared).why_not(of)
    assert said is None if why is None else why in said and said.endswith(".")


def test_it_goes_without_the_tables_that_it_spares_and_does_not_read_them_then():
    whole = drawn(of_run=(Paths.cka, Paths.region_similarity), of_seed=(Paths.planes,), of_study=(Paths.findings,))
    assert whole.why_not(OF_TOKENS) is not None
    spared = replace(whole, spares=(Paths.region_similarity, Paths.planes))
    assert spared.why_not(OF_TOKENS) is None
    less = spared.of(OF_TOKENS)
    assert (less.of_run, less.of_seed, less.of_study) == ((Paths.cka,), (), (Paths.findings,))
    assert spared.of(STUDY) == spared


def test_a_caption_is_one_line_and_speaks_of_regions_only_where_there_are_some():
    of_any = figure(of_regions="The output has DRS.")
    assert of_any.caption == "A line is a run."
    assert of_any.of(STUDY).caption == "A line is a run. The output has DRS."
    assert of_any.of(OF_TOKENS).caption == "A line is a run."
    assert of_any.of(STUDY).of(STUDY).caption.count("DRS") == 1


def test_every_figure_is_redrawn_for_its_print_and_the_study_s_name_and_declares_each_setting_once():
    assert figure(reads=("seeds", "name", "seeds")).reads == ("seeds", "name", "print")
    assert drawn(reads=("seeds",)).reads == ("seeds",)


def test_it_is_redrawn_for_the_settings_that_it_reads_and_for_no_others():
    by_seeds, by_rates = figure(reads=("seeds",)), figure(reads=("rates",))
    more, faster = study_with(seeds=[0, 1]), study_with(optimizers={"sgd": {"opt": "momentum", "lr": 0.5}})
    plain = study_with(optimizers={"sgd": {"opt": "momentum", "lr": 0.1}})
    assert by_seeds.made_with(more) != by_seeds.made_with(study_with())
    assert by_seeds.made_with(faster) == by_seeds.made_with(plain)
    assert by_rates.made_with(faster) != by_rates.made_with(plain)


def test_it_is_redrawn_for_the_code_of_its_module_and_a_figure_for_what_saves_figures(monkeypatch):
    monkeypatch.setattr(entry.provenance, "code_digest", lambda *parts: f"digest of {parts}")
    assert drawn().made_with(STUDY) == {"code": "digest of ('figures.training',)", "study": {}}
    assert figure().made_with(STUDY)["drawn"] == "digest of ('figures.draw.drawn',)"


def test_a_run_s_figure_depends_on_no_other_level_of_the_data():
    noisy, clean = {"label_noise": 0.2}, {"label_noise": 0.0}
    one, other = (study_with(data={"noisy": noisy, "clean": second}) for second in (clean, {"label_noise": 0.4}))
    reads = figure(reads=("data",))
    (of_one, of_other), (left, right) = (
        [next(run for run in of.runs if run.data == level) for of in (one, other)] for level in ("noisy", "clean")
    )
    assert reads.made_with(one, of_one) == reads.made_with(other, of_other)
    assert reads.made_with(one, left) != reads.made_with(other, right)
    assert reads.made_with(one) != reads.made_with(other)


@pytest.mark.parametrize("name", entry.SETTINGS)
def test_each_setting_is_plain_so_that_equal_ones_print_alike(name):
    value = entry.SETTINGS[name](FULL)
    assert json.loads(json.dumps(value)) == json.loads(json.dumps(entry.SETTINGS[name](FULL.model_copy(deep=True))))
    assert repr(value) == repr(entry.SETTINGS[name](FULL.model_copy(deep=True)))
