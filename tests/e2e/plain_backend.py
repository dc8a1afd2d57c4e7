"""A backend of the plainest kind, for clips of any weight: run as a program, it tells its port.

It speaks as little of `/v1/videos` as can be: a submit is done at once, and its clip is a real
MP4 of two seconds with a `free` box behind it that fills it up. It knows no Range and no ETag.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rushes.mock.rendering import render
from rushes.mock.spec import ClipSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = bytes(256 * 1024)


@dataclass(frozen=True)
class Backend:
    """What is sent, how fast (bytes a second; 0: as it goes), and whether its size is told."""

    head: bytes
    size: int
    rate: float
    is_chunked: bool

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)^content-length: (\d+)", request, re.MULTILINE)
            await reader.readexactly(int(length[1]) if length else 0)
            if request.split(" ", 2)[1].endswith("/content"):
                await self._send_clip(writer)
            else:
                self._send_job(writer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _send_job(self, writer: asyncio.StreamWriter) -> None:
        job = {"id": "plain", "object": "video", "status": "completed", "progress": 100, "data": []}
        body = json.dumps(job).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def _send_clip(self, writer: asyncio.StreamWriter) -> None:
        frame = "Transfer-Encoding: chunked" if self.is_chunked else f"Content-Length: {self.size}"
        head = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n"
        writer.write(f"{head}{frame}\r\n\r\n".encode())
        clock = asyncio.get_running_loop().time
        began, sent = clock(), 0
        for block in self._blocks():
            if self.is_chunked:
                writer.writelines([b"%x\r\n" % len(block), block, b"\r\n"])
            else:
                writer.write(block)
            await writer.drain()
            sent += len(block)
            if self.rate:
                await asyncio.sleep(max(0.0, began + sent / self.rate - clock()))
        if self.is_chunked:
            writer.write(b"0\r\n\r\n")

    def _blocks(self) -> Iterator[bytes]:
        yield self.head
        left = self.size - len(self.head)
        while left > 0:
            yield BLOCK[: min(left, len(BLOCK))]
            left -= len(BLOCK)


def head_of(size: int) -> bytes:
    """Return the beginning of a clip of `size` bytes; what follows are zeroes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        render(ClipSpec("plain", width=320, height=180, frames=48), path)
        clip = path.read_bytes()
    return clip + struct.pack(">I4sQ", 1, b"free", size - len(clip))


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--chunked", action="store_true")
    asked = parser.parse_args()
    backend = Backend(head_of(asked.size), asked.size, asked.rate, asked.chunked)
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
