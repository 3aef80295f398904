from pathlib import Path
from typing import Any

import pytest
from image_folders import CLASSES, described, plain
from tiny_stages import Config, with_perceptron

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.config.sections import Data
from repdyn.data import datasets
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.stages import fetch


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, Path]]:
    """What is read of the data, in turn."""
    seen: list[tuple[str, float, Path]] = []
    whole = datasets.read

    def noted(data: Data, root: Path) -> Any:
        seen.append((data.dataset, data.label_noise, root))
        return whole(data, root)

    monkeypatch.setattr(datasets, "read", noted)
    return seen


def test_every_level_of_the_data_is_read_from_where_jobs_will_look_for_it(
    config: Config, tmp_path: Path, read: list[tuple[str, float, Path]]
) -> None:
    levels = {name: config["data"] | {"label_noise": noise} for name, noise in (("clean", 0.0), ("noisy", 0.3))}
    study = studies.parse(config | {"data": levels, "execution": {"data_root": str(tmp_path)}})
    fetch.main(Job("fetch", study, Paths(str(tmp_path / "results"))))
    assert read == [("digits", 0.0, tmp_path), ("digits", 0.3, tmp_path)]


def of_folder(config: Config, tmp_path: Path) -> Job:
    """A job of a study of the folder ``mine``."""
    folder = described().folder.model_dump(exclude_none=True)
    data = {"dataset": "image-folder", "folder": folder, "train_size": 15, "test_size": 12, "label_noise": 0.0}
    config["activations"] |= {"similarity_examples": 9, "probe_examples": 12}
    content = with_perceptron(config) | {"data": data, "execution": {"data_root": str(tmp_path)}}
    return Job("fetch", studies.parse(content), Paths(str(tmp_path / "results")))


def test_what_is_not_used_of_a_folder_of_images_is_said_before_it_is_read(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain(tmp_path / "mine")
    (tmp_path / "mine" / "train" / CLASSES[0] / "notes.txt").write_text("no image", encoding="utf-8")
    job = of_folder(config, tmp_path)
    with caplog.at_level("INFO"):
        fetch.main(job)
    said = [message for message in caplog.messages if message.startswith("left out 1 file under")]
    assert len(said) == 1 and said[0].endswith("1 .txt")
    train, _ = datasets.read(job.study.data_levels[None], tmp_path)
    assert len(train.labels) == 15


def test_data_that_are_nowhere_are_said_in_a_sentence(config: Config, tmp_path: Path) -> None:
    with pytest.raises(RepdynError, match=r"There is no folder `.*mine/train`"):
        fetch.main(of_folder(config, tmp_path))
