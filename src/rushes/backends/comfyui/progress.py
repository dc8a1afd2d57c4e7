"""How far a ComfyUI job is, as its websocket tells: what is heard is joined to the next poll.

A job's client id is the id that we gave it, so each running job has a connection of its own and
hears of no other one. Whatever becomes of the connection, polls go on without it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rushes.backends.language.pointers import find, find_text
from rushes.domain import EXACT_MAX, RemoteStatus
from rushes.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from rushes.domain import RemoteJob
    from rushes.net import GuardedClient

log = logging.getLogger(__name__)

UNPOLLED_S = 120.0
"""After so long without a poll nobody follows the job any more."""
RETRY_S = 15.0
STEPPING = ("latent_image", "steps")
"""Inputs of a node that samples; one that only chooses how to has neither."""


class Gauge:
    """The steps of one job's samplers, as a percentage: 0 to 99, never backwards.

    In a graph without a sampler, of whichever node tells steps.
    """

    def __init__(self, prompt_id: str, samplers: frozenset[str]) -> None:
        self.progress: int | None = None
        self._prompt_id = prompt_id
        self._samplers = samplers
        self._shares: dict[str, float] = {}

    def hear(self, text: str) -> None:
        """Read a message; what is none, or is about another job, changes nothing."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        data = find(message, "/data")
        if find(data, "/prompt_id") != self._prompt_id:
            return
        if find(message, "/type") == "progress":
            self._advance(find_text(data, ("/node",)) or "", data)
        elif find(message, "/type") == "progress_state":
            nodes = find(data, "/nodes")
            for node, state in (nodes if isinstance(nodes, dict) else {}).items():
                self._note(node, state)
        self._tell()

    def _advance(self, node: str, told: JsonValue) -> None:
        """Take what one node tells; nodes work one after the other, so an earlier one is done."""
        if self._note(node, told):
            self._shares |= dict.fromkeys(self._shares.keys() - {node}, 1.0)

    def _note(self, node: str, told: JsonValue) -> bool:
        value, most = _number(find(told, "/value")), _number(find(told, "/max"))
        least = 0 if self._samplers else 1
        if value is None or most is None or most <= least:
            return False
        if not self._samplers:
            self._shares.clear()
        elif node not in self._samplers:
            return False
        self._shares[node] = max(0, min(value, most)) / most
        return True

    def _tell(self) -> None:
        if self._shares:
            share = sum(self._shares.values()) / max(len(self._samplers), 1)
            self.progress = max(self.progress or 0, min(int(100 * share), 99))


@dataclass(slots=True)
class _Hearing:
    gauge: Gauge
    task: asyncio.Task[None]
    end: asyncio.TimerHandle


@dataclass(slots=True)
class Listeners:
    """Listens for each running job that is polled. `graph` is what the jobs are made from."""

    client: GuardedClient
    graph: Mapping[str, object]
    _hearings: dict[str, _Hearing] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _has_complained: bool = False

    def joined(self, job: RemoteJob) -> RemoteJob:
        """Return a job as it was just polled with what was heard of it, and listen on."""
        client_id = client_of(job)
        if client_id is None:
            return job
        if job.status is not RemoteStatus.IN_PROGRESS:
            self.leave(job.id)
            return job
        hearing = self._heard(job.id, client_id)
        known = [p for p in (job.progress, hearing.gauge.progress) if p is not None]
        return replace(job, progress=max(known, default=None))

    def leave(self, job_id: str) -> None:
        """Stop listening for a job."""
        hearing = self._hearings.pop(job_id, None)
        if hearing is not None:
            hearing.end.cancel()
            hearing.task.cancel()

    async def aclose(self) -> None:
        """Stop listening."""
        for job_id in tuple(self._hearings):
            self.leave(job_id)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, job_id: str, client_id: str) -> _Hearing:
        end = asyncio.get_running_loop().call_later(UNPOLLED_S, self.leave, job_id)
        hearing = self._hearings.get(job_id)
        if hearing is None:
            gauge = Gauge(job_id, frozenset(samplers_of(self.graph)))
            task = asyncio.create_task(self._listen(client_id, gauge))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            hearing = self._hearings[job_id] = _Hearing(gauge, task, end)
        else:
            hearing.end.cancel()
            hearing.end = end
        return hearing

    async def _listen(self, client_id: str, gauge: Gauge) -> None:
        """Listen until told to leave; where nothing can be understood, not again for this job."""
        while True:
            try:
                async with self.client.listen("/ws", query={"clientId": client_id}) as socket:
                    async for text in socket.messages():
                        gauge.hear(text)
            except BackendError as error:
                self._complain(error)
                if not error.retryable:
                    return
            await asyncio.sleep(RETRY_S)

    def _complain(self, error: BackendError) -> None:
        if not self._has_complained:
            self._has_complained = True
            told = error.detail or error.message
            log.info("no percentage by websocket: %s (%s)", error.message, told)


def context_of(client_id: str) -> str:
    """Return what a job keeps, so that it can be listened to after a restart too."""
    return json.dumps({"client_id": client_id})


def client_of(job: RemoteJob) -> str | None:
    """Return the client id of a job's submit; None of one that had none."""
    return find_text(json.loads(job.context), ("/client_id",)) if job.context else None


def samplers_of(graph: Mapping[str, object]) -> Iterator[str]:
    """Yield the nodes whose steps are the work."""
    for node_id, node in graph.items():
        if isinstance(node, dict) and "sampler" in str(node.get("class_type")).lower():
            inputs = node.get("inputs")
            if isinstance(inputs, dict) and not inputs.keys().isdisjoint(STEPPING):
                yield node_id


def _number(found: JsonValue) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return found if abs(found) <= EXACT_MAX else None
