"""A run trained here, and the same run recorded in a plain loop, are the same to every stage after training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from running import TINY, snakemake
from safetensors import safe_open

import repdyn
from repdyn.config import study as studies
from repdyn.config.study import Study
from repdyn.data import datasets
from repdyn.models import architectures
from repdyn.runtime import devices, seeds
from repdyn.training import measured, stepping
from repdyn.training.trainer import Split, measure

RECORDED = "runs/{arch}-{seed}"


def config() -> dict:
    """The tiny study, whose ViT and ResNet are trained here by one optimizer, and taken from elsewhere by the other."""
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    study["name"] = "both"
    study["optimizers"] = {"here": study["optimizers"]["sgd"], "elsewhere": {"recorded": RECORDED}}
    return study


def train(study: Study, data: "repdyn.data.subsets.StudyData", arch: str, folder: Path) -> None:
    """A plain loop that has the same weights: it takes the steps of training here, to the bit, in the same order."""
    run, device = study.run(arch, "here", 0), devices.prepare("cpu")
    model = architectures.of_run(study, run, datasets.inputs(study.data), data.classes)
    given, batches = torch.from_numpy(data.train.given_labels), -(-len(data.train) // study.training.batch_size)
    take_step = stepping.Stepper(model, study.training, study.optimizer(run), device, batches)
    train, test = Split.of(data.train, device), Split.of(data.test, device)

    def evaluate(recorder: repdyn.Recorder) -> None:
        recorder.evaluated(**{name: value for name, value in measure(model, train, test).items() if value is not None})

    shown = np.sort(np.random.default_rng([study.data.seed, 8]).permutation(len(data.common)))
    change, layers = data.common.inputs[shown], list(measured.layers(study, arch, study.data).values())
    with repdyn.Recorder(
        folder, model, steps_per_epoch=batches, per_decade=study.checkpoints.per_decade, change=change, layers=layers
    ) as recorder:
        evaluate(recorder)
        for epoch in range(study.training.epochs):
            drawn = torch.Generator().manual_seed(seeds.stream(0, seeds.ORDER, epoch))
            order = torch.randperm(len(given), generator=drawn)
            size = study.training.batch_size
            for inputs, labels in zip(train.inputs.batches(size, order), given[order].split(size), strict=True):
                take_step(inputs, labels)
                recorder.step()
            evaluate(recorder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished study, with everything on request that compares runs."""
    path = tmp_path_factory.mktemp("both")
    (path / "study.yaml").write_text(yaml.safe_dump(config()), encoding="utf-8")
    study, data = studies.load(path / "study.yaml"), repdyn.examples(path / "study.yaml")
    for arch in study.archs:
        train(study, data, arch, path / RECORDED.format(arch=arch, seed=0))
    done = snakemake("--configfile", "study.yaml", "--", "all", "tables", "comparisons", folder=path)
    assert done.returncode == 0, done.stderr
    return path


def files(folder: Path, optimizer: str) -> dict[str, Path]:
    """The tables and tensors of the runs of an optimizer, by their place among them."""
    found = [path for path in (folder / "results" / "both").rglob(f"optimizer={optimizer}/*/*") if path.is_file()]
    data = (path for path in found if path.suffix in (".parquet", ".safetensors"))
    kept = (path for path in data if not {"state", "figures"} & set(path.parts))
    return {str(path.relative_to(folder)).replace(f"optimizer={optimizer}/", ""): path for path in kept}


def test_both_give_the_same_weights_tables_and_events(folder):
    here, elsewhere = files(folder, "here"), files(folder, "elsewhere")
    assert set(here) == set(elsewhere)
    assert {name.split("/")[2] for name in here} == {
        "history", "change", "events", "checkpoints", "activations", "probe_view", "inputs", "layers", "batch_norm",
        "cka", "cka_layers", "geometry", "probes", "regions", "phases",
    }  # fmt: skip
    for name, path in here.items():
        other = elsewhere[name]
        if path.suffix == ".parquet":
            one, same = (pq.read_table(file, partitioning=None) for file in (path, other))
            if "history" in path.parts:  # the loop recorded no rate, and took its own time
                one, same = one.drop_columns(["lr", "seconds"]), same.drop_columns(["lr", "seconds"])
            assert one.equals(same), name
        else:
            with safe_open(path, "pt") as one, safe_open(other, "pt") as same:
                assert list(one.keys()) == list(same.keys())
                unequal = [key for key in same.keys() if not torch.equal(one.get_tensor(key), same.get_tensor(key))]  # noqa: SIM118
                # That of the probes' file is of all that it holds, its origin included.
                assert [key for key in unequal if not key.endswith("checksum")] == [], name


def test_figures_and_findings_hold_both_against_each_other(folder):
    found = pq.read_table(folder / "results" / "both" / "findings" / "findings.parquet").to_pandas()
    of_sources = found[(found["factor"] == "optimizer") & found["estimate"].notna()]
    assert len(of_sources)
    assert (of_sources["estimate"] == 0).all()
    assert (folder / "results" / "both" / "figures" / "cka-difference.png").is_file()


def planned(folder: Path, *targets: str) -> list[str]:
    done = snakemake("--configfile", "study.yaml", "--dry-run", "--quiet", "host", "--", *targets, folder=folder)
    assert done.returncode == 0, done.stderr
    said = f"{done.stdout}\n{done.stderr}".splitlines()
    return [line for line in said if line.endswith("seed 0")]


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy", symlinks=True)


def test_a_changed_checkpoint_reruns_its_run_and_no_other(copy):
    assert planned(copy, "tables") == []
    recording = copy / RECORDED.format(arch="vit", seed=0)
    (recording / "step=4.safetensors").write_bytes((recording / "step=6.safetensors").read_bytes())
    jobs = " ".join(planned(copy, "tables"))
    assert "record vit elsewhere seed 0" in jobs
    assert "phases of vit elsewhere seed 0" in jobs
    assert "resnet elsewhere" not in jobs
    assert "vit here" not in jobs


def test_runs_with_other_checkpoints_are_compared_at_epochs_that_both_have(copy):
    gap = copy / RECORDED.format(arch="vit", seed=0)
    steps = sorted(int(path.stem.partition("=")[2]) for path in gap.glob("step=*"))
    for step in (steps[2], steps[-1]):
        (gap / f"step={step}.safetensors").unlink()
    left = [step for step in steps if step not in (steps[2], steps[-1])]
    results = "results/both/"
    wanted = ["cka_between/cka_between.parquet", "regions/between/between.parquet", "alignment/alignment.parquet"]
    wanted += ["figures/cka-difference.png", "figures/regions-difference.png", "figures/training.png"]
    wanted += ["findings/findings.parquet", "figures/weights.png", "figures/geometry.png", "explorer.html"]
    done = snakemake("--configfile", "study.yaml", "--", *(results + name for name in wanted), folder=copy)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(copy / results / wanted[0], partitioning=None)
    frame = table.to_pandas()
    assert sorted(set(frame.loc[frame["arch"] == "vit", "step"])) == left
    assert sorted(set(frame.loc[frame["arch"] == "resnet", "step"])) == steps
    same = frame[(frame["arch"] == "vit") & (frame["optimizer_a"] != frame["optimizer_b"])]
    assert (same["cka"].dropna() > 1 - 1e-6).all()
    (said,) = json.loads(table.schema.metadata[b"repdyn"])["common_checkpoints"].items()
    assert said[0] == "vit"
    assert said[1]["steps"] == {"vit here seed 0": left, "vit elsewhere seed 0": left}


def test_a_run_that_is_not_there_is_said_in_one_sentence(copy):
    shutil.rmtree(copy / RECORDED.format(arch="resnet", seed=0))
    done = snakemake("--configfile", "study.yaml", "--dry-run", folder=copy)
    assert done.returncode != 0
    (said,) = [line for line in done.stderr.splitlines() if "recorded" in line]
    assert "`optimizers.elsewhere.recorded`" in said
    assert "runs/resnet-0" in said
