"""The client: one configured origin, and whatever that origin is allowed to point at."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, NamedTuple

import httpx

from rushes import __version__
from rushes.errors import (
    BackendUnavailable,
    BadBackendResponse,
    NotConfigured,
    NotSent,
    WrongScheme,
)
from rushes.net.addresses import (
    base_url,
    below,
    host_and_port,
    next_hop,
    origin_of,
    peers,
    permit_clip,
    refused,
)
from rushes.net.answers import Answer, Exchange, media_type
from rushes.net.credentials import merged
from rushes.net.guard import AddressRefused, GuardedNetwork, resolve
from rushes.net.incoming import Incoming, Pace, Resume
from rushes.net.redaction import Redactor
from rushes.net.websocket import SOCKET_LIMITS, WebSocket, new_key, upgrade_headers, upgraded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Generator, Iterable, Mapping

    from pydantic import JsonValue

    from rushes.net.credentials import Credentials
    from rushes.net.guard import Resolve
    from rushes.net.websocket import SocketLimits

ANSWER_MAX = 1024 * 1024
HEADERS_MAX = 100
REDIRECTS_MAX = 3
OUR_HEADERS = {
    "User-Agent": f"rushes/{__version__}",
    "Accept-Encoding": "identity",  # a compressed answer may be a bomb
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait, and how slow a clip may come (bytes per second over a window)."""

    connect: timedelta = timedelta(seconds=10)
    answer: timedelta = timedelta(seconds=30)
    """From the first try to connect to the last byte of an answer."""
    clip_head: timedelta = timedelta(seconds=60)
    clip_window: timedelta = timedelta(seconds=30)
    clip_min_rate: int = 4096


class Upload(NamedTuple):
    """A file as a part of a form."""

    name: str
    media_type: str
    content: bytes


class GuardedClient:
    """Speaks to the origin of `url`. Raises only BackendError; see errors.py for the kinds.

    Clips may also come from the open internet, and from `result_hosts` (`host` or `host:port`)
    whatever network they are in; credentials never go there.
    Nothing is retried here, no cookie is kept, no environment variable is read, and each request
    has a connection of its own: one that was closed under us looks like a lost answer.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials,
        patience: Patience,
        max_clip_bytes: int,
        result_hosts: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
        resolver: Resolve = resolve,
    ) -> None:
        self._base = base_url(url)
        self.base = str(self._base)
        self._origin = origin_of(self._base)
        self._result_hosts = peers(result_hosts)
        self._credentials = credentials.as_headers()
        self._usual = {name: value.reveal() for name, value in credentials.usual.items()}
        self._patience = patience
        self._pace = Pace(
            max_clip_bytes, patience.clip_min_rate, patience.clip_window.total_seconds()
        )
        self.where = host_and_port(self._base)
        """Host and port, as operators know the backend."""
        self.has_credentials = bool(self._credentials)
        self.redactor = Redactor(credentials.secrets)
        self.observer: Callable[[Exchange], None] | None = None
        """Hears of each exchange whose answer was read whole; what it keeps it must redact."""
        network = GuardedNetwork(self._result_hosts | {self._origin[1:]}, resolver=resolver)
        self._http = httpx.AsyncClient(
            transport=_transport(network, tls),
            trust_env=False,
            follow_redirects=False,
            headers=OUR_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        address: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: JsonValue = None,
        form: Mapping[str, str | Upload] | None = None,
        within: timedelta | None = None,
        redirects: Container[int] = (),
    ) -> Answer:
        """Make one API call and return the whole answer, whatever its status.

        `address` is a path below the base URL, or a URL of the same origin. `form` goes out as
        multipart/form-data, which every server of this field takes. `within` bounds all of it.
        A redirect is refused, or with its status in `redirects` returned; it is never followed.
        """
        url = self._own(address)
        request = self._request(method, url, headers, query=query, json=json, form=form)
        seconds = (within or self._patience.answer).total_seconds()
        with self._translated(url):
            async with asyncio.timeout(seconds):
                answer = await self._exchange(request)
        if 300 <= answer.status < 400 and answer.status not in redirects:
            raise self._redirected(answer.headers, answer.detail)
        return answer

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        address: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: JsonValue = None,
        form: Mapping[str, str | Upload] | None = None,
        within: timedelta | None = None,
    ) -> AsyncIterator[Incoming]:
        """Make one API call whose answer may be a clip, and yield it as soon as its head is here.

        As `call`, but `within` ends there; the body has a clip's limits.
        """
        url = self._own(address)
        request = self._request(method, url, headers, query=query, json=json, form=form)
        async with self._opened(request, within or self._patience.answer) as response:
            if _is_redirect(response):
                detail = f"{host_and_port(url)} answered {response.status_code}"
                raise self._redirected(response.headers, detail)
            yield self._incoming(response, Resume())

    @asynccontextmanager
    async def listen(
        self,
        address: str,
        *,
        query: Mapping[str, str] | None = None,
        limits: SocketLimits = SOCKET_LIMITS,
    ) -> AsyncIterator[WebSocket]:
        """Open a websocket to listen on; raises BadBackendResponse where there is none."""
        url, key = self._own(address), new_key()
        request = self._request("GET", url, upgrade_headers(key), query=query)
        async with self._opened(request, self._patience.answer) as response:
            yield WebSocket(upgraded(response, key, self.where), self.where, limits)

    @asynccontextmanager
    async def download(
        self,
        address: str,
        *,
        start: int = 0,
        validator: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_ours: bool = False,
    ) -> AsyncIterator[Incoming]:
        """Open a clip for streaming, from `start` where the peer proves the file to be the same.

        What is not provably the rest of that file is dropped, and the clip opened from its first
        byte. `is_ours`: the credentials go along, as long as no redirect leaves the origin.
        """
        resume = Resume(start, validator)
        async with self._followed(address, resume, headers, is_ours=is_ours) as incoming:
            if incoming.has_clip or not resume.headers or incoming.status not in {206, 416}:
                yield incoming
                return
        async with self._followed(address, Resume(), headers, is_ours=is_ours) as incoming:
            yield incoming

    @asynccontextmanager
    async def _followed(
        self, address: str, resume: Resume, headers: Mapping[str, str] | None, *, is_ours: bool
    ) -> AsyncIterator[Incoming]:
        url = below(self._base, address)
        for _hop in range(REDIRECTS_MAX + 1):
            permit_clip(url, self._origin, self._result_hosts)
            is_ours = is_ours and origin_of(url) == self._origin
            wanted = {**(headers or {}), **resume.headers}
            request = self._request("GET", url, wanted, is_ours=is_ours)
            async with self._opened(request, self._patience.clip_head) as response:
                if not _is_redirect(response):
                    yield self._incoming(response, resume)
                    return
                url = next_hop(url, response.headers.get("location"))
        raise BadBackendResponse(f"the clip is behind more than {REDIRECTS_MAX} redirects")

    def _own(self, address: str) -> httpx.URL:
        url = below(self._base, address)
        if origin_of(url) != self._origin:
            raise refused(url, "API calls stay at the configured backend")
        return url

    def _redirected(self, headers: Mapping[str, str], detail: str) -> NotConfigured:
        target = self.redactor.clean(headers.get("location", "nowhere"))
        return NotConfigured(f"redirect refused: the backend points to {target}", detail=detail)

    @asynccontextmanager
    async def _opened(
        self, request: httpx.Request, within: timedelta
    ) -> AsyncIterator[httpx.Response]:
        """Wait for an answer's head; whoever reads the body keeps the time from then on."""
        with self._translated(request.url):
            async with asyncio.timeout(within.total_seconds()):
                response = await self._http.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def _exchange(self, request: httpx.Request) -> Answer:
        async with aclosing(await self._http.send(request, stream=True)) as response:
            return await self._read(response)

    def _incoming(self, response: httpx.Response, resume: Resume) -> Incoming:
        flaw = _flaw(response)
        where = host_and_port(response.request.url)
        if flaw is not None:
            raise BadBackendResponse(flaw, detail=f"{where} answered {response.status_code}")
        return Incoming(
            response, resume, pace=self._pace, where=where, read_answer=self._read_in_time
        )

    async def _read_in_time(self, response: httpx.Response) -> Answer:
        with self._translated(response.request.url):
            async with asyncio.timeout(self._patience.answer.total_seconds()):
                return await self._read(response)

    async def _read(self, response: httpx.Response) -> Answer:
        flaw = _flaw(response)
        body = bytearray()
        if flaw is None:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > ANSWER_MAX:
                    flaw = "the answer is longer than 1 MiB"
                    break
        headers = dict(response.headers)
        seen = self.redactor.clean(bytes(body[:2000]).decode("utf-8", "replace"))
        told = f"{response.status_code} {self.redactor.clean(media_type(headers), 50)}".rstrip()
        answer = Answer(
            status=response.status_code,
            headers=headers,
            body=bytes(body),
            detail=f"{host_and_port(response.request.url)} answered {told}: {seen or 'no body'}",
            flaw=flaw,
        )
        if self.observer is not None:
            self.observer(_exchange(response.request, answer))
        return answer

    def _request(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str] | None,
        *,
        query: Mapping[str, str] | None = None,
        json: JsonValue = None,
        form: Mapping[str, str | Upload] | None = None,
        is_ours: bool = True,
    ) -> httpx.Request:
        connect = self._patience.connect.total_seconds()
        try:
            return self._http.build_request(
                method,
                url,
                params=query or None,
                headers=merged(self._usual, headers or {}, self._credentials)
                if is_ours
                else headers,
                json=json,
                files={name: _part(value) for name, value in form.items()} if form else None,
                timeout=httpx.Timeout(None, connect=connect, pool=connect),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise NotSent("the request cannot be written", retryable=False) from error

    @contextmanager
    def _translated(self, url: httpx.URL) -> Generator[None]:
        """Turn httpx errors into ours, by what is known of the bytes that left."""
        where = host_and_port(url)
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._not_sent(where, error) from error
        except httpx.UnsupportedProtocol as error:
            raise refused(url, "no http") from error
        except TimeoutError as error:
            raise BackendUnavailable(
                f"{where} did not answer in time", detail=f"{where}: no whole answer in time"
            ) from error
        except httpx.HTTPError as error:
            seen = f"{where}: {self.redactor.clean(f'{type(error).__name__}: {error}')}"
            raise BackendUnavailable(f"the connection to {where} broke", detail=seen) from error

    def _not_sent(self, where: str, error: httpx.HTTPError) -> NotSent:
        causes = list(_causes(error))
        detail = f"{where}: {self.redactor.clean(str(error) or type(error).__name__)}"
        if any(isinstance(cause, AddressRefused) for cause in causes):
            return NotSent(f"{where} is not an allowed address", retryable=False, detail=detail)
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return NotSent(
                f"the certificate of {where} is not trusted", retryable=False, detail=detail
            )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return WrongScheme(f"{where} speaks no https, perhaps http", detail=detail)
        return NotSent(f"{where} cannot be reached", detail=detail)


def _part(value: str | Upload) -> tuple[str | None, str | bytes, str | None]:
    if isinstance(value, str):
        return None, value, None
    return value.name, value.content, value.media_type


def _transport(network: GuardedNetwork, tls: ssl.SSLContext | None) -> httpx.AsyncHTTPTransport:
    """Return a transport that uses no connection twice.

    A pooled connection that the peer just closed fails like a lost answer, and a submit that
    fails so would have to be called unknown. Certificates are checked against the system's store.
    """
    transport = httpx.AsyncHTTPTransport(
        verify=tls or ssl.create_default_context(),
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),
    )
    # httpx has no public way to choose the network; a test watches that this one still works.
    transport._pool._network_backend = network
    return transport


def _flaw(response: httpx.Response) -> str | None:
    if len(response.headers.raw) > HEADERS_MAX:
        return f"the answer has more than {HEADERS_MAX} headers"
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return "the answer is compressed, which was not asked for"
    return None


def _exchange(request: httpx.Request, answer: Answer) -> Exchange:
    headers, body = dict(request.headers), request.read()
    return Exchange(request.method, str(request.url), headers, body, answer)


def _is_redirect(response: httpx.Response) -> bool:
    return 300 <= response.status_code < 400


def _causes(error: BaseException | None) -> Generator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
