from pathlib import Path
from typing import Any

import pytest
import yaml
from running import TINY

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.pipeline.jobs import Job


@pytest.fixture
def config() -> dict[str, Any]:
    """The tiny study as a dictionary, with a second seed, to be changed at will."""
    content: dict[str, Any] = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    return content | {"seeds": [0, 1]}


@pytest.fixture
def make_job(tmp_path: Path):
    """A job of the tiny study, or of a changed one, whose results lie in a temporary folder."""

    def make(stage: str, config: dict[str, Any], arch: str = "resnet", optimizer: str = "sgd", seed: int = 0) -> Job:
        study = studies.parse(config)
        return Job(stage, study, Paths(str(tmp_path / study.name)), study.run(arch, optimizer, seed))

    return make
