"""What runs again after a change, and what does not: the guarantees of the design, on a finished tiny study."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from running import PATIENCE, PYTHON, TINY, checkout, command, environment, snakemake, wait_for
from safetensors import safe_open

from repdyn.config import study as studies

RUN = "arch=vit/optimizer=sgd/seed=0"
MEASUREMENTS = {"activations", "cka", "probes", "regions", "phases"}


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished study, with its times, that the tests of this module may change."""
    return shutil.copytree(folder, tmp_path_factory.mktemp("cache") / "study")


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A checkout of the workflow, to be edited."""
    return checkout(tmp_path / "workflow")


def study(path: Path, **sections) -> Path:
    """The tiny study with settings changed, written to a file; a dictionary is merged into its section."""
    content = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    for name, value in sections.items():
        content[name] = content.get(name, {}) | value if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def planned(folder: Path, config: Path = TINY, **root: Path) -> dict[str, int]:
    """Rule -> how many of its jobs would run."""
    done = snakemake("--configfile", str(config), "--dry-run", "--quiet", "rules", folder=folder, **root)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    jobs = {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}
    return {rule: count for rule, count in jobs.items() if rule not in ("all", "total")}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, path
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_touched_files_comments_and_docstrings_run_nothing_again(finished, workflow, tmp_path):
    library = workflow / "workflow" / "repdyn"
    for module in library.rglob("*.py"):
        module.write_text(f"{module.read_text(encoding='utf-8')}\n# A comment.\n", encoding="utf-8")
    edit(library / "stages" / "cka.py", '"""The stage ``cka``: similarity', '"""The stage ``cka``: CKA')
    config = tmp_path / "tiny.yaml"
    config.write_text(f"# A comment.\n{TINY.read_text(encoding='utf-8')}", encoding="utf-8")
    assert planned(finished, config, root=workflow) == {}


def test_an_edit_in_cka_runs_cka_and_what_stands_on_it_again_and_nothing_else(finished, workflow):
    edit(workflow / "workflow" / "repdyn" / "stages" / "cka.py", "np.tile(steps, E)", "np.tile(steps + 0, E)")
    jobs = planned(finished, root=workflow)
    assert {rule: jobs.get(rule) for rule in ("cka", "phases", "findings")} == {"cka": 4, "phases": 4, "findings": 1}
    drawing = {"run_figure", "study_figure", "study_pages", "findings_page", "explorer"}
    assert set(jobs) - {"cka", "phases", "findings"} <= drawing
    assert jobs["run_figure"] >= 4


def test_an_edit_in_a_helper_runs_its_importers_again_only(finished, workflow):
    edit(
        workflow / "workflow" / "repdyn" / "regions" / "fragmentation.py",
        "POINTS, BYTES = 2**18, 80",
        "POINTS, BYTES = 2**17, 80",
    )
    jobs = planned(finished, root=workflow)
    assert jobs["regions"] == 4
    assert not {"train", "activations", "cka", "probes", "planes"} & set(jobs)


def test_another_penalty_of_the_probes_leaves_training_and_cka_alone(finished, tmp_path):
    jobs = planned(finished, study(tmp_path / "study.yaml", probes={"penalty": 0.2}))
    assert {rule: jobs.get(rule) for rule in ("probes", "regions", "phases")} == dict.fromkeys(
        ("probes", "regions", "phases"), 4
    )
    assert not {"train", "activations", "cka", "planes", "examples"} & set(jobs)


def test_settings_that_change_no_number_run_nothing_again(finished, tmp_path):
    assert planned(finished, study(tmp_path / "study.yaml", execution={"memory_gib": 1.5})) == {}


def test_a_new_seed_runs_its_own_jobs_and_those_of_the_study_only(finished, tmp_path):
    jobs = planned(finished, study(tmp_path / "study.yaml", seeds=[0, 1]))
    assert {rule: jobs.get(rule) for rule in ("train", *MEASUREMENTS)} == dict.fromkeys(("train", *MEASUREMENTS), 4)
    assert {rule: jobs[rule] for rule in ("examples", "planes", "findings")} == {
        "examples": 1,
        "planes": 1,
        "findings": 1,
    }


def test_a_deleted_figure_is_drawn_again_alone(finished):
    figure = finished / "results" / "tiny" / "figures" / RUN / "cka.png"
    content, times = figure.read_bytes(), figure.stat()
    figure.unlink()
    try:
        assert planned(finished) == {"run_figure": 1}
    finally:
        figure.write_bytes(content)
        os.utime(figure, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_more_wrong_labels_are_in_every_file_after_one_call(folder, tmp_path):
    here = shutil.copytree(folder, tmp_path / "study")
    tiny = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    one_run = {name: {only: tiny[name][only]} for name, only in (("archs", "vit"), ("optimizers", "sgd"))}
    (tmp_path / "one.yaml").write_text(
        yaml.safe_dump(tiny | one_run | {"data": tiny["data"] | {"label_noise": 0.3}}), encoding="utf-8"
    )
    for _ in range(2):
        done = snakemake("--configfile", str(tmp_path / "one.yaml"), "--", "tables", folder=here)
        assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stderr
    results = here / "results" / "tiny"
    files = [file for file in results.rglob("*.*") if RUN in str(file) or "arch=" not in str(file)]
    of_tables = {
        file: pq.read_schema(file).metadata[b"repdyn"]
        for file in files
        if file.suffix == ".parquet"
        and not {"regions/between", "cka_between", "alignment"} & {str(file.relative_to(results))}
    }
    of_weights = {
        file: tensors.metadata()["repdyn"]
        for file in files
        if file.suffix == ".safetensors" and "state" not in file.relative_to(results).parts
        for tensors in [safe_open(file, "np")]
    }
    assert len(of_tables) > 12 and len(of_weights) > 8
    wrong = {
        str(file)
        for file, about in (of_tables | of_weights).items()
        if json.loads(about)["hyperparameters"]["data"]["label_noise"] != 0.3
    }
    assert not wrong


def test_the_data_set_is_fetched_before_jobs_that_read_it_and_for_no_others(finished):
    results = finished / "results" / "tiny"
    log, figure, examples = (
        results / name for name in ("logs/fetch.log", f"figures/{RUN}/cka.png", "examples/seed=0/examples.parquet")
    )
    for path, is_fetched in ((figure, False), (examples, True)):
        log.unlink()
        path.unlink()
        done = snakemake("--configfile", str(TINY), "--", str(path.relative_to(finished)), folder=finished)
        assert done.returncode == 0, done.stderr
        assert log.exists() == is_fetched
        log.touch()


def test_longer_training_goes_on_from_where_it_stopped_and_keeps_its_checkpoints(folder, tmp_path):
    here = shutil.copytree(folder, tmp_path / "study")
    epochs = yaml.safe_load(TINY.read_text(encoding="utf-8"))["training"]["epochs"]
    checkpoints = here / "results" / "tiny" / "checkpoints" / RUN
    before = {path.name: path.read_bytes() for path in checkpoints.iterdir()}
    longer = study(tmp_path / "longer.yaml", training={"epochs": 2 * epochs})
    # Not the history: Snakemake does not see changed params of a job that gained outputs if none of those is asked for.
    activations = f"results/tiny/activations/{RUN}/activations.parquet"
    done = snakemake("--configfile", str(longer), "--", activations, folder=here)
    assert done.returncode == 0, done.stderr
    log = (here / "results" / "tiny" / "logs" / "train" / f"{RUN}.log").read_text(encoding="utf-8")
    assert f"continues from epoch {epochs}" in log
    assert {name: (checkpoints / name).read_bytes() for name in before} == before
    assert len(list(checkpoints.iterdir())) > len(before)
    assert pq.read_table(here / activations, columns=["epoch"], partitioning=None)["epoch"][-1].as_py() > epochs


def test_a_config_edited_while_jobs_wait_is_not_what_they_run_and_a_mismatch_is_refused(folder, tmp_path):
    here = shutil.copytree(folder, tmp_path / "study")
    config = study(tmp_path / "study.yaml", seeds=[1])
    run = RUN.replace("seed=0", "seed=1")
    target = f"results/tiny/probes/accuracy/{run}/accuracy.parquet"
    words = command("--configfile", str(config), "--", target)
    with subprocess.Popen(
        words, cwd=here, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as p:
        log = here / "results" / "tiny" / "logs" / "train" / f"{run}.log"
        wait_for(lambda: log.exists() or p.poll() is not None, "training to begin")
        study(config, seeds=[1], probes={"penalty": 0.7})
        assert p.wait(PATIENCE) == 0
    ran = json.loads(pq.read_schema(here / target).metadata[b"repdyn"])["hyperparameters"]["probes"]["penalty"]
    assert ran == studies.load(TINY).probes.penalty

    planes = command("--configfile", str(config), "--", "results/tiny/planes/seed=1/planes.parquet")
    assert subprocess.run(planes, cwd=here, env=environment(), capture_output=True, check=False).returncode == 0
    by_hand = ["-m", "repdyn", "regions", "--study", str(config), "--arch", "vit", "--optimizer", "sgd", "--seed", "1"]
    done = subprocess.run(
        [PYTHON, *by_hand], cwd=here, env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert f"penalty = {ran}" in done.stderr
    assert "0.7" in done.stderr
    assert "Traceback" not in done.stderr
