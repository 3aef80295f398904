"""What was deleted is made again by the target that lists it, whether or not another stage reads it."""

from pathlib import Path

import pytest
from planning import planner
from running import ANIMATION, TINY

# Rule -> the targets that list what it makes; the default one, which lists the figures, is `all`.
# The report links all of them.
MEASUREMENTS = {"all", "tables", "reported"}
TARGETS = {
    "examples": MEASUREMENTS,
    "train": MEASUREMENTS,
    "events": MEASUREMENTS,
    "activations": {"tables"},
    "cka": MEASUREMENTS,
    "planes": MEASUREMENTS,
    "probes": MEASUREMENTS,
    "regions": MEASUREMENTS,
    "phases": MEASUREMENTS,
    "findings": MEASUREMENTS,
    "geometry": {"comparisons"},
    "cka_layers": {"comparisons"},
    "cka_between": {"comparisons"},
    "alignment": {"comparisons"},
    "regions_between": {"comparisons"},
    "lab_book": {"reported"},
    "report": {"reported"},
    "explorer": {"reported"},
    "run_figure": {"all", "reported"},
    "study_figure": {"all", "reported"},
    "study_pages": {"reported"},
    "run_animation": {ANIMATION},
}
RUN = "arch=vit/optimizer=sgd/seed=0"


@pytest.fixture(scope="module")
def planned(complete: Path):
    """The jobs that Snakemake would run for a target while a file is missing."""
    with planner(complete) as started:

        def without(file: str, target: str) -> set[str]:
            path, away = complete / file, complete / "away"
            path.rename(away)  # keeps its times
            try:
                return started.plan(TINY, target).planned
            finally:
                away.rename(path)

        without.outputs = started.plan(TINY, *set().union(*TARGETS.values())).outputs
        yield without


def test_a_deleted_file_is_made_again_by_every_target_that_lists_it(planned):
    files = {file: job for file, job in planned.outputs.items() if RUN in file or "arch=" not in file}
    assert {job.split()[0] for job in files.values()} == set(TARGETS)
    checkpoints = {file for file in files if file.endswith(".safetensors") and "/checkpoints/" in file}
    lost = [
        (file, target)
        for file, job in files.items()
        if file not in checkpoints
        for target in TARGETS[job.split()[0]]
        if job not in planned(file, target)
    ]
    assert not lost


def test_deleted_activations_and_checkpoints_are_made_again_for_who_asks_or_measures_on_them_only(planned, complete):
    activations, checkpoint = (
        next(file for file in planned.outputs if RUN in file and f"/{name}/" in file)
        for name in ("activations", "checkpoints")
    )
    for file in (activations, checkpoint):
        assert planned(file, "all") == set()
        assert planned.outputs[file] in planned(file, file)
    cka = f"results/tiny/cka/{RUN}/cka.parquet"
    (complete / cka).rename(complete / "cka")
    try:
        assert planned.outputs[activations] in planned(activations, cka)
    finally:
        (complete / "cka").rename(complete / cka)
