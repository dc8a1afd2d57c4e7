"""Real exchanges, kept as `rushes profile test --answers` reads them.

`python -m tests.real.recording` records them anew. A slow test holds that they are still what the
servers answer, but for what differs from time to time.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.e2e.servers import wait_for
from tests.real.servers import RealServer, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import JsonValue

    Story = Callable[[httpx.Client], Iterator[tuple[str, httpx.Response]]]

KEPT = Path(__file__).with_name("exchanges")
TIMELY = re.compile(
    r"[0-9a-f]{16,32}|\d{4}-\d\d-\d\dT[\d:.]+|(?<=predict_time\":)[\d.e-]+|(?<=base64,)[\w+/=]+"
)
"""Ids, times and the clip itself."""
ENDS_S = 20.0


def record(server: RealServer, name: str) -> dict[str, bytes]:
    """Play a server's stories; return the answers by the names of the files to keep them in."""
    found = {}
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        for title, story in STORIES[name].items():
            for place, (call, answer) in enumerate(story(client), start=1):
                file = f"{title}/{place:02}-{call}-{answer.status_code}.json"
                found[file] = answer.content
    return found


def kept(name: str) -> dict[str, bytes]:
    """Return what is kept of a server, by the names of the files."""
    folder = KEPT / name
    files = sorted(folder.rglob("*.json"))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def timeless(answers: Mapping[str, bytes]) -> dict[str, str]:
    """Return the answers without what differs from time to time."""
    return {file: TIMELY.sub("...", body.decode()) for file, body in answers.items()}


def _one(path: str, body: JsonValue) -> Story:
    def story(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
        yield "submit", client.post(path, json=body)

    return story


def _task(prompt: str, *, is_cancelled: bool = False) -> Story:
    def story(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
        submitted = client.post("/generate/submit", json={"prompt": prompt})
        yield "submit", submitted
        task = {"task_id": submitted.json()["task_id"]}
        yield "poll", client.get("/generate/status", params=task)
        if is_cancelled:
            yield "cancel", client.put("/generate/cancel", params=task)
            yield "poll", client.get("/generate/status", params=task)
        yield "poll", _ended(client, task)

    return story


def _ended(client: httpx.Client, task: dict[str, str]) -> httpx.Response:
    return wait_for(
        lambda: (
            (answer := client.get("/generate/status", params=task)).json()["status"]
            in {"completed", "failed"}
            and answer
        ),
        at_most=ENDS_S,
    )


def _lost(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    yield "submit", client.post("/generate/submit", json={"prompt": "a kite"})
    yield "poll", client.get("/generate/status", params={"task_id": "0" * 32})


def _prediction(prompt: str) -> Story:
    def story(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
        standing(client, "READY")
        yield "submit", client.post("/predictions", json={"input": {"prompt": prompt}})

    return story


def _busy(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    body = {"input": {"prompt": "#held"}}
    standing(client, "READY")
    client.put("/predictions/first", json=body, headers={"Prefer": "respond-async"})
    standing(client, "BUSY")
    yield "submit", client.post("/predictions", json={"input": {"prompt": "a kite"}})
    client.post("/predictions/first/cancel").raise_for_status()


def standing(client: httpx.Client, word: str) -> None:
    """Wait until a model server says that it is READY, or BUSY.

    It is BUSY for a moment after it has answered (coglet 0.23, `/health-check`).
    """
    wait_for(lambda: client.get("/health-check").json()["status"] == word, at_most=ENDS_S)


STORIES: Mapping[str, Mapping[str, Story]] = {
    "bentoml": {
        "failed": _one("/generate", {"prompt": "#fail"}),
        "invalid": _one("/generate", {"prompt": None}),
        "no-such-route": _one("/nowhere", {"prompt": "a kite"}),
    },
    "bentoml-task": {
        "done": _task("a kite"),
        "failed": _task("#fail"),
        "cancelled": _task("a kite", is_cancelled=True),
        "lost": _lost,
    },
    "cog": {
        "done": _prediction("a kite"),
        "failed": _prediction("#fail"),
        "refused": _prediction("#refuse"),
        "busy": _busy,
    },
}


def _keep(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, running(name, Path(folder)) as server:
        for file, body in record(server, name).items():
            path = KEPT / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)


if __name__ == "__main__":
    for each in STORIES:
        _keep(each)
