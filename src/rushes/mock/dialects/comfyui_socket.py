"""ComfyUI's websocket: how long the queue is, then a client's own jobs step by step, with previews.

What happened before a client came is not told again.
"""

from __future__ import annotations

import asyncio
import struct
import uuid
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from rushes.mock.dialects.comfyui_graph import node_of
from rushes.mock.dialects.comfyui_prompt import Prompt, last_message
from rushes.mock.jobs import Standing, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from starlette.websockets import WebSocket

    from rushes.mock.dialects.dialect import Json

LOOK_S = 0.05
STEPS = 20
PREVIEW = struct.pack(">II", 1, 2) + b"\x89PNG\r\n\x1a\n"
"""A binary message: a preview, as PNG; of the picture itself only the first bytes."""


async def tell(
    websocket: WebSocket,
    prompts: Mapping[str, Prompt],
    standing: Callable[[Prompt], Standing],
    *,
    with_states: bool,
) -> None:
    """Serve one connection until the client leaves."""
    await websocket.accept()
    client_id = websocket.query_params.get("clientId") or str(uuid.uuid4())
    queue = {"exec_info": {"queue_remaining": len(prompts)}}
    first = {"type": "status", "data": {"status": queue, "sid": client_id}}
    missed = {each.id: standing(each) for each in prompts.values()}
    told = {name: seen for name, seen in missed.items() if seen.ended_at is not None}
    begun = {name for name, seen in missed.items() if seen.status is not Status.QUEUED}
    gone = asyncio.create_task(_gone(websocket))
    try:
        await websocket.send_json(first)
        while not gone.done():
            for prompt in [each for each in prompts.values() if each.client_id == client_id]:
                now = standing(prompt)
                if now != told.get(prompt.id) and now.status is not Status.QUEUED:
                    await _send(websocket, _news(prompt, now, begun, with_states=with_states))
                told[prompt.id] = now
            await asyncio.wait({gone}, timeout=LOOK_S)
    except WebSocketDisconnect:
        pass
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _send(websocket: WebSocket, news: Iterable[Json | bytes]) -> None:
    for message in news:
        if isinstance(message, bytes):
            await websocket.send_bytes(message)
        else:
            await websocket.send_json(message)


def _news(
    prompt: Prompt, now: Standing, begun: set[str], *, with_states: bool
) -> Iterator[Json | bytes]:
    about: Json = {"prompt_id": prompt.id}
    node, _ = node_of(prompt.graph, "KSampler", "KSamplerAdvanced")
    if prompt.id not in begun:
        begun.add(prompt.id)
        yield _message("execution_start", about)
        yield _message("execution_cached", about | {"nodes": []})
        yield _message("executing", about | {"node": node, "display_node": node})
    if now.status is not Status.IN_PROGRESS:
        yield _message(*last_message(prompt, now))
        return
    step = {"value": STEPS * now.progress // 100, "max": STEPS}
    if with_states:
        state = step | about | {"state": "running", "node_id": node}
        yield _message("progress_state", about | {"nodes": {node: state}})
    yield _message("progress", about | step | {"node": node})
    yield PREVIEW


def _message(kind: str, data: Json) -> Json:
    return {"type": kind, "data": data}
