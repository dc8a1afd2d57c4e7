"""A websocket (RFC 6455) on which a backend talks and we listen, over an upgraded request.

Text is handed on, what is binary is passed over; of ours go out pings, pongs and a farewell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpcore
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.utilities import generate_accept_token, generate_nonce

from rushes.errors import BackendUnavailable, BadBackendResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from wsproto.events import Event

MESSAGE_MAX = 1024 * 1024
TALK_MAX = 64 * 1024 * 1024
"""Bytes of one connection: whoever has that much to tell is not telling of our jobs."""
CHUNK = 8 * 1024
"""Small, because a chunk full of the smallest frames is taken apart before anybody else's turn."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What listening may cost: bytes of a message and of all, and how long the peer may be quiet.

    After `quiet_s` it is asked whether it is there, and after as long again it is gone.
    """

    message: int = MESSAGE_MAX
    talk: int = TALK_MAX
    quiet_s: float = 20.0


SOCKET_LIMITS = SocketLimits()


class WebSocket:
    """An open connection; `where` names the peer in errors."""

    def __init__(
        self, stream: httpcore.AsyncNetworkStream, where: str, limits: SocketLimits
    ) -> None:
        self._stream = stream
        self._where = where
        self._limits = limits
        self._frames = Connection(ConnectionType.CLIENT)
        self._heard = 0
        self._message = 0
        self._parts: list[str] = []

    async def messages(self) -> AsyncIterator[str]:
        """Yield each text until the peer says goodbye.

        Raises BadBackendResponse for what is no websocket or beyond the limits, and
        BackendUnavailable when the connection breaks.
        """
        while self._frames.state is ConnectionState.OPEN:
            self._frames.receive_data(await self._chunk())
            for event in self._frames.events():
                text = await self._taken(event)
                if text is not None:
                    yield text

    async def _taken(self, event: Event) -> str | None:
        """Do what an event asks for; return the text that it completes."""
        if isinstance(event, TextMessage | BytesMessage):
            return self._completed(event)
        if isinstance(event, Ping):
            await self._say(event.response())
        if isinstance(event, CloseConnection):
            if self._frames.state is not ConnectionState.REMOTE_CLOSING:
                raise BadBackendResponse("what came is no websocket", detail=self._where)
            await self._say(event.response())
        return None

    def _completed(self, part: TextMessage | BytesMessage) -> str | None:
        data = part.data
        self._message += len(data.encode() if isinstance(data, str) else data)
        if self._message > self._limits.message:
            most = self._limits.message
            raise BadBackendResponse(f"a message is longer than {most} bytes", detail=self._where)
        if isinstance(data, str) and data:
            self._parts.append(data)
        if not part.message_finished:
            return None
        text = "".join(self._parts)
        self._message, self._parts = 0, []
        return text if isinstance(part, TextMessage) else None

    async def _chunk(self) -> bytes:
        chunk = await self._read()
        if chunk is None:
            await self._say(Ping())
            chunk = await self._read()
        if not chunk:
            raise self._broken("it was closed" if chunk == b"" else "nobody answers")
        self._heard += len(chunk)
        if self._heard > self._limits.talk:
            most = self._limits.talk
            raise BadBackendResponse(f"more than {most} bytes were told", detail=self._where)
        return chunk

    async def _read(self) -> bytes | None:
        """Return the next bytes, b"" at the end, None when the peer was quiet."""
        try:
            return await self._stream.read(CHUNK, timeout=self._limits.quiet_s)
        except httpcore.ReadTimeout:
            return None
        except httpcore.NetworkError as error:
            raise self._broken(type(error).__name__) from error

    async def _say(self, event: Event) -> None:
        try:
            await self._stream.write(self._frames.send(event), timeout=self._limits.quiet_s)
        except (httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise self._broken(type(error).__name__) from error

    def _broken(self, why: str) -> BackendUnavailable:
        said = f"the websocket of {self._where} broke"
        return BackendUnavailable(said, detail=f"{self._where}: {why}")


def new_key() -> str:
    """Return what the peer has to answer to."""
    return generate_nonce().decode()


def upgrade_headers(key: str) -> dict[str, str]:
    """Return the headers of the request that asks for a websocket."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }


def upgraded(response: httpx.Response, key: str, where: str) -> httpcore.AsyncNetworkStream:
    """Return the connection of an answer that agrees; raises BadBackendResponse for another."""
    told = response.headers.get("sec-websocket-accept", "").strip()
    stream = response.extensions.get("network_stream")
    is_agreed = response.status_code == 101 and told == generate_accept_token(key.encode()).decode()
    if not is_agreed or not isinstance(stream, httpcore.AsyncNetworkStream):
        detail = f"{where} answered {response.status_code}"
        raise BadBackendResponse("there is no websocket", detail=detail)
    return stream
