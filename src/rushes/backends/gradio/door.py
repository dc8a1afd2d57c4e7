"""The way into a Gradio app: one origin, and who we are there.

An app may want a login of its own (`POST /login`, answered with a cookie); in front of it a
Hugging Face Space may want a token. Both stay with the origin: a client of `rushes.net` carries
them, and a new one takes its place when a login brings a new cookie.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.backends.answering import error_of
from rushes.backends.tokens import bearer_credentials
from rushes.domain import Stage
from rushes.errors import Unauthorized
from rushes.net import Answer, GuardedClient, Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pydantic import JsonValue

    from rushes.backends import BackendConfig
    from rushes.net import Incoming, Upload

    Cookies = dict[str, Secret]

SILENCE = timedelta(seconds=60)
"""How long an event stream may be silent; Gradio sends a heartbeat every 15 s."""
STREAM_BYTES = 64 * 1024**2
DOCUMENT_BYTES = 8 * 1024**2
"""The config of a large app holds its examples and is longer than other answers."""
RETIRED_MAX = 8
_COOKIE = re.compile(r"(access-token(?:-unsecure)?-[\w-]{1,100})=([\w%.~-]{1,500})")


class GradioDoor:
    """Makes the calls to one app; logs in once before the first, and again when that is over."""

    def __init__(self, config: BackendConfig) -> None:
        self._config = config
        self.settings = config.settings
        self._login = _login_of(config)
        self._cookies: Cookies | None = None if self._login else {}
        self._entering = asyncio.Lock()
        self._retired: list[GuardedClient] = []
        self._open({})

    async def aclose(self) -> None:
        """Close what is open."""
        for client in (self.client, self._listener, *self._retired):
            await client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        form: Mapping[str, Upload] | None = None,
    ) -> Answer:
        """Make a call and return the answer; a login that is over is renewed once."""
        await self.enter()
        used = self._cookies
        answer = await self.client.call(method, path, json=json, form=form)
        if answer.status == 401 and self._login is not None:
            await self.enter(stale=used)
            answer = await self.client.call(method, path, json=json, form=form)
        return answer

    async def document(self, path: str) -> JsonValue:
        """Return a JSON document of up to 8 MiB; raises BackendError for anything else."""
        try:
            return await self._document(path)
        except Unauthorized:
            if not self.expire():
                raise
            return await self._document(path)

    async def _document(self, path: str) -> JsonValue:
        await self.enter()
        async with self.client.stream("GET", path) as incoming:
            return (await self._whole(incoming, path)).json()

    @asynccontextmanager
    async def listen(self, path: str, query: dict[str, str]) -> AsyncIterator[Incoming]:
        """Open an event stream; raises BackendError where the answer is none."""
        await self.enter()
        accept = {"Accept": "text/event-stream"}
        async with self._listener.stream("GET", path, query=query, headers=accept) as incoming:
            if not incoming.has_clip:
                if incoming.status == 401:
                    self.expire()
                raise error_of(
                    await incoming.answer(), Stage.POLL, self.client.redactor, self.settings
                )
            yield incoming

    async def _whole(self, incoming: Incoming, path: str) -> Answer:
        if not incoming.has_clip:
            raise error_of(
                await incoming.answer(), Stage.SUBMIT, self.client.redactor, self.settings
            )
        body, flaw = bytearray(), None
        async for chunk in incoming.chunks():
            body += chunk
            if len(body) > DOCUMENT_BYTES:
                flaw = f"the answer is longer than {DOCUMENT_BYTES} bytes"
                break
        told = self.client.redactor.clean(bytes(body[:2000]).decode("utf-8", "replace"))
        detail = f"{self.client.where}{path} answered 200 {incoming.media_type}: {told}"
        return Answer(incoming.status, {}, bytes(body), detail, flaw)

    # --- who we are ------------------------------------------------------------------------------

    async def enter(self, *, stale: Cookies | None = None) -> None:
        """Log in where the app wants it, unless somebody has since `stale` was in use."""
        async with self._entering:
            if self._login is None or self._cookies is not stale:
                return
            username, password = self._login
            form = {"username": username.reveal(), "password": password.reveal()}
            answer = await self.client.call("POST", "/login", form=form)
            found = _COOKIE.findall(answer.headers.get("set-cookie", ""))
            if not answer.is_success or not found:
                raise self._turned_away(answer)
            await self._retire()
            self._cookies = {name: Secret(value) for name, value in found}
            self._open(self._cookies)

    def expire(self) -> bool:
        """Note that the app no longer knows us; whether a new login may mend that."""
        if self._login is not None:
            self._cookies = None
        return self._login is not None

    async def _retire(self) -> None:
        """Let calls under way on the present clients end by themselves."""
        self._retired += [self.client, self._listener]
        while len(self._retired) > RETIRED_MAX:
            await self._retired.pop(0).aclose()

    def _turned_away(self, answer: Answer) -> Unauthorized:
        return Unauthorized(
            "the app does not accept our login",
            detail=f"username and password of the backend: {answer.detail}",
        )

    def _open(self, cookies: Cookies) -> None:
        config = self._config
        credentials = bearer_credentials(config, cookies)
        endless = replace(config.patience, answer=SILENCE, clip_window=SILENCE, clip_min_rate=0)
        self.client = GuardedClient(
            config.url,
            credentials=credentials,
            patience=config.patience,
            max_clip_bytes=config.max_clip_bytes,
            result_hosts=config.result_hosts,
        )
        self._listener = GuardedClient(
            config.url, credentials=credentials, patience=endless, max_clip_bytes=STREAM_BYTES
        )


def _login_of(config: BackendConfig) -> tuple[Secret, Secret] | None:
    username, password = config.extras.get("username"), config.extras.get("password")
    return (username, password) if username and password else None
