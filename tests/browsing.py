"""The system's Chromium, driven by playwright, whose own browsers are never downloaded."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def new_context(chromium: Any, **options: Any) -> Any:
    """A browser's window, in which only what never comes is waited for in vain, however busy the machine is."""
    context = chromium.new_context(**options)
    context.set_default_timeout(300_000)  # milliseconds
    return context


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page, after a script if need be, and returns it with what it said and asked of the network."""
    contexts = []

    def open_page(
        path: Path, width: int = 1280, height: int = 900, address: str = "", before: str = "", scheme: str = "light"
    ) -> Any:
        context = new_context(chromium, viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        context.add_init_script(before)
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
