"""A study of a folder of images, of two classes: every stage of it, and what becomes of it when a picture changes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from running import TINY, snakemake

TRAIN, TEST = 40, 20  # images of each class
RUN = "arch=vit/optimizer=sgd/seed=0"


def draw(path: Path, is_bright_above: bool, seed: list[int]) -> None:
    pixels = np.random.default_rng(seed).integers(0, 120, size=(8, 8)).astype(np.uint8)
    pixels[:4] += 100 * is_bright_above
    pixels[4:] += 100 * (not is_bright_above)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of two classes in ``two.yaml``."""
    here = tmp_path_factory.mktemp("two")
    for part, count in (("train", TRAIN), ("test", TEST)):
        for label, name in enumerate(("cat", "dog")):
            for i in range(count):
                draw(here / "data/mine" / part / name / f"{i}.png", name == "cat", [count, label, i])
    (here / "data/mine/train/cat/8.heic").touch()
    content = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    del content["archs"]["resnet"]
    folder = {"path": "mine", "classes": 2, "channels": 1, "size": 8, "train": 2 * TRAIN, "test": 2 * TEST}
    content |= {"name": "two", "data": {"dataset": "image-folder", "folder": folder, "label_noise": 0.2}}
    content["activations"] = {"similarity_examples": 30, "probe_examples": 60}
    content["planes"] |= {"distinct_classes": False}
    (here / "two.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    drawn = ["figures/findings.png", f"figures/{RUN}/planes-test.png", "report/findings.html", "explorer.html"]
    targets = ["tables", "comparisons", *(f"results/two/{name}" for name in drawn)]
    done = snakemake("--configfile", "two.yaml", "--", *targets, folder=here)
    assert done.returncode == 0, done.stderr
    return here


def test_two_classes_go_through_every_stage(finished):
    accuracy = pd.read_parquet(finished / "results/two/probes/accuracy" / RUN / "accuracy.parquet")
    assert accuracy["accuracy"].max() > 0.7
    labels = pd.read_parquet(finished / "results/two/regions/labels" / RUN / "labels.parquet")["labels"]
    assert set(np.concatenate(labels.to_list()).tolist()) == {0, 1}
    assert (finished / "results/two/figures/findings.png").is_file()


def test_what_is_left_out_is_said_before_anything_runs(finished):
    log = (finished / "results/two/logs/fetch.log").read_text(encoding="utf-8")
    assert "left out 1 file under `data/mine`: 1 .heic" in log


def test_every_table_says_of_which_images_it_is(finished):
    (copy,) = (finished / "results/two/study").glob("*.yaml")
    there = yaml.safe_load(copy.read_text(encoding="utf-8"))["data"]["contents"]
    tables = [path for path in (finished / "results/two").rglob("*.parquet") if "figures" not in path.parts]
    assert len(tables) > 20
    for path in tables:
        made_with = json.loads(pq.read_schema(path).metadata[b"repdyn"])["hyperparameters"]
        assert made_with["data"]["contents"] == there, path


def test_another_picture_under_an_old_name_reruns_what_it_was_used_for(finished):
    def planned() -> set[str]:
        done = snakemake("--configfile", "two.yaml", "--dry-run", "--quiet", "rules", folder=finished)
        assert done.returncode == 0, done.stderr
        return {line.split()[0] for line in done.stdout.splitlines() if line.strip()}

    assert "train" not in planned()
    picture = finished / "data/mine/train/cat/7.png"
    before = picture.read_bytes()
    try:
        draw(picture, False, [7, 7, 7])
        assert {"examples", "train", "activations", "cka", "planes", "regions", "findings"} <= planned()
    finally:
        picture.write_bytes(before)
    assert "train" not in planned()
