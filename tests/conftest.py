"""What every test shares."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A busy machine is no failure: tests never judge by the clock.
settings.register_profile("rushes", deadline=None)
settings.load_profile("rushes")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
