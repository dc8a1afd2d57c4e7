"""Every profile and code backend, against the rehearsal backend's dialect of it, over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - pytest reads fixtures' hints
from typing import TYPE_CHECKING, Any

import pytest

from rushes.backends import load_backend
from rushes.backends.contract import WRONG_KEY, BackendContract
from tests.contract.rehearsed import MockServer
from tests.contract.rows import CRUMB, KEY, ROWS, Row
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from rushes.ports import VideoBackend


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, str]]:
    """Two mocks: one that wants a key, one that wants headers and cookies."""
    keyed = replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("keyed"))
    crumbs = replace(
        QUICK,
        headers={"x-sentinel": KEY},
        cookies={"session": CRUMB},
        folder=tmp_path_factory.mktemp("crumbs"),
    )
    with serving(keyed) as one, serving(crumbs) as other:
        yield {True: str(one.base_url), False: str(other.base_url)}


def _named(row: Row) -> Any:  # noqa: ANN401 - pytest's own
    name = f"{row.profile}{row.base.replace('/', '-')}"
    marks = () if row.in_every_run else (pytest.mark.slow,)
    return pytest.param(row, id=name, marks=marks)


class TestBackends(BackendContract):
    """The contract, row by row."""

    @pytest.fixture(params=[_named(row) for row in ROWS])
    def traits(self, request: pytest.FixtureRequest) -> Row:
        row: Row = request.param
        return replace(row, asks=row.least)

    @pytest.fixture
    def server(self, traits: Row, locked: dict[bool, str]) -> MockServer:
        return MockServer(locked[traits.with_key].rstrip("/"), traits.words)

    @pytest.fixture
    async def backend(
        self, traits: Row, server: MockServer, tmp_path: Path
    ) -> AsyncIterator[VideoBackend]:
        loaded = load_backend(traits.config(server.address, tmp_path))
        yield loaded
        await loaded.aclose()

    @pytest.fixture
    async def stranger(
        self, traits: Row, server: MockServer, tmp_path: Path
    ) -> AsyncIterator[VideoBackend]:
        loaded = load_backend(traits.config(server.address, tmp_path, secret=WRONG_KEY))
        yield loaded
        await loaded.aclose()
