"""The list of figures, and what a study has of them."""

import importlib

import pytest
from drawn_studies import CONFIG, FULL, IN_NUMBERS, OF_TOKENS, OWN, STUDY, WITHOUT_CLASSES, study_with

from repdyn.catalogue import measures
from repdyn.catalogue.paths import Paths
from repdyn.config import study
from repdyn.figures import catalogue, planes

ENTRIES = [
    *(catalogue.of_run(STUDY) | catalogue.of_run(FULL)).values(),
    *(catalogue.of_study(IN_NUMBERS) | catalogue.of_study(FULL)).values(),
    *catalogue.ANIMATIONS.values(),
]


def drawn(study):
    return catalogue.drawn_of_run(study, study.runs[0]), catalogue.drawn_of_study(study)


def test_the_catalogue_names_real_tables_and_modules():
    paths = Paths("results/x")
    for entry in ENTRIES:
        assert all(path.startswith("results/x/") for path in entry.inputs(paths, ["RUN"], ["SEED"]))
        assert callable(importlib.import_module(f"repdyn.{entry.module}").draw)


def test_every_figure_is_explained_in_plain_sentences():
    for entry in ENTRIES:
        assert not entry.title.endswith(".")
        assert entry.description.count(".") == 1 and entry.description.endswith(".")
        assert entry.caption.endswith(".") and len(entry.caption.split()) > 15
        assert not set("*`|") & set(entry.title + entry.description + entry.caption), "markup; the report escapes _"


def test_what_is_drawn_by_default_is_what_the_study_has():
    of_run, of_study = drawn(study_with(data={"label_noise": 0.2}))
    assert "planes-mislabelled" in of_run
    assert "cka-difference" in of_study
    assert "widths" not in of_study
    narrow, wide = ({"model": "resnet18", "stem": "small", "width": width} for width in (4, 8))
    assert "widths" in drawn(study_with(archs={"k4": narrow, "k8": wide}))[1]
    assert "trends" not in drawn(study_with(archs={"k4": narrow, "k8": wide}))[1]
    assert "trends" in drawn(study_with(archs={"k4": narrow, "k8": wide, "k16": narrow | {"width": 16}}))[1]
    of_run, of_study = drawn(study_with(optimizers={"sgd": {"opt": "momentum", "lr": 0.1}}))
    assert "planes-test" in of_run and "planes-mislabelled" not in of_run
    assert not [name for name in of_study if "difference" in name]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.module)
def test_a_figure_that_is_not_a_module_s_own_is_drawn_by_none(entry, make_job, config):
    module = importlib.import_module(f"repdyn.{entry.module}")
    job = make_job("train", config)
    for name in ("anything", "hsic-grid", "planes-train"):
        with pytest.raises(KeyError, match=name):
            module.draw(job, name)


def test_the_catalogue_and_the_modules_that_draw_name_the_same_figures():
    drawn: dict[str, set[str]] = {}
    for figures in (catalogue.of_run(FULL), catalogue.of_study(FULL)):
        for name, entry in figures.items():
            drawn.setdefault(entry.module, set()).add(name)
    for module, names in drawn.items():
        drawing = importlib.import_module(f"repdyn.{module}")
        assert set(drawing.figures(FULL) if hasattr(drawing, "figures") else drawing.FIGURES) == names
    assert set(catalogue.ANIMATIONS) == set(planes.FIGURES)


def test_each_measure_of_activations_has_matrices_a_grid_and_a_difference():
    of_run, of_study = catalogue.of_run(FULL), catalogue.of_study(FULL)
    for name, measure in measures.OF_ACTIVATIONS.items():
        assert measure.label in of_run[name].title
        assert {f"{name}-grid", f"{name}-difference"} <= set(of_study)
    few = study.parse(CONFIG | {"measures": []})
    assert not {"knn", "procrustes"} & set(catalogue.of_run(few))
    assert f"{OWN}-grid" in catalogue.of_study(STUDY)
    assert "my_code:cosine" in catalogue.of_run(STUDY)[OWN].caption


@pytest.mark.parametrize("scope", ["run", "study"])
@pytest.mark.parametrize("of", [STUDY, FULL, IN_NUMBERS, OF_TOKENS, WITHOUT_CLASSES])
def test_a_study_has_each_figure_or_says_why_it_has_not(of, scope):
    there = (catalogue.of_run if scope == "run" else catalogue.of_study)(of)
    gone = catalogue.left_out(of, scope)
    assert not set(there) & set(gone)
    assert set(catalogue.of_any_study(scope)) <= set(there) | set(gone)
    for name, why in gone.items():
        assert why.startswith(f"There is no figure `{name}`. ") and why.endswith(".")
    by_default = catalogue.drawn_of_run(of, of.runs[0]) if scope == "run" else catalogue.drawn_of_study(of)
    assert set(by_default) <= set(there)


def test_tokens_have_no_regions_and_without_classes_there_are_no_accuracies_either():
    assert set(catalogue.left_out(OF_TOKENS, "run")) == {"regions", *planes.FIGURES}
    assert set(catalogue.left_out(OF_TOKENS, "study")) == {"regions-grid", "regions-difference", "trends"}
    more = catalogue.left_out(WITHOUT_CLASSES, "run").keys() - catalogue.left_out(OF_TOKENS, "run").keys()
    assert more == {"training", "probes"}
    assert {"training", "widths"} <= set(catalogue.left_out(WITHOUT_CLASSES, "study"))
    assert catalogue.animations(OF_TOKENS) == {} and set(catalogue.animations(STUDY)) == set(planes.FIGURES)


@pytest.mark.parametrize("scope", ["run", "study"])
def test_a_figure_is_found_by_its_name_as_it_stands_in_the_list(scope):
    there = (catalogue.of_run if scope == "run" else catalogue.of_study)(FULL)
    for name, listed in there.items():
        found = catalogue.find(FULL, name, scope)
        assert found is not None and found.of(FULL).title == listed.title
    assert catalogue.find(FULL, "cka-grid" if scope == "run" else "cka", scope) is None
    assert catalogue.find(STUDY, "knn" if scope == "run" else "knn-grid", scope) is None


def test_figures_that_no_measure_changes_are_found_without_asking_for_measures():
    class Unread:
        @property
        def all_measures(self):
            raise AssertionError("The study's measures were read.")

    for scope in ("run", "study"):
        for name in catalogue.of_any_study(scope):
            assert catalogue.find(Unread(), name, scope) is not None
        with pytest.raises(AssertionError, match="measures were read"):
            catalogue.find(Unread(), "cka-grid" if scope == "study" else "cka", scope)


def test_training_is_the_first_figure_of_a_run_and_matrices_follow_in_the_order_of_measures():
    names = list(catalogue.of_run(FULL))
    of_activations = [measure.name for measure in catalogue.activations(FULL)]
    assert names[: 1 + len(of_activations)] == ["training", *of_activations]
    assert of_activations == list(measures.OF_ACTIVATIONS)


def test_only_a_measure_with_phases_promises_to_outline_them():
    entries = catalogue.of_run(FULL)
    for name, measure in measures.OF_ACTIVATIONS.items():
        assert ("Red outlines are phases" in entries[name].caption) == measure.kernel
    assert {measure.kernel for measure in measures.OF_ACTIVATIONS.values()} == {True, False}
