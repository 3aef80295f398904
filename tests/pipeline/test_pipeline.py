"""A tiny study from end to end, through Snakemake, as a user runs it."""

import importlib
import itertools
import json
import os
import pkgutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from made_of import check_pairs
from running import PYTHON, ROOT, TINY, snakemake

import repdyn
from repdyn import records, results
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.pipeline.jobs import Job
from repdyn.storage import tables

RUN = "arch=vit/optimizer=sgd/seed=0"
STEPS = ["step", "epoch"]
PAIR = ["step_a", "step_b", "epoch_a", "epoch_b"]

CHOSEN = [choice.name for choice in studies.load(TINY).measures]
COMPARISON = ["factor", "first", "second", "other", "level", "level_second", "held", "held_level", "matching"]
COMPARED = ["claim", "measure", "score", *COMPARISON]
RUNS_COMPARED = ["optimizer_a", "data_a", "seed_a", "optimizer_b", "data_b", "seed_b"]
AGAINST_NULL = [
    *(f"{name}_{what}" for name in ("cka", "cka_debiased") for what in ("p", "calibrated")),
    *(f"{name}{what}" for name in CHOSEN for what in ("", "_p", "_calibrated")),
]
COLUMNS = {
    "examples/seed=0/examples.parquet": [
        "split", "example", "label", "class_name", "given_label", "mislabelled", "common",
    ],
    f"history/{RUN}/history.parquet": [
        *STEPS, "lr", "train_loss", "train_accuracy", "clean_accuracy", "mislabelled_accuracy",
        "mislabelled_true_accuracy", "test_loss", "test_accuracy", "seconds",
    ],
    f"change/{RUN}/change.parquet": [*PAIR, "layer", "depth", "weights", "cka"],
    f"events/{RUN}/events.parquet": [
        "layer", "depth", "measure", "status", "epoch", "epoch_low", "epoch_high", "sign", "height", "threshold",
        "searched_from", "searched_to",
    ],
    f"activations/{RUN}/activations.parquet": [
        *STEPS, "split", "example", "label", "given_label", "patch_embed", "blocks.0", "blocks.1", "norm",
    ],
    f"inputs/{RUN}/inputs.parquet": ["example", "input"],
    f"layers/{RUN}/layers.parquet": ["layer", "depth", "module", "kind", "features", "part"],
    f"batch_norm/{RUN}/batch_norm.parquet": ["layer", "depth", *STEPS, "cka", "same_class"],
    f"cka/{RUN}/cka.parquet": ["layer", "depth", *PAIR, "cka", "cka_debiased", *CHOSEN],
    f"cka_layers/{RUN}/cka_layers.parquet": [
        *STEPS, "layer_a", "layer_b", "depth_a", "depth_b", "cka", "cka_debiased", *AGAINST_NULL,
    ],
    "cka_between/cka_between.parquet": [
        "arch", "layer", "depth", *STEPS, *RUNS_COMPARED, "cka", "cka_debiased", *AGAINST_NULL,
    ],
    "alignment/alignment.parquet": [
        "arch_a", "arch_b", "optimizer", "data", "seed", *STEPS, "measure", "layer_a", "layer_b", "depth_a", "depth_b",
        "similarity", "similarity_p", "similarity_calibrated",
    ],
    "regions/between/between.parquet": [
        "arch", "layer", "depth", *STEPS, "planes", *RUNS_COMPARED, "similarity", "similarity_p",
        "similarity_calibrated", "kappa",
    ],
    f"probes/accuracy/{RUN}/accuracy.parquet": ["layer", "depth", *STEPS, "split", "accuracy", "true_accuracy"],
    f"regions/labels/{RUN}/labels.parquet": ["layer", "depth", *STEPS, "planes", "plane", "labels"],
    f"regions/similarity/{RUN}/similarity.parquet": ["layer", "depth", "planes", *PAIR, "similarity", "kappa"],
    f"regions/fragmentation/{RUN}/fragmentation.parquet": [
        "layer", "depth", *STEPS, "planes", "plane", "fragments", "classes",
    ],
    f"phases/segments/{RUN}/segments.parquet": [
        "layer", "depth", "part", "measure", "phase", "step_start", "step_end", "epoch_start", "epoch_end", "width",
    ],
    f"phases/scores/{RUN}/scores.parquet": [
        "layer", "depth", "relative_depth", "part", "measure", "score", "value",
    ],
    f"phases/moments/{RUN}/moments.parquet": ["layer", "depth", "part", "measure", "epoch", "novelty", "alignment"],
    f"phases/boundaries/{RUN}/boundaries.parquet": [
        "layer", "depth", "part", "measure", "detector", "epoch", "from_measures", "from_detectors",
    ],
    "findings/findings.parquet": [
        *COMPARED, "primary", "estimate", "ci_low", "ci_high", "p_value", "p_adjusted", "q_value", "n_pairs", "n_seeds",
        "n_left_out", "decision", "reason", "holds_under", "holds_of", "holds_not", "holds", "compared", "contrast",
        "verdict",
    ],
    "findings/pairs.parquet": [
        *COMPARED, "arch_first", "optimizer_first", "data_first", "arch_second", "optimizer_second", "data_second",
        "seed", "value_first", "value_second", "weight",
    ],
    "findings/left_out.parquet": [*COMPARED, "arch", "optimizer", "data", "seed", "reason"],
    "findings/synchrony.parquet": [
        "arch", "optimizer", "data", "measure", "score", "seed_a", "seed_b", "synchrony", "beyond",
    ],
    "findings/twins.parquet": [
        "arch", "optimizer", "data", "data_twin", "seed", "measure", "score", "shift", "run", "twin", "difference",
        "reason",
    ],
    "findings/trends.parquet": [
        "factor", "setting", "group", "arch", "optimizer", "data", "measure", "score", "levels", "left_out", "estimate",
        "ci_low", "ci_high", "p_value", "p_flips", "p_levels", "q_value", "rising", "n_seeds", "n_levels", "reason",
    ],
    "findings/trend_values.parquet": [
        "factor", "setting", "group", "level", "arch", "optimizer", "data", "seed", "measure", "score", "value",
    ],
    "findings/by_depth.parquet": [
        *COMPARISON, "contrast", "measure", "score", "relative_depth", "estimate", "ci_low", "ci_high", "p_value",
        "n_seeds", "q_value",
    ],
}  # fmt: skip


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_exactly_the_columns_and_the_metadata_of_the_design(complete, table):
    path = complete / "results" / "tiny" / table
    assert pq.read_schema(path).names == COLUMNS[table]
    about = json.loads(pq.read_schema(path).metadata[b"repdyn"])
    assert set(about) == {"table", "stage", "run", "hyperparameters", "code", "versions", "units"}
    assert list(about["units"]) == COLUMNS[table]
    assert all(about["units"].values())
    if "seed=" in table:
        assert about["run"]["seed"] == about["hyperparameters"]["seed"] == 0
    if "arch=" in table:
        assert about["run"] == {"arch": "vit", "optimizer": "sgd", "seed": 0}
        assert about["hyperparameters"]["optimizer"]["lr"] == 0.05


def test_every_table_has_as_many_rows_as_its_record_says(complete):
    study = studies.load(TINY)
    modules = [
        importlib.import_module(f"repdyn.records.{found.name}") for found in pkgutil.iter_modules(records.__path__)
    ]
    known = [table for module in modules for table in vars(module).values() if isinstance(table, tables.Table)]
    assert len({table.name for table in known if table.rows is not None}) > 10
    job = Job("figure", study, Paths(str(complete / "results/tiny")))
    for table, run in itertools.product(known, study.runs):
        tables.open_file(*job.place(table, run))


@pytest.mark.parametrize("table", ["history", "cka", "probes/accuracy", "regions/similarity", "phases/scores"])
def test_pandas_reads_the_whole_grid_with_the_run_as_columns(folder, table):
    frame = pd.read_parquet(folder / "results" / "tiny" / table)
    assert set(map(tuple, frame[["arch", "optimizer", "seed"]].drop_duplicates().to_numpy().tolist())) == {
        (arch, optimizer, seed) for arch in ("resnet", "vit") for optimizer in ("sgd", "adam") for seed in (0,)
    }


def test_a_run_ends_with_where_its_results_are_and_not_with_every_path(folder):
    (folder / "results" / "tiny" / "figures" / "training.png").unlink()
    done = snakemake("--configfile", str(TINY), "--quiet", "reason", "host", folder=folder)
    assert done.returncode == 0, done.stderr
    *_, last = done.stderr.split("Job 0: all of the study tiny\n")
    assert "segments.parquet" not in last
    first, *_, following = last.splitlines()[-5:]
    assert first == "Done: tables and figures are in results/tiny. Look first at results/tiny/figures/findings.png."
    assert following.startswith("Next: `snakemake --cores all --snakefile ")
    assert (folder / "results/tiny/figures/findings.png").is_file()


def test_repdyn_loads_every_table_that_there_is(complete):
    study = repdyn.load(complete / "results" / "tiny")
    assert {*study.tables} == {*results.known()}
    for name in study.tables:
        frame = study.table(name, arch="vit") if name == "activations" else study.table(name)
        columns = study.about(name, arch="vit")["units"] if name == "activations" else study.about(name)["units"]
        assert [column for column in frame if column in columns] == [*columns]
    square = study.matrix("knn", layer="norm", arch="vit", optimizer="sgd")
    assert square.shape[0] == square.shape[1] > 5 and np.allclose(np.diag(square), 1)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_values_of_a_measure_lie_in_its_range(folder, measure):
    values = measure.rows(pd.read_parquet(folder / "results" / "tiny" / measure.table))[measure.column].dropna()
    least, most = measure.range
    assert len(values) and least - 1e-9 <= values.min() and values.max() <= most + 1e-9


def test_every_estimate_is_the_mean_of_its_pairs_and_their_values_are_the_runs_scores(folder):
    results = folder / "results" / "tiny"
    findings, pairs = (pd.read_parquet(results / "findings" / f"{name}.parquet") for name in ("findings", "pairs"))
    check_pairs(findings, pairs)
    scores = pd.read_parquet(results / "phases" / "scores")
    # A run's value is the mean over the layers of its body.
    body = scores[(scores["part"] == "body") & (scores["score"] == "novelty")]
    of_run = body.groupby(["arch", "optimizer", "seed", "measure"])["value"].mean()
    novelty = pairs[pairs["score"] == "novelty"]
    assert len(novelty) > 4
    for side in ("first", "second"):
        runs = novelty[[f"arch_{side}", f"optimizer_{side}", "seed", "measure"]]
        expected = [of_run[tuple(run)] for run in runs.to_numpy()]
        assert novelty[f"value_{side}"].tolist() == pytest.approx(expected, abs=1e-12)


def test_similarity_matrices_are_whole_symmetric_and_one_on_the_diagonal(folder):
    for table, value, keys in (("cka", "cka", ["layer"]), ("regions/similarity", "similarity", ["layer", "planes"])):
        frame = pd.read_parquet(folder / "results" / "tiny" / table / RUN)
        least: dict[str, float] = {}
        for of, part in frame.groupby(keys):
            matrix = part.pivot(index="step_a", columns="step_b", values=value).to_numpy()
            assert matrix.shape == (8, 8)
            np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
            np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-12)
            assert matrix.min() >= 0
            least[of[0]] = min(matrix.min(), least.get(of[0], 1.0))
        # On two planes of 36 points, a first layer may see one class at every checkpoint, but not on all sets.
        assert len(least) > 3 and max(least.values()) < 0.999


def test_the_output_of_the_network_has_regions_too(folder):
    labels = pd.read_parquet(folder / "results" / "tiny" / "regions/labels" / RUN)
    assert set(labels.planes) == {"test", "clean", "mislabelled"}
    assert list(labels.sort_values("depth").layer.unique()) == ["patch_embed", "blocks.0", "blocks.1", "norm", "output"]
    assert set(map(len, labels.labels)) == {36}


def test_jobs_leave_logs_that_say_how_long_it_took_and_how_much_memory(folder):
    logs = list((folder / "results" / "tiny" / "logs").rglob("*.log"))
    assert len(logs) >= 6 * 4 + 2
    for log in logs:
        assert " done in " in log.read_text(encoding="utf-8").splitlines()[-1], log
        assert "MiB" in log.read_text(encoding="utf-8")


def test_a_second_run_does_nothing(folder):
    done = snakemake("--configfile", str(TINY), folder=folder)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr


@pytest.mark.parametrize(
    ("figure", "begins"), [("cka.svg", b"<?xml"), ("probes.pdf", b"%PDF"), ("planes-mislabelled.gif", b"GIF89a")]
)
def test_a_single_figure_is_a_target_in_any_format(folder, figure, begins):
    target = f"results/tiny/figures/{RUN}/{figure}"
    done = snakemake("--configfile", str(TINY), "--", target, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 steps (100%) done" in done.stderr
    assert (folder / target).read_bytes().startswith(begins)


def test_a_new_seed_runs_only_its_own_jobs(folder, tmp_path):
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    study["seeds"] = [0, 1]
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    done = snakemake("--configfile", str(tmp_path / "more.yaml"), "--dry-run", folder=folder)
    counts = {
        words[0]: int(words[1])
        for words in map(str.split, done.stdout.splitlines())
        if len(words) == 2 and words[1].isdigit()
    }
    assert {
        stage: counts[stage] for stage in ("train", "activations", "cka", "probes", "regions", "phases")
    } == dict.fromkeys(("train", "activations", "cka", "probes", "regions", "phases"), 4)
    assert counts["examples"] == counts["planes"] == counts["findings"] == 1


def test_a_truncated_table_is_named_with_the_command_that_makes_it_again(folder):
    path = folder / "results" / "tiny" / "activations" / RUN / "activations.parquet"
    cka = folder / "results" / "tiny" / "cka" / RUN / "cka.parquet"
    content, before = path.read_bytes(), cka.read_bytes()
    times = path.stat()
    path.write_bytes(content[: len(content) // 2])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    arguments = ["--study", str(TINY), "--arch", "vit", "--optimizer", "sgd", "--seed", "0"]
    command = [PYTHON, "-m", "repdyn", "cka", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert done.returncode == 1
    assert f"activations/{RUN}/activations.parquet` is damaged" in done.stderr
    assert "delete it and run Snakemake again" in done.stderr
    assert cka.read_bytes() == before


def test_a_wrong_config_is_one_sentence_before_anything_runs(folder, tmp_path):
    (tmp_path / "wrong.yaml").write_text(
        TINY.read_text(encoding="utf-8").replace("label_noise", "lable_noise"), encoding="utf-8"
    )
    done = snakemake("--configfile", str(tmp_path / "wrong.yaml"), folder=folder)
    assert done.returncode == 1
    assert "`data.lable_noise` is not a setting; did you mean `label_noise`?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_of_several_configs_is_blamed_on_all_of_them(tmp_path):
    (tmp_path / "wrong.yaml").write_text("data: {lable_noise: 0.2}", encoding="utf-8")
    done = snakemake("--configfile", str(TINY), "wrong.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"{TINY}, wrong.yaml: `data.lable_noise` is not a setting")
