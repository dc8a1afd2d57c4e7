"""Real servers, each in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.real.servers import RealServer, running

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Run(Protocol):
    """See `running`; the folder is made."""

    def __call__(self, name: str, *, key: str = "") -> AbstractContextManager[RealServer]: ...


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    def start(name: str, *, key: str = "") -> AbstractContextManager[RealServer]:
        return running(name, tmp_path_factory.mktemp(name), key=key)

    return start
