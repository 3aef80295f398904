"""A page of a made-up study, and a real browser to show it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from made_up import write_tables

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"


@pytest.fixture(scope="session")
def make_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the tables of the tiny study, with changed settings, and the explorer's page; returns the page."""

    def make(**changes: Any) -> Path:
        from repdyn import study as studies
        from repdyn.explorer import build
        from repdyn.jobs import Job
        from repdyn.paths import Paths

        study = studies.parse(yaml.safe_load(TINY.read_text()) | {"seeds": [0, 1]} | changes)
        job = Job("explorer", study, Paths(str(tmp_path_factory.mktemp("results"))))
        write_tables(job)
        build.main(job)
        return Path(job.paths.explorer())

    return make


@pytest.fixture(scope="session")
def page_file(make_page: Callable[..., Path]) -> Path:
    return make_page()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium; browsers of playwright's own are never downloaded."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page and returns it with what it said on the console and asked of the network."""
    contexts = []

    def open_page(path: Path, width: int = 1280, height: int = 900, address: str = "", **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{path.as_uri()}{address}")
        return SimpleNamespace(page=page, said=said, asked=asked)

    yield open_page
    for context in contexts:
        context.close()
