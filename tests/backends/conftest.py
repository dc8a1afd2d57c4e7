"""A backend of the openai-videos profile, and a wire on which nothing is unmocked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - pytest reads fixtures' hints
from typing import TYPE_CHECKING

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.net import Secret
from tests.backends.wire import BASE, KEY

if TYPE_CHECKING:
    from rushes.ports import VideoBackend


@pytest.fixture
async def backend() -> AsyncIterator[VideoBackend]:
    loaded = load_backend(BackendConfig(name="main", url=BASE, key=Secret(KEY)))
    yield loaded
    await loaded.aclose()


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_mocked=True, assert_all_called=False) as router:
        yield router
