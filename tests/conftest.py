"""What every test shares."""

from __future__ import annotations

import pytest
from hypothesis import settings

# The suite that the package carries explains its asserts like any other.
pytest.register_assert_rewrite("rushes.backends.contract")

# A busy machine is no failure: tests never judge by the clock.
settings.register_profile("rushes", deadline=None)
settings.load_profile("rushes")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
