from pathlib import Path

import pytest

from repdyn.catalogue import stages
from repdyn.config import study as studies
from repdyn.figures import catalogue
from repdyn.report import contents


@pytest.fixture
def job(make_job, config):
    return make_job("report", config)


def test_every_file_that_a_study_keeps_is_listed_once(job):
    listed = [record.path for record in contents.files(job.study)]
    kept = [path for stage in stages.by_default().values() for path in stage.writes if path not in stages.LARGE]
    assert listed == list(dict.fromkeys(kept))


def test_what_data_do_not_allow_is_not_listed(config):
    facts = {
        "shape": [5], "dtype": "uint8", "train": 120, "test": 60, "given_labels": False, "contents": "0" * 16,
        "kind": "tokens", "classes": 3, "vocabulary": 12,
    }  # fmt: skip
    study = studies.parse(config | {"data": {"dataset": "made-up.npz", "facts": facts}})
    assert {record.stage for record in contents.files(study)}.isdisjoint({"regions", "planes"})


def test_the_figures_of_a_study_are_there_as_png_to_be_shown_and_as_pdf_with_all_pages(config, make_job):
    job = make_job("report", config | {"figures": {"formats": ["svg"]}})
    figures = contents.figures_of_study(job.study, job.paths)
    assert [figure.name for figure in figures] == catalogue.drawn_of_study(job.study)
    assert all(list(figure.files) == ["svg", "png", "pdf"] for figure in figures)
    run = job.study.runs[0]
    assert all(list(figure.files) == ["svg"] for figure in contents.figures_of_run(job.study, job.paths, run))


def test_the_two_large_figures_are_drawn_by_default(job):
    assert {contents.FOREST, contents.GRID} <= set(catalogue.drawn_of_study(job.study))


def test_a_run_lacks_what_its_first_stage_without_files_writes(job):
    run = job.run
    assert contents.first_missing(job.study, job.paths, run) == "train"
    for record in contents.files(job.study):
        if record.scope == "run" and record.stage != "cka":
            path = Path(contents.place(job.paths, record, run))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert contents.first_missing(job.study, job.paths, run) == "cka"
    path = Path(job.paths.cka(run.path))
    path.parent.mkdir(parents=True)
    path.touch()
    assert contents.first_missing(job.study, job.paths, run) is None
