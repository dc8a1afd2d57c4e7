"""Real servers and a real browser."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.servers import Program, Programs

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture
def programs(tmp_path: Path) -> Generator[Programs]:
    started = Programs(tmp_path)
    yield started
    started.end_all()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Programs]:
    """One folder for the servers that many tests share."""
    started = Programs(tmp_path_factory.mktemp("shared"))
    yield started
    started.end_all()


@pytest.fixture(scope="session")
def mock(shared: Programs) -> Program:
    return shared.mock()


@pytest.fixture(scope="session")
def site(shared: Programs, mock: Program) -> Program:
    return shared.site(mock)


# Not for the session: while it runs, no other event loop can run in the process.
@pytest.fixture(scope="module")
def playwright() -> Generator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Generator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing; .ci/run installs it")
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    running = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
    yield running
    running.close()
