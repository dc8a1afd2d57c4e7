"""Commands beside a running server: a line of JSON each way, over a socket in its data folder.

Only whoever may read the folder can reach it: the folder is 0700, the socket 0600.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushes.errors import RequestError, RushesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping

    Command = Callable[[Mapping[str, str]], Awaitable[list[str]]]

logger = logging.getLogger(__name__)

SOCKET = "rushes.sock"
LINE_MAX = 64 * 1024
READ_S = 10
ANSWER_S = 600


class NoServer(RushesError):
    """Nobody listens in this data folder."""

    kind = "no_server"


class CommandRefused(RequestError):
    """The running server said no; the message is its own."""

    kind = "command_refused"


# --- in the server ------------------------------------------------------------------------------


@asynccontextmanager
async def listening(folder: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Answer commands while the context is open, in a folder that this process holds."""
    with _within_reach(folder) as address:
        _forget(folder)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
        (folder / SOCKET).chmod(0o600)
    server = await asyncio.start_unix_server(
        partial(_serve, commands), sock=listener, limit=LINE_MAX
    )
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        _forget(folder)


def _forget(folder: Path) -> None:
    (folder / SOCKET).unlink(missing_ok=True)


async def _serve(
    commands: Mapping[str, Command], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with suppress(OSError):  # whoever asked has gone
        try:
            async with asyncio.timeout(READ_S):
                line = await reader.readline()
            answer = await _answer(commands, line)
        except (TimeoutError, ValueError, RecursionError):
            answer = {"error": "this is no command"}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    writer.close()


async def _answer(commands: Mapping[str, Command], line: bytes) -> dict[str, Any]:
    asked = _texts(json.loads(line))
    name = asked.pop("command", "")
    if name not in commands:
        return {"error": f"this server knows no command {name}"}
    logger.info("asked to: %s", name)
    try:
        return {"lines": await commands[name](asked)}
    except RushesError as error:
        return {"error": error.message}


def _texts(document: object) -> dict[str, str]:
    """Return an object of texts; raises ValueError for anything else."""
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - one answer to all that is no command
    if not all(isinstance(value, str) for value in document.values()):
        raise ValueError("not of texts")
    return document


# --- beside it ----------------------------------------------------------------------------------


def ask(folder: Path, command: str, **values: str) -> list[str]:
    """Have the server that holds a folder do something; return the lines that it says.

    Raises NoServer where there is none, and CommandRefused with its reason.
    """
    line = json.dumps({**values, "command": command}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(ANSWER_S)
        try:
            with _within_reach(folder) as address:
                caller.connect(address)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NoServer(f"no server runs in {folder}") from error
        try:
            caller.sendall(line)
            with caller.makefile("rb") as answers:
                answer = json.loads(answers.readline() or b"{}")
        except (OSError, ValueError) as error:
            raise CommandRefused(f"the running server gave no answer: {error}") from error
    if "lines" not in answer:
        raise CommandRefused(answer.get("error", "the running server gave no answer"))
    return list(answer["lines"])


@contextmanager
def _within_reach(folder: Path) -> Generator[str]:
    """Yield an address of the folder's socket short enough for one, however deep the folder."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = Path(f"/proc/self/fd/{held}")
        yield str((short if short.exists() else folder) / SOCKET)
    finally:
        os.close(held)
