"""What the tests of the openai-videos profile share: constants, and a submit in one line."""

from __future__ import annotations

import gzip
from datetime import timedelta
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

from rushes.domain import RemoteJob, VideoRequest

if TYPE_CHECKING:
    import httpx

    from rushes.ports import VideoBackend

BASE = "http://video.test:8000/v1"
KEY = "sk-canary-0123456789"
ZIPPED = gzip.compress(b"{}")
JOB_ID = "a" * 26
QUEUED = {"id": "video_1", "object": "video", "status": "queued", "progress": 0, "error": None}
NASTY = 'a "red" kite\r\nover dunes 🪁 {{x}} {id} =seed %2F &amp; \\n'
REMOTE = RemoteJob("video_1", next_poll=timedelta(seconds=1))


def error_body(code: str | int | None = None, message: str = "no") -> dict[str, Any]:
    return {"error": {"message": message, "type": "t", "param": None, "code": code}}


async def submit(backend: VideoBackend, **fields: Any) -> RemoteJob:  # noqa: ANN401 - request fields
    request = VideoRequest(**({"prompt": "a kite"} | fields))
    return (await backend.submit(request, idempotency_key=JOB_ID)).remote


def form_of(request: httpx.Request) -> dict[str, str]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + request.content).get_payload()
    assert isinstance(parts, list)
    fields: dict[str, str] = {}
    for part in parts:
        assert not isinstance(part, str)
        assert part.get_filename() is None
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        fields[str(part.get_param("name", header="content-disposition"))] = payload.decode()
    return fields
