"""A page of a made-up study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from browsing import chromium, visit  # noqa: F401
from made_up import EPOCHS, write_tables

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"


@pytest.fixture(scope="session")
def make_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the tables of the tiny study, with changed settings, and the explorer's page; returns the page."""

    def make(**changes: Any) -> Path:
        from repdyn.catalogue.paths import Paths
        from repdyn.config import study as studies
        from repdyn.explorer import build
        from repdyn.pipeline.jobs import Job

        made_up = {"seeds": [0, 1], "checkpoints": {"schedule": "explicit", "epochs": EPOCHS[1:]}}
        study = studies.parse(yaml.safe_load(TINY.read_text(encoding="utf-8")) | made_up | changes)
        job = Job("explorer", study, Paths(str(tmp_path_factory.mktemp("results"))))
        write_tables(job)
        build.main(job)
        return Path(job.paths.explorer())

    return make


@pytest.fixture(scope="session")
def page_file(make_page: Callable[..., Path]) -> Path:
    return make_page()
