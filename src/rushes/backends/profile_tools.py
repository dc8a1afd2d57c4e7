"""Tools for whoever writes a profile: its schema, a start, and a replay of recorded answers."""

from __future__ import annotations

import json
import mimetypes
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from rushes.backends import KINDS
from rushes.backends.language.files import (
    load_profile,
    profile_text,
    read_profile,
    shipped_profiles,
)
from rushes.backends.language.profile import ClipProfile, JobProfile
from rushes.backends.profiled import ProfiledBackend
from rushes.backends.samples import picture_for
from rushes.backends.synchronous import SynchronousBackend
from rushes.domain import RemoteJob, RemoteStatus, VideoRequest, new_id, utc_now
from rushes.errors import BackendError, BackendUnavailable, NotConfigured
from rushes.net import Answer, Credentials, GuardedClient, Incoming, Patience, Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container, Mapping
    from datetime import timedelta
    from pathlib import Path

    from pydantic import JsonValue

    from rushes.backends.language.profile import Profile
    from rushes.ports import Submission

NOWHERE = "http://replay.invalid"
ANSWERS_MAX = 500
HEADERS = ".headers"
OK = 200
_RECORDED = re.compile(r"(\d+)-(before|submit|poll|step|cancel)-(\d{3})\.\w+")
_NAME = re.compile(r'^name = "[^"]*"', re.MULTILINE)
_DATE = re.compile(r"^date = [\d-]+", re.MULTILINE)
_BASE64 = re.compile(r"([A-Za-z0-9+/]{40})[A-Za-z0-9+/]{100,}=*")
_BESIDE = re.compile(r"\d+-\w+-exchange\.txt|.+\.headers")


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile, for editors that check TOML against one."""
    of_jobs, of_clips = JobProfile.model_json_schema(), ClipProfile.model_json_schema()
    tables: dict[str, Any] = of_jobs["properties"]
    gone = {name: False for name in tables if name not in of_clips["properties"]}
    for switch in tables["switch"]["patternProperties"].values():
        switch["propertyNames"] = {"enum": list(tables)}
    says_clip = {"properties": {"answer": {"const": "clip"}}, "required": ["answer"]}
    return {
        **of_jobs,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": of_jobs["$defs"] | of_clips["$defs"],
        "title": "A profile of Rushes",
        "description": "Which words there are, and what they mean: docs/adding-a-backend.md.",
        "required": of_clips["required"],
        "if": {"properties": {"submit": says_clip}, "required": ["submit"]},
        "then": {"properties": gone | {"result": of_clips["properties"]["result"]}},
        "else": {"required": of_jobs["required"]},
    }


def new_profile(name: str, like: str | None = None) -> str:
    """Return a start for a profile: commented and of today, or a copy of one that is `like` it.

    Raises NotConfigured for a name that is none, or not free.
    """
    if name in {*shipped_profiles(), *KINDS}:
        raise NotConfigured(f"{name!r} is taken: choose a name that nothing of ours has")
    text = _commented_start() if like is None else profile_text(like)[1]
    text = _NAME.sub(lambda _: f'name = "{name}"', text, count=1)
    read_profile(text, name)
    return text


def _commented_start() -> str:
    start = (resources.files("rushes.backends") / "new-profile.toml").read_text("utf-8")
    return _DATE.sub(f"date = {utc_now().date()}", start, count=1)


# --- replay -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded answer: the file `NN-submit-200.json` holds its body, and its name the type.

    Headers that matter may stand beside it, in `NN-submit-200.headers`.
    """

    place: int
    call: str
    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_answer(self) -> Answer:
        """Return it as it would have come over the wire."""
        return Answer(self.status, self.headers, self.body, f"answer {self.place}: {self.status}")


def read_answers(folder: Path) -> list[Recorded]:
    """Read the recorded answers of a folder in their order; raises NotConfigured."""
    found = []
    paths = [path for path in folder.glob("*") if not _BESIDE.fullmatch(path.name)]
    for path in sorted(paths)[:ANSWERS_MAX]:
        name = _RECORDED.fullmatch(path.name)
        if name is None:
            raise NotConfigured(
                f"{path}: an answer is called like 01-submit-200.json; there are before, submit, "
                "poll, step and cancel"
            )
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        body, headers = path.read_bytes(), _headers_beside(path)
        found.append(Recorded(int(name[1]), name[2], int(name[3]), body, kind, headers))
    if not found:
        raise NotConfigured(f"{folder}: no answers there")
    return sorted(found, key=lambda answer: answer.place)


def _headers_beside(path: Path) -> dict[str, str]:
    beside = path.with_suffix(HEADERS)
    lines = beside.read_text("utf-8").splitlines() if beside.is_file() else []
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def replay(
    profile: str, answers: list[Recorded], profiles_dir: Path | None = None
) -> list[str]:
    """Return line by line what Rushes would understand; nothing leaves this machine."""
    loaded = load_profile(profile, profiles_dir)
    client = ReplayClient() if isinstance(loaded, JobProfile) else ClipReplayClient()
    rehearsed = Rehearsed(loaded, client)
    try:
        for place, answer in enumerate(answers):
            if answer.call not in {"before", "step"}:
                client.answers = _all_that_are_asked_for(loaded, answers, place)
                await rehearsed.hear(answer)
    finally:
        await client.aclose()
    return rehearsed.lines


def _all_that_are_asked_for(
    profile: Profile, answers: list[Recorded], place: int
) -> list[Recorded]:
    """Return an answer between those that are asked for in the same breath."""
    ahead, after = answers[:place][::-1], answers[place + 1 :]
    cancel = profile.cancel if isinstance(profile, JobProfile) else None
    if answers[place].call != "cancel" or cancel is None:
        return [*_run_of("before", ahead), answers[place], *_run_of("step", after)]
    seen = _looks(ahead) or [Recorded(0, "poll", 410, b"")]
    return [
        *(seen if cancel.may_delete else []),
        answers[place],
        *(_looks(after) if cancel.confirmed_by_state else []),
    ]


def _looks(answers: list[Recorded]) -> list[Recorded]:
    """Return the first answer that tells how the job stands, if there is one."""
    return [answer for answer in answers if answer.call == "poll"][:1]


def _run_of(call: str, answers: list[Recorded]) -> list[Recorded]:
    return list(takewhile(lambda answer: answer.call == call, answers))


class ReplayClient(GuardedClient):
    """A client that answers from a list and never dials."""

    def __init__(self) -> None:
        super().__init__(NOWHERE, credentials=Credentials(), patience=Patience(), max_clip_bytes=1)
        self.answers: list[Recorded] = []
        self.sent: list[str] = []
        self.clips: list[str] = []

    async def call(
        self,
        method: str,
        address: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: JsonValue = None,
        form: Mapping[str, str | Upload] | None = None,
        within: timedelta | None = None,  # noqa: ARG002
        redirects: Container[int] = (),  # noqa: ARG002 - the client's
    ) -> Answer:
        """Note the request, and answer with the next in the list."""
        parts = [f"{name}={value}" for name, value in (query or {}).items()]
        told = json if form is None else dict(form)
        where = address + ("?" + "&".join(parts) if parts else "")
        self.sent.append(f"{method} {where}{_as_json(told)}{_as_json(dict(headers or {}))}")
        if not self.answers:
            raise BackendUnavailable("no recorded answer is left for this request")
        return self.answers.pop(0).as_answer()

    @asynccontextmanager
    async def download(
        self,
        address: str,
        *,
        start: int = 0,  # noqa: ARG002
        validator: str | None = None,  # noqa: ARG002
        headers: Mapping[str, str] | None = None,  # noqa: ARG002
        is_ours: bool = False,
    ) -> AsyncIterator[Incoming]:
        """Note where the clip is."""
        self.clips.append(f"{address} ({'with' if is_ours else 'without'} credentials)")
        raise BackendUnavailable("a replay fetches no clip")
        yield

    @asynccontextmanager
    async def stream(self, method: str, address: str, **_: Any) -> AsyncIterator[Incoming]:  # noqa: ANN401
        """Note where the clip is, for which a service is asked as for anything else."""
        self.clips.append(f"{method} {address} (with credentials)")
        raise BackendUnavailable("a replay fetches no clip")
        yield


class ReplayedBody(Incoming):
    """A recorded answer whose head is here and whose body is still to come."""

    def __init__(self, recorded: Recorded) -> None:  # it has no response of its own
        self._recorded = recorded
        self.status = recorded.status
        self.media_type = recorded.media_type
        self.has_clip = recorded.status == OK
        self.start, self.size, self.validator = 0, len(recorded.body), None

    async def answer(self) -> Answer:
        """See net.Incoming."""
        return self._recorded.as_answer()

    async def chunks(self) -> AsyncIterator[bytes]:
        """See net.Incoming."""
        yield self._recorded.body


class ClipReplayClient(ReplayClient):
    """A ReplayClient for services that answer a submit with the clip."""

    @asynccontextmanager
    async def stream(self, method: str, address: str, **sent: Any) -> AsyncIterator[Incoming]:  # noqa: ANN401
        """Note the request, and bring the next answer in the list."""
        recorded = self.answers[0] if self.answers else None
        await self.call(method, address, **sent)
        if recorded is not None:
            yield ReplayedBody(recorded)


class Rehearsed:
    """A backend that hears one recorded answer after the other, and what it understands."""

    def __init__(self, profile: JobProfile | ClipProfile, client: ReplayClient) -> None:
        self.lines: list[str] = []
        self._backend: ProfiledBackend | SynchronousBackend = (
            ProfiledBackend("replay", profile, client)
            if isinstance(profile, JobProfile)
            else SynchronousBackend("replay", profile, client)
        )
        self._is_to_be_fetched = False
        self._client = client
        self._request = first_request(profile, "a kite over dunes", "model")
        self._remote = RemoteJob("unknown-id")

    async def hear(self, answer: Recorded) -> None:
        """Make the call that the answer belongs to, and note what it means."""
        self._client.sent.clear()
        self._is_to_be_fetched = False
        try:
            meaning = await self._meaning(answer)
        except BackendError as error:
            again = ", may be tried again" if error.retryable else ""
            meaning = f"{error.kind}: {error.message}{again}"
        self.lines += [f"> {line}" for line in self._client.sent]
        self.lines.append(f"{answer.call} {answer.status}: {meaning}")
        if self._is_to_be_fetched:
            self.lines.append(await self._clip())

    async def _meaning(self, answer: Recorded) -> str:
        if answer.call == "cancel":
            return (await self._backend.cancel(self._remote)).value
        if answer.call == "submit":
            submission = await self._backend.submit(self._request, idempotency_key=new_id())
            self._remote = submission.remote
            return await self._accepted(submission)
        self._remote = await self._backend.poll(self._remote)
        self._is_to_be_fetched = self._remote.status is RemoteStatus.COMPLETED
        return standing(self._remote)

    async def _accepted(self, submission: Submission) -> str:
        if isinstance(self._backend, ProfiledBackend):
            return f"job {self._remote.id}, {standing(self._remote)}"
        if submission.clip is None:
            self._is_to_be_fetched = True
            return standing(self._remote)
        async with submission.clip as clip:
            size = sum([len(chunk) async for chunk in clip.chunks()])
        return f"{standing(self._remote)}, the clip itself in {size} bytes"

    async def _clip(self) -> str:
        self._client.clips.clear()
        try:
            async with self._backend.open_clip(self._remote):
                pass
        except BackendError as error:
            places = self._client.clips or [f"{error.kind}: {error.message}"]
            return f"clip: {places[-1]}"
        return "clip: nowhere"


def standing(job: RemoteJob) -> str:
    """Return in one line how a backend says that a job stands."""
    parts = [job.status.value]
    if job.progress is not None:
        parts.append(f"{job.progress} %")
    if job.queue_position is not None:
        parts.append(f"place {job.queue_position}")
    if job.failure is not None:
        parts.append(f"{job.failure.kind}: {job.failure.message}")
    if job.effective_prompt:
        parts.append(f"prompt {job.effective_prompt!r}")
    return ", ".join(parts)


def first_request(profile: Profile, prompt: str, model: str | None) -> VideoRequest:
    """Return a request that asks for the first of all that the profile offers."""
    offers = profile.capabilities
    firsts = {
        "duration_s": offers.durations,
        "aspect_ratio": offers.aspect_ratios,
        "resolution": offers.resolutions,
    }
    asked = {name: values[0] for name, values in firsts.items() if values}
    picture = picture_for(profile)
    return VideoRequest(prompt=prompt, model=model, first_frame=picture, **asked)


def _as_json(told: object) -> str:
    text = json.dumps(told, ensure_ascii=False, default=_in_short)
    return " " + _BASE64.sub(r"\1...", text) if told else ""


def _in_short(file: bytes) -> str:
    return f"{len(file)} bytes"
