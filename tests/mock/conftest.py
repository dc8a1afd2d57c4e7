"""A rehearsal backend on a real socket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One mock for all tests of a module: its workers are warm and its clips are cached."""
    folder = tmp_path_factory.mktemp("mock")
    with serving(replace(QUICK, folder=folder)) as client:
        yield client


@pytest.fixture
def mock(shared: httpx.Client) -> httpx.Client:
    """The shared mock with all counts at zero."""
    assert shared.post("/_mock/reset").status_code == 204
    return shared
