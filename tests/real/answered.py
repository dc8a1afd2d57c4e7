"""How the tests take a clip from a server that answers a submit with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.domain import VideoRequest, new_id

if TYPE_CHECKING:
    from rushes.ports import VideoBackend


async def clip_of(backend: VideoBackend, prompt: str, **asked: int) -> bytes:
    """Return the bytes of a clip that is the answer to its submit."""
    request = VideoRequest(prompt=prompt, **asked)
    submission = await backend.submit(request, idempotency_key=new_id())
    assert submission.clip is not None
    async with submission.clip as source:
        return b"".join([chunk async for chunk in source.chunks()])
