"""Commands beside a running server, over the real socket."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from rushes.control import LINE_MAX, SOCKET, CommandRefused, NoServer, ask, listening
from rushes.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def greet(asked: Mapping[str, str]) -> list[str]:
    return [f"hello {asked['name']}", "and good day"]


async def refuse(_: Mapping[str, str]) -> list[str]:
    raise InvalidRequest("There is nobody called {name}.", name="eve")


COMMANDS = {"greet": greet, "refuse": refuse}


async def raw(folder: Path, sent: bytes) -> dict[str, object]:
    """Send these bytes as they are."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(caller, str(folder / SOCKET))
        await loop.sock_sendall(caller, sent)
        answer = await loop.sock_recv(caller, 10_000)
    told: dict[str, object] = json.loads(answer)
    return told


async def test_a_command_is_done_and_its_lines_come_back(tmp_path: Path) -> None:
    async with listening(tmp_path, COMMANDS):
        lines = await asyncio.to_thread(ask, tmp_path, "greet", name="ann\n{}")

    assert lines == ["hello ann\n{}", "and good day"]


async def test_what_the_server_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    async with listening(tmp_path, COMMANDS):
        with pytest.raises(CommandRefused, match=r"^There is nobody called eve\.$"):
            await asyncio.to_thread(ask, tmp_path, "refuse")
        with pytest.raises(CommandRefused, match="knows no command dance"):
            await asyncio.to_thread(ask, tmp_path, "dance")


async def test_the_socket_is_its_owners_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    async with listening(tmp_path, COMMANDS):
        mode = (tmp_path / SOCKET).stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert not (tmp_path / SOCKET).exists()


async def test_without_a_server_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(NoServer):
        ask(tmp_path / "none", "greet")
    with pytest.raises(NoServer):
        ask(tmp_path, "greet")


async def test_what_a_killed_server_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    with pytest.raises(NoServer):
        ask(tmp_path, "greet")

    async with listening(tmp_path, COMMANDS):
        lines = await asyncio.to_thread(ask, tmp_path, "greet", name="ann")

    assert lines[0] == "hello ann"


async def test_a_folder_may_lie_deeper_than_an_address_is_long(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a" * 60] * 4)
    folder.mkdir(parents=True)

    async with listening(folder, COMMANDS):
        lines = await asyncio.to_thread(ask, folder, "greet", name="ann")

    assert lines[0] == "hello ann"


@pytest.mark.parametrize(
    "sent",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b'"greet"\n',
        b'{"command": 1}\n',
        b'{"command": "greet", "name": ["ann"]}\n',
        b"\xff\xfe\n",
        b"[" * 10_000 + b"\n",
        b"x" * (LINE_MAX + 1),
    ],
)
async def test_what_is_no_command_is_refused_and_the_next_one_is_heard(
    tmp_path: Path, sent: bytes
) -> None:
    async with listening(tmp_path, COMMANDS):
        told = await raw(tmp_path, sent)
        after = await raw(tmp_path, b'{"command": "greet", "name": "ann"}\n')

    assert list(told) == ["error"]
    assert after == {"lines": ["hello ann", "and good day"]}
