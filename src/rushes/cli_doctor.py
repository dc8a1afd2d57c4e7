"""The command `rushes doctor`: takes the way that people take, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from rushes.app import DOCTOR_KEY
from rushes.errors import BackendError, BadBackendResponse
from rushes.net import Credentials, GuardedClient, Patience, Secret, Upload
from rushes.ports import Finding, Severity
from rushes.settings import BadSetting, load_settings, read_text
from rushes.web.operators.diagnosis import (
    BODY,
    BYTES,
    FORGED_ADDRESS,
    FORGED_NAME,
    Expected,
    Observations,
    Ranged,
    Seen,
    diagnose,
)
from rushes.web.operators.doctor import COOKIE, KEY_HEADER, forgeable
from rushes.web.prefix import PublicAddress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from rushes.net import Answer
    from rushes.settings import Settings

CUT = 300
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - to be told, not to listen on
PROBLEM = "application/problem+json"
PATIENCE = Patience(
    connect=timedelta(seconds=5), answer=timedelta(seconds=15), clip_head=timedelta(seconds=15)
)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    words = "take the way through your proxies to the running server and say what is wrong with it"
    doctor = commands.add_parser("doctor", help=words, description=words)
    doctor.add_argument("url", nargs="?", help="the address people type (RUSHES_PUBLIC_URL)")
    doctor.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    settings = load_settings()
    page = args.url or settings.public_url or f"http://127.0.0.1:{settings.port}"
    key_file = settings.data_dir / DOCTOR_KEY
    if not key_file.exists():
        raise BadSetting(f"no server runs with {settings.data_dir}: start it, then ask again")
    key = Secret(read_text("the doctor's key", key_file).strip())
    expected = _expected(settings, page)
    forged = _forged(expected.identity_headers)
    findings = diagnose(expected, asyncio.run(observe(page, _address(page), key, forged)))
    for line in _lines(findings):
        sys.stdout.write(f"{line}\n")
    return 2 if any(finding.severity is Severity.ERROR for finding in findings) else 0


def _expected(settings: Settings, page: str) -> Expected:
    public = _address(settings.public_url)
    headers = (settings.auth_header, settings.auth_groups_header)
    host = "127.0.0.1" if settings.host in EVERYWHERE else settings.host
    return Expected(
        page=page,
        origin=public.origin,
        prefix=public.prefix,
        identity_headers=tuple(name for name in headers if name),
        inside=f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}",
        is_open=settings.auth == "open",
        is_open_on_purpose=settings.allow_public_bind,
    )


def _address(url: str | None) -> PublicAddress:
    try:
        return PublicAddress.parse(url)
    except ValueError as error:
        raise BadSetting(f"{url}: {error}") from error


def _lines(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"{finding.severity.upper():8}{finding.subject}: {finding.message}"
        if finding.remedy:
            yield f"        {finding.remedy}"


async def observe(
    page: str, public: PublicAddress, key: Secret, forged: Mapping[str, str]
) -> Observations:
    """Make every probe of the server at `page`; no proxy should hand it what is forged."""
    client = GuardedClient(
        page,
        credentials=Credentials(headers={KEY_HEADER: key}, secrets=(key,)),
        patience=PATIENCE,
        max_clip_bytes=BODY,
    )
    try:
        return await Probes(client, public).observations(forged)
    finally:
        await client.aclose()


class Probes:
    """The probes, one after the other; each that fails leaves its place empty."""

    def __init__(self, client: GuardedClient, public: PublicAddress) -> None:
        self.client = client
        self.public = public

    async def observations(self, forged: Mapping[str, str]) -> Observations:
        """Return what all of them brought."""
        try:
            answer = await self._get("/doctor/seen", accept="application/json", **forged)
        except BackendError as error:
            return Observations(trouble=(error.detail or error.message)[:CUT])
        in_api = await self._forged_in_api(forged)
        first = _first(answer).model_copy(update={"forged_in_api": in_api})
        return first if first.seen is None else first.model_copy(update=await self._further())

    async def _further(self) -> dict[str, object]:
        events, encoding = await self._events()
        return {
            "location": await self._location(),
            "cookie": await self._cookie(),
            "static": await self._static(),
            "events_ms": events,
            "events_encoding": encoding,
            "ranged": await self._ranged(),
            "body": await self._body(),
        }

    async def _forged_in_api(self, forged: Mapping[str, str]) -> tuple[str, ...] | None:
        """Come as a program with a token: where there is a portal, it lets these past."""
        headers = {**forged, "authorization": "Bearer rushes_doctor"}
        with suppress(BackendError, ValidationError):
            answer = await self._get("/api/v1/doctor/seen", **headers)
            return Seen.model_validate(answer.json()).forged
        return None

    async def _get(self, path: str, **headers: str) -> Answer:
        return await self.client.call("GET", path, headers=headers, redirects=range(300, 400))

    async def _location(self) -> str | None:
        with suppress(BackendError):
            return (await self._get("/doctor/redirect")).headers.get("location")
        return None

    async def _cookie(self) -> bool:
        """Keep a cookie as a browser would, by its path, and send it back."""
        with suppress(BackendError):
            given = (await self._get("/doctor/cookie")).headers.get("set-cookie", "")
            parts = [part.strip().partition("=") for part in given.split(";")]
            told = {name.lower(): value for name, _, value in parts}
            here = f"{self.public.prefix}/doctor/cookie"
            path = told.get("path", "/").rstrip("/")
            if COOKIE not in told or not here.startswith(f"{path}/") or "domain" in told:
                return False
            answer = (await self._get("/doctor/cookie", cookie=f"{COOKIE}=1")).json()
            return answer == {"came_back": True}
        return False

    async def _static(self) -> int | None:
        with suppress(BackendError):
            answer = await self._get("/static/app.css")
            return answer.status if answer.media_type == "text/css" else 0
        return None

    async def _events(self) -> tuple[tuple[int, ...] | None, str]:
        asked = {"accept": "text/event-stream", "accept-encoding": "gzip, identity;q=0.5"}
        times: list[int] = []
        try:
            async with self.client.stream("GET", "/doctor/events", headers=asked) as incoming:
                began = None
                async for chunk in incoming.chunks():
                    began = began or time.monotonic()
                    passed = round((time.monotonic() - began) * 1000)
                    times += [passed] * chunk.count(b"data:")
        except BadBackendResponse as error:
            return None, "gzip" if "compressed" in str(error) else ""
        except BackendError:
            return None, ""
        return tuple(times[:50]), ""

    async def _ranged(self) -> Ranged | None:
        asked = {"range": "bytes=0-1", "accept-encoding": "gzip, identity;q=0.5"}
        try:
            answer = await self.client.call("GET", "/doctor/bytes", headers=asked)
        except BackendError:
            return None
        encoding = answer.headers.get("content-encoding", "")
        length = int(answer.headers.get("content-length", "") or len(answer.body))
        return Ranged(status=answer.status, length=min(length, BYTES), encoding=encoding[:20])

    async def _body(self) -> int | None:
        picture = Upload("doctor.bin", "application/octet-stream", bytes(BODY))
        headers = {"origin": self.public.origin}
        with suppress(BackendError):
            answer = await self.client.call(
                "POST", "/doctor/body", headers=headers, form={"picture": picture}
            )
            told: JsonValue = answer.json() if answer.is_success else {}
            return _count(told)
        return None


def _first(answer: Answer) -> Observations:
    server = answer.headers.get("server", "")[:CUT]
    try:
        told = answer.json()
        if answer.media_type == PROBLEM:
            return Observations(server=server, refused=_kind(told))
        return Observations(server=server, seen=Seen.model_validate(told))
    except (BackendError, ValidationError):
        return Observations(server=server, trouble=answer.detail[:CUT])


def _count(told: JsonValue) -> int:
    counted = told.get("bytes") if isinstance(told, dict) else 0
    return counted if isinstance(counted, int) else 0


def _kind(told: JsonValue) -> str:
    return str(told.get("kind", ""))[:50] if isinstance(told, dict) else ""


def _forged(identity_headers: tuple[str, ...]) -> dict[str, str]:
    made_up = {"x-forwarded-for": FORGED_ADDRESS, "forwarded": f"for={FORGED_ADDRESS}"}
    return made_up | dict.fromkeys(forgeable(*identity_headers), FORGED_NAME)
