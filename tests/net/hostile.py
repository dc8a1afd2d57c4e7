"""A raw server on 127.0.0.1 that answers with whatever bytes a test gives it, at any pace."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Hostile:
    """What the server saw: a request head for each connection that sent one."""

    url: str = ""
    port: int = 0
    connects: int = 0
    heads: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def hostile(behave: Behave) -> AsyncIterator[Hostile]:
    """Serve each connection with `behave`, after its request was read."""
    seen = Hostile()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connects += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            seen.heads.append(head)
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    seen.url = f"http://127.0.0.1:{seen.port}"
    try:
        yield seen
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def sends(*parts: bytes, pause: float = 0.0, repeat: int = 1, abort: bool = False) -> Behave:
    """Write `parts`, the last one `repeat` times with a pause before each."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in (*parts[:-1], *([parts[-1]] * repeat)):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        if abort:
            reset(writer)

    return behave


def reset(writer: asyncio.StreamWriter) -> None:
    """Let the connection end in a RST instead of a FIN."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
