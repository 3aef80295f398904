"""What a study depends on beside its config is found once, and what cannot be meant is refused."""

from pathlib import Path
from typing import Any

import pytest

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.pipeline import settling


def settled(config: dict[str, Any], path: str, folder: Path) -> Any:
    recorded = {"path": str(folder / path), "steps_per_epoch": 10}
    return settling.with_checkpoints(studies.parse(config | {"optimizers": {"adam": {"recorded": recorded}}}))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("0-1.pt", "0-2.pt", "1-1.pt", "1-3.pt"):
        (tmp_path / name).write_bytes(b"weights")
    return tmp_path


def test_a_file_of_two_seeds_is_refused(config: dict[str, Any], runs: Path) -> None:
    with pytest.raises(RepdynError) as caught:
        settled(config, "0-{epoch}.pt", runs)
    said = str(caught.value)
    assert said.startswith(f"`optimizers.adam.recorded`: `{runs / '0-1.pt'}` is a checkpoint of ")
    assert said.endswith(" adam seed 0 and of resnet adam seed 1; put `{seed}` into `path`, or list one of them.")
    settled(config | {"seeds": [0]}, "0-{epoch}.pt", runs)


def test_architectures_may_observe_other_layers_of_the_same_checkpoints(config: dict[str, Any], runs: Path) -> None:
    assert len(config["archs"]) > 1
    study = settled(config, "{seed}-{epoch}.pt", runs)
    assert [[found.step for found in study.found(run)] for run in study.runs if run.arch == "resnet"] == [
        [10, 20], [10, 30],
    ]  # fmt: skip
