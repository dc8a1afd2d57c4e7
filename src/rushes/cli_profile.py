"""The commands `rushes profile`: tools for whoever writes a profile."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rushes.app import configured_backends
from rushes.backends import overview, profile_tools
from rushes.backends.recording import record
from rushes.settings import BadSetting, load_settings

if TYPE_CHECKING:
    import argparse

    from rushes.jobs.directory import ConfiguredBackend

    Tools = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: Tools) -> None:
    """Add `profile` and its tools to the commands of `rushes`."""
    words = "tools for writing a profile"
    profile = commands.add_parser("profile", help=words, description=words)
    tools = profile.add_subparsers(required=True, metavar="TOOL")
    words = "print the JSON Schema of profiles"
    tools.add_parser("schema", help=words, description=words).set_defaults(run=_schema)
    words = "print what is shipped, as docs/backends.md"
    tools.add_parser("list", help=words, description=words).set_defaults(run=_list)
    words = "print a commented start"
    new = tools.add_parser("new", help=words, description=words)
    new.add_argument("name")
    words = "instead a copy of this shipped profile (or .toml file), under the new name"
    new.add_argument("--from", dest="like", metavar="PROFILE", help=words)
    new.set_defaults(run=_new)
    words = "replay recorded answers and print what is understood; nothing leaves this machine"
    test = tools.add_parser("test", help=words, description=words)
    test.add_argument("file", help="a .toml file, or a profile's name")
    test.add_argument("--answers", type=Path, required=True, help="a folder of 01-submit-200.json")
    test.set_defaults(run=_test)
    _add_record(tools)


def _add_record(tools: Tools) -> None:
    words = "make one real clip with a configured backend and keep its answers, for `test`"
    command = tools.add_parser("record", help=words, description=words)
    command.add_argument("--out", type=Path, required=True, help="an empty folder for the answers")
    command.add_argument("--prompt", required=True)
    command.add_argument("--backend", help="its name in backends.toml, unless it is the first")
    command.add_argument("--yes", action="store_true", help="do it, although it may cost money")
    command.set_defaults(run=_record)


def _schema(_: argparse.Namespace) -> int:
    _say(json.dumps(profile_tools.profile_schema(), indent=2))
    return 0


def _list(_: argparse.Namespace) -> int:
    _say(overview.backends_page().rstrip())
    return 0


def _new(args: argparse.Namespace) -> int:
    _say(profile_tools.new_profile(args.name, args.like).rstrip())
    return 0


def _test(args: argparse.Namespace) -> int:
    answers = profile_tools.read_answers(args.answers)
    folder = load_settings().profiles_dir
    for line in asyncio.run(profile_tools.replay(args.file, answers, folder)):
        _say(line)
    return 0


def _record(args: argparse.Namespace) -> int:
    backend = _chosen(configured_backends(load_settings()), args.backend)
    _say(f"This makes one real clip at {backend.host}, which may cost money.")
    if not args.yes:
        raise BadSetting("nothing was sent: say --yes to go on")
    asyncio.run(_recorded(backend, args.prompt, args.out))
    _say(f"Kept in {args.out}, with secrets masked. Read it before you show it to others:")
    _say("what the backend told of your account or signed into an address is still there.")
    return 0


def _chosen(backends: list[ConfiguredBackend], wanted: str | None) -> ConfiguredBackend:
    for backend in backends:
        if wanted in {None, backend.id}:
            return backend
    known = ", ".join(backend.id for backend in backends)
    raise BadSetting(f"no backend is called {wanted!r}; there are {known}")


async def _recorded(configured: ConfiguredBackend, prompt: str, folder: Path) -> None:
    backend, within = configured.backend, configured.deadline
    try:
        await record(backend, prompt, folder, within=within, say=_say)
    finally:
        await backend.aclose()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
