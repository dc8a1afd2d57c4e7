"""The command `rushes user`: accounts, beside a running server or without one."""

from __future__ import annotations

import asyncio
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from rushes import control
from rushes.app import run_command
from rushes.settings import BadSetting, load_settings

if TYPE_CHECKING:
    import argparse

VERBS = (
    ("add", "begin an account; its password is asked for, or is the first line of the input"),
    ("list", "tell who there is"),
    ("password", "give somebody a new password; their sessions end"),
    ("disable", "close an account: its sessions, tokens and live pages end at once"),
    ("enable", "open a closed account again"),
    ("adopt", "give somebody the jobs from the time when nobody signed in by name"),
)
ASK_PASSWORD = ("add", "password")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `user` and its own commands to the command line."""
    words = "people who may sign in"
    verbs = commands.add_parser("user", help=words, description=words).add_subparsers(
        required=True, metavar="VERB"
    )
    for verb, words in VERBS:
        command = verbs.add_parser(verb, help=words, description=words)
        if verb != "list":
            command.add_argument("name", metavar="NAME")
        if verb == "add":
            command.add_argument("--admin", action="store_true", help="as administrator")
        command.add_argument("--data-dir", type=Path, help="the one folder (RUSHES_DATA_DIR)")
        command.set_defaults(run=_run, verb=verb)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(data_dir=args.data_dir)
    command = f"user {args.verb}"
    values = {"name": args.name} if args.verb != "list" else {}
    if args.verb in ASK_PASSWORD:
        values["password"] = new_password()
    if args.verb == "add" and args.admin:
        values["is_operator"] = "yes"
    try:
        lines = control.ask(settings.data_dir, command, **values)
    except control.NoServer:
        lines = asyncio.run(run_command(settings, command, values))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def new_password() -> str:
    """Return a password that was typed twice at a terminal, or is the first line of the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("New password: ")
    if getpass("The same again: ") != password:
        raise BadSetting("these were two different passwords; nothing was done")
    return password
