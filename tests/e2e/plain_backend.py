"""A backend of the plainest kind, for clips of any weight: run as a program, it tells its port.

It speaks as little of `/v1/videos` as can be: a submit is done at once, and its clip is a real
MP4 of two seconds with a `free` box behind it that fills it up; for a prompt with `#small` there is
no such box. It knows no Range and no ETag.
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
FREE_HEAD = 16


@dataclass(frozen=True)
class Backend:
    """What is sent, how fast (bytes a second; 0: as it goes), and whether its size is told."""

    clip: bytes
    size: int
    rate: float
    is_chunked: bool

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)^content-length: (\d+)", request, re.MULTILINE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            path = request.split(" ", 2)[1]
            if path.endswith("/content"):
                await self._send_clip(writer, is_small="/small/" in path)
            else:
                self._send_job(writer, "small" if b"#small" in body or "/small" in path else "big")
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _send_job(self, writer: asyncio.StreamWriter, name: str) -> None:
        job = {"id": name, "object": "video", "status": "completed", "progress": 100, "data": []}
        body = json.dumps(job).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def _send_clip(self, writer: asyncio.StreamWriter, *, is_small: bool) -> None:
        size = len(self.clip) if is_small else self.size
        frame = "Transfer-Encoding: chunked" if self.is_chunked else f"Content-Length: {size}"
        head = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n"
        writer.write(f"{head}{frame}\r\n\r\n".encode())
        clock = asyncio.get_running_loop().time
        began, sent = clock(), 0
        for block in self._blocks(size):
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

    def _blocks(self, size: int) -> Iterator[bytes]:
        yield self.clip
        left = size - len(self.clip)
        if left:
            yield struct.pack(">I4sQ", 1, b"free", left)
            left -= FREE_HEAD
        while left > 0:
            yield BLOCK[: min(left, len(BLOCK))]
            left -= len(BLOCK)


def a_clip() -> bytes:
    """Draw a clip of two seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        render(ClipSpec("plain", width=320, height=180, frames=48), path)
        return path.read_bytes()


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--chunked", action="store_true")
    asked = parser.parse_args()
    backend = Backend(a_clip(), asked.size, asked.rate, asked.chunked)
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
