"""The command `rushes check`: how the backends are, and if wished one real clip of one of them."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from gettext import NullTranslations
from typing import TYPE_CHECKING

from rushes.app import configured_backends
from rushes.backends.overview import known_of
from rushes.backends.samples import picture_for_trial_of
from rushes.errors import BackendError
from rushes.jobs.trying import smallest, try_out
from rushes.ports import Severity
from rushes.settings import BadSetting, load_settings
from rushes.web.wording.made import compared

if TYPE_CHECKING:
    import argparse

    from rushes.domain import Clip, VideoRequest
    from rushes.jobs.directory import ConfiguredBackend

UNWELL = 2
PROMPT = "a red kite over dunes"
INDENT = 10


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `check` to the commands of `rushes`."""
    words = "ask the configured backends how they are; exit code 2 when one is not well"
    check = commands.add_parser("check", help=words, description=words)
    check.add_argument("ids", nargs="*", metavar="ID", help="names in backends.toml; without: all")
    check.add_argument("--generate", action="store_true", help="make one real, small clip there")
    check.add_argument("--prompt", default=PROMPT, help=f"what it shows ({PROMPT!r})")
    check.add_argument("--yes", action="store_true", help="do so unasked, although it may cost")
    check.set_defaults(run=_check)


def _check(args: argparse.Namespace) -> int:
    chosen = _chosen(configured_backends(load_settings()), args.ids)
    if args.generate and len(chosen) > 1:
        ids = ", ".join(backend.id for backend in chosen)
        raise BadSetting(f"one clip is made at one backend: name it; there are {ids}")
    # Whatever ends us, in the background too, ends first the job that is being made and paid for.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        return 0 if asyncio.run(_all_are_well(chosen, args)) else UNWELL
    except KeyboardInterrupt:
        return UNWELL


def _chosen(backends: list[ConfiguredBackend], ids: list[str]) -> list[ConfiguredBackend]:
    known = {backend.id: backend for backend in backends}
    for wanted in ids:
        if wanted not in known:
            raise BadSetting(f"no backend is called {wanted!r}; there are {', '.join(known)}")
    return [known[id_] for id_ in dict.fromkeys(ids)] or backends


async def _all_are_well(backends: list[ConfiguredBackend], args: argparse.Namespace) -> bool:
    are_well = True
    for backend in backends:
        try:
            is_well = await _is_well(backend)
            if is_well and args.generate:
                is_well = await _generates(backend, args.prompt, is_sure=args.yes)
        finally:
            await backend.backend.aclose()
        are_well &= is_well
    return are_well


async def _is_well(configured: ConfiguredBackend) -> bool:
    _say(_heading(configured))
    for heading, text in known_of(configured.backend):
        _tell(heading, text)
    findings = await configured.backend.check()
    for finding in findings:
        _tell(finding.severity.upper(), f"{finding.subject}: {finding.message}")
        if finding.remedy:
            _tell("", finding.remedy)
    return all(finding.severity is not Severity.ERROR for finding in findings)


def _heading(configured: ConfiguredBackend) -> str:
    id_, *others = dict.fromkeys((configured.id, configured.name, configured.host))
    return f"{id_} ({', '.join(others)})" if others else id_


# --- one real clip ------------------------------------------------------------------------------


async def _generates(configured: ConfiguredBackend, prompt: str, *, is_sure: bool) -> bool:
    try:
        await configured.describe()
        takes = configured.takes(None)
        picture = picture_for_trial_of(configured.backend)
        request = configured.completed(smallest(prompt, takes, picture)) if takes else None
        if request is None:
            raise BadSetting("the backend does not say what it takes")
        _tell("price", _price(configured, request))
        if not is_sure:
            _require_consent()
        with tempfile.TemporaryFile() as file:
            clip = await try_out(
                configured.backend, request, file, within=configured.deadline, say=_report
            )
    except BackendError as error:
        told = " · ".join(part for part in (str(error), error.detail) if part)
        _tell("ERROR", f"{error.kind}: {told}")
        return False
    _tell_clip(request, clip)
    return True


def _price(configured: ConfiguredBackend, request: VideoRequest) -> str:
    price = configured.price(request.model)
    amount = price.at(request.resolution, request.duration_s) if price else None
    if price is None or amount is None:
        return "not known; one real clip may cost money"
    return f"about {amount:.2f} {price.currency} for one clip, as of {price.as_of}"


def _require_consent() -> None:
    if not sys.stdin.isatty():
        raise BadSetting("nothing was sent: say --yes to go on")
    if input("Make it? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise BadSetting("nothing was sent")


def _tell_clip(request: VideoRequest, clip: Clip) -> None:
    _tell("clip", f"{clip.size} bytes, {clip.media_type}, SHA-256 {clip.sha256}")
    for line in compared(request, clip, NullTranslations()):
        asked = f", asked for {line.asked}" if line.asked else ""
        _tell(line.label.lower(), f"{line.got}{asked}{': it differs' if line.differs else ''}")
    _tell("OK", "a clip was made, fetched and read; it is kept nowhere")


def _report(line: str) -> None:
    _tell("", line)


def _tell(heading: str, text: str) -> None:
    _say(f"{heading:{INDENT}}{text}" if len(heading) < INDENT else f"{heading}  {text}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
