"""ComfyUI 0.3 and 0.33: a workflow file with placeholders goes in, a video file comes out.

The job's id there is of our choice, made of the job's own id, so that a submit whose answer was
lost can be looked up. How it stands is asked (`/api/jobs/<id>`, or `/history` and `/queue` where
there is none yet); a percentage is heard on a websocket meanwhile (`progress`).
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rushes.backends.answering import error_of, read_options, refusal_of
from rushes.backends.checking import judge_error
from rushes.backends.comfyui.answers import CLIP, Reader, is_running, place_in_queue
from rushes.backends.comfyui.progress import Listeners, context_of
from rushes.backends.comfyui.workflow import Workflow, load_workflow
from rushes.backends.dealing import deal_seed
from rushes.backends.language.capabilities import TYPES
from rushes.backends.language.offers import WORDS
from rushes.backends.language.pointers import find, find_text
from rushes.backends.language.sections import Defaults
from rushes.backends.language.templating import picture_file
from rushes.backends.speaking import as_kind, in_doubt, is_text, readable
from rushes.backends.tokens import bearer_credentials
from rushes.domain import (
    CancelOutcome,
    Capabilities,
    Catalogue,
    Custody,
    RemoteJob,
    RemoteStatus,
    Resolution,
    Setting,
    Shape,
    Stage,
)
from rushes.errors import (
    BackendError,
    BadBackendResponse,
    Misconfigured,
    NotConfigured,
    RefusedByBackend,
    RemoteJobNotFound,
    ResultExpired,
)
from rushes.net import GuardedClient
from rushes.ports import Finding, Severity, Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import JsonValue

    from rushes.backends import BackendConfig, SettingNames
    from rushes.domain import VideoRequest
    from rushes.net import Answer, Incoming
    from rushes.ports import ClipSource

JOB_NAMES = uuid.UUID("6f0f2a0c-3d6d-5c1e-9a52-7c9b8f8b1f6e")
PAUSE = timedelta(seconds=2)
STOP_LOOKS = 6
STOP_PAUSE_S = 0.5
NOT_FOUND = frozenset({404, 405})


class ComfyOptions(BaseModel):
    """What an operator says of a workflow: the file, and what may be asked of it.

    A list counts only where the workflow has a placeholder for it. `defaults` fill placeholders
    that a request leaves open.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: Path
    durations: tuple[Annotated[float, Field(gt=0, le=60)], ...] = (2.0, 3.0, 4.0, 5.0)
    aspect_ratios: tuple[Shape, ...] = ("16:9", "9:16", "1:1")
    resolutions: tuple[Resolution, ...] = ("480p", "720p")
    defaults: Defaults = Defaults()


class ComfyBackend:
    """See ports.VideoBackend."""

    finds = True

    def __init__(
        self,
        name: str,
        client: GuardedClient,
        workflow: Workflow,
        options: ComfyOptions,
        settings: SettingNames,
    ) -> None:
        self.name = name
        self.custody = Custody()
        self._settings = settings
        self._client = client
        self._workflow = workflow
        self._options = options
        self._reader = Reader(workflow.graph, client.redactor.clean)
        self._listeners = Listeners(client, workflow.graph)
        self._has_jobs_api = True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._listeners.aclose()
        await self._client.aclose()

    async def describe(self) -> Catalogue:
        """See ports.VideoBackend. What can be asked is what the workflow has placeholders for."""
        self._has_jobs_api = True  # asked again: the server may have been updated
        names, options = self._workflow.names, self._options
        is_sized = bool(names & {"width", "height", "aspect_ratio", "resolution"})
        settings: Any = {name: Setting(type_) for name, type_ in TYPES.items() if name in names}
        takes = Capabilities(
            durations=options.durations if "duration_s" in names else (),
            aspect_ratios=options.aspect_ratios if is_sized else (),
            resolutions=options.resolutions if is_sized else (),
            seed=self._workflow.has_seed,
            negative_prompt="negative_prompt" in names,
            first_frame="first_frame" in names,
            audio="audio" in names,
            pixels=bool(names & {"width", "height"}) and not names & WORDS,
            n_max=4,
            progress=True,
            cancel="any",
            **settings,
        )
        return Catalogue(models={"": takes})

    async def check(self) -> list[Finding]:
        """See ports.VideoBackend."""
        try:
            answer = await self._client.call("GET", "/system_stats")
            if not answer.is_success:
                raise self._error(answer, Stage.SUBMIT)
            version = find_text(answer.json(), ("/system/comfyui_version",))
        except BackendError as error:
            return [judge_error(error, self._settings)]
        url = self._settings.url
        if version is None:
            remedy = f"is {url} the address of a ComfyUI?"
            return [Finding(Severity.ERROR, url, answer.detail, remedy, BadBackendResponse.kind)]
        shown = self._client.redactor.clean(version, 40)
        return [Finding(Severity.OK, url, f"{self._client.where}: ComfyUI {shown}")]

    # --- submit -----------------------------------------------------------------------------------

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend."""
        prompt_id = _prompt_id(idempotency_key)
        seed = deal_seed(idempotency_key) if request.seed is None else request.seed
        values = self._values(request, idempotency_key)
        if request.first_frame is not None:
            values["first_frame"] = await self._uploaded(request.first_frame, idempotency_key)
        graph = self._workflow.filled(values, seed)
        named: dict[str, JsonValue] = {"prompt_id": prompt_id, "client_id": prompt_id}
        with in_doubt():
            answer = await self._client.call("POST", "/prompt", json={"prompt": graph, **named})
        if not answer.is_success:
            raise self._refusal(answer)
        with in_doubt():
            return Submission(_accepted(answer, prompt_id))

    async def _uploaded(self, picture: str, job_id: str) -> str:
        """Bring a picture there ahead of the submit and return the name that a LoadImage takes.

        Under the job's own name: two people's pictures may be called alike.
        """
        file = picture_file(picture, f"rushes-{job_id}")
        answer = await self._client.call(
            "POST", "/upload/image", form={"image": file, "overwrite": "true"}
        )
        if not answer.is_success:
            raise self._error(answer, Stage.SUBMIT)
        name = find_text(answer.json(), ("/name",))
        if name is None:
            raise BadBackendResponse("the answer tells no name", detail=answer.detail)
        folder = find_text(answer.json(), ("/subfolder",))
        return f"{folder}/{name}" if folder else name

    def _values(self, request: VideoRequest, job_id: str) -> dict[str, Any]:
        asked = request.model_dump(exclude_none=True, exclude={"extra"})
        values = self._options.defaults.model_dump(exclude_none=True) | asked
        whole = request.model_copy(update=values)
        try:
            size = whole.size
        except ValueError as error:
            raise RefusedByBackend(str(error)) from error
        if size is not None:
            values |= {"width": size[0], "height": size[1]}
        values |= {f"extra.{name}": value for name, value in request.extra.items()}
        return values | {"job_id": job_id}

    def _refusal(self, answer: Answer) -> BackendError:
        """Say what a refused workflow lacks, node by node."""
        document = readable(answer)
        if answer.status == 400 and isinstance(document, dict):
            code = find_text(document, ("/error/type",))
            return RefusedByBackend(
                "the workflow was refused",
                said=self._reader.refusal(document),
                remote_code=code,
                detail=answer.detail,
            )
        return refusal_of(answer, self._client.redactor, self._settings)

    # --- poll -------------------------------------------------------------------------------------

    async def poll(self, remote: RemoteJob) -> RemoteJob:
        """See ports.VideoBackend. Whatever fails but "no such job" may be tried again."""
        try:
            return self._listeners.joined(await self._poll(remote))
        except RemoteJobNotFound:
            self._listeners.leave(remote.id)
            raise
        except BackendError as error:
            error.retryable = True
            raise

    async def find(self, idempotency_key: str) -> RemoteJob | None:
        """See ports.VideoBackend."""
        try:
            prompt_id = _prompt_id(idempotency_key)
            return await self.poll(_remote(prompt_id, prompt_id))
        except RemoteJobNotFound:
            return None

    async def _poll(self, remote: RemoteJob) -> RemoteJob:
        if self._has_jobs_api:
            answer = await self._client.call("GET", f"/api/jobs/{remote.id}")
            if answer.is_success:
                return await self._placed(self._reader.api_job(answer.json(), remote))
            if answer.status not in NOT_FOUND:
                raise self._error(answer, Stage.POLL)
            if find(readable(answer), "/error") is not None:
                raise _vanished()
            self._has_jobs_api = False
        return await self._poll_history(remote)

    async def _poll_history(self, remote: RemoteJob) -> RemoteJob:
        """Ask as before there was a jobs API; a job may end between the two questions."""
        for _ in range(2):
            history = await self._document(f"/history/{remote.id}")
            entry = find(history, f"/{remote.id}")
            if entry is not None:
                return self._reader.history(entry, remote)
            queue = await self._document("/queue")
            place = place_in_queue(queue, remote.id)
            if place is not None:
                runs = is_running(queue, remote.id)
                status = RemoteStatus.IN_PROGRESS if runs else RemoteStatus.QUEUED
                return replace(remote, status=status, queue_position=None if runs else place)
        raise _vanished()

    async def _placed(self, job: RemoteJob) -> RemoteJob:
        """Return a waiting job with its place; one that cannot be told is no trouble."""
        if job.status is not RemoteStatus.QUEUED:
            return job
        try:
            queue = await self._document("/queue")
        except BackendError:
            return job
        return replace(job, queue_position=place_in_queue(queue, job.id))

    # --- the clip ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def open_clip(
        self, remote: RemoteJob, *, start: int = 0, validator: str | None = None
    ) -> AsyncIterator[ClipSource]:
        """See ports.VideoBackend."""
        address = remote.urls.get(CLIP)
        if address is None:
            raise BadBackendResponse("the server never told where the clip is")
        opened = self._client.download(address, start=start, validator=validator, is_ours=True)
        async with opened as incoming:
            if not incoming.has_clip or is_text(incoming.media_type):
                raise await self._instead_of_a_clip(incoming)
            yield incoming

    async def _instead_of_a_clip(self, incoming: Incoming) -> BackendError:
        answer = await incoming.answer()
        if answer.is_success:
            return BadBackendResponse("the answer is no clip", detail=answer.detail)
        error = self._error(answer, Stage.RESULT)
        return as_kind(ResultExpired, error) if answer.status == 400 else error

    # --- the end ----------------------------------------------------------------------------------

    async def thumbnail(self, remote: RemoteJob, *, max_bytes: int) -> bytes | None:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return None

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:
        """See ports.VideoBackend. Confirmed is what the server says, or what is seen after."""
        answer = await self._client.call("POST", f"/api/jobs/{remote.id}/cancel")
        if answer.is_success:
            was_stopped = find(answer.json(), "/cancelled") is True
            return CancelOutcome.CONFIRMED if was_stopped else CancelOutcome.STOPPED_WAITING
        if answer.status not in NOT_FOUND:
            raise self._error(answer, Stage.CANCEL)
        return await self._cancel_by_hand(remote)

    async def _cancel_by_hand(self, remote: RemoteJob) -> CancelOutcome:
        """Stop a job as before there was a route for it: taken off the queue, or interrupted.

        An interrupt without a job of ours at work would stop somebody else's.
        """
        queue = await self._document("/queue")
        if is_running(queue, remote.id):
            await self._told("/interrupt", {"prompt_id": remote.id})
        elif place_in_queue(queue, remote.id) is not None:
            await self._told("/queue", {"delete": [remote.id]})
        else:
            return CancelOutcome.STOPPED_WAITING
        for _ in range(STOP_LOOKS):
            try:
                job = await self._poll_history(remote)
            except RemoteJobNotFound:
                return CancelOutcome.CONFIRMED  # taken off the queue, it vanishes
            if job.status is RemoteStatus.CANCELLED:
                return CancelOutcome.CONFIRMED
            await asyncio.sleep(STOP_PAUSE_S)
        return CancelOutcome.STOPPED_WAITING

    async def forget(self, remote: RemoteJob) -> bool:
        """See ports.VideoBackend. The entry goes; the clip, prompt within, stays on its disk."""
        await self._told("/history", {"delete": [remote.id]})
        return False

    # --- every call -------------------------------------------------------------------------------

    async def _document(self, path: str) -> JsonValue:
        answer = await self._client.call("GET", path)
        if not answer.is_success:
            raise self._error(answer, Stage.POLL)
        return answer.json()

    async def _told(self, path: str, body: dict[str, JsonValue]) -> None:
        answer = await self._client.call("POST", path, json=body)
        if not answer.is_success:
            raise self._error(answer, Stage.CANCEL)

    def _error(self, answer: Answer, stage: Stage) -> BackendError:
        return error_of(answer, stage, self._client.redactor, self._settings)


def from_config(config: BackendConfig) -> ComfyBackend:
    """Return the backend of a configuration; raises NotConfigured."""
    options = read_options(ComfyOptions, config.options)
    workflow = (config.folder or Path()) / options.workflow
    client = GuardedClient(
        config.url,
        credentials=bearer_credentials(config),
        patience=config.patience,
        max_clip_bytes=config.max_clip_bytes,
        result_hosts=config.result_hosts,
    )
    try:
        loaded = load_workflow(workflow)
    except NotConfigured as error:
        raise Misconfigured((("options", "workflow"), error.message)) from error
    return ComfyBackend(config.name, client, loaded, options, config.settings)


def _prompt_id(job_id: str) -> str:
    """Return the id of a job over there: a UUID, in the one spelling that it takes."""
    return str(uuid.uuid5(JOB_NAMES, job_id))


def _remote(prompt_id: str, client_id: str) -> RemoteJob:
    context = context_of(client_id)
    return RemoteJob(prompt_id, RemoteStatus.QUEUED, context=context, next_poll=PAUSE)


def _accepted(answer: Answer, client_id: str) -> RemoteJob:
    """Return the job under the id that the server uses: an old one may choose its own."""
    told = find_text(answer.json(), ("/prompt_id",))
    try:
        return _remote(str(uuid.UUID(told or "")), client_id)
    except ValueError:
        raise BadBackendResponse("the answer names no job", detail=answer.detail) from None


def _vanished() -> RemoteJobNotFound:
    return RemoteJobNotFound("the server no longer knows the job: it was cancelled or restarted")
