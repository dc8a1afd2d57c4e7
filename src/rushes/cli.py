"""The command `rushes`: serve, demo, mock, check, password, profile."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import socket
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import uvicorn
from uvicorn.loops.auto import auto_loop_factory

from rushes import __version__, cli_check, cli_doctor, cli_profile, cli_user, logs
from rushes.app import build, site_for
from rushes.errors import RushesError
from rushes.mock.config import MockConfig
from rushes.people import first_password
from rushes.people.passwords import hash_password
from rushes.precautions import require_safe
from rushes.settings import BadSetting, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator
    from contextlib import AbstractAsyncContextManager
    from types import FrameType

    from fastapi import FastAPI


BAD_START = 2
STOP_GRACE_S = 5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOCK_START_S = 20
KEEP_ALIVE_S = 65  # longer than a proxy's pool keeps idle connections (nginx 60 s)
FIRST_INHERITED = 3  # SD_LISTEN_FDS_START
MOCK_PORT = 8010
DEMO_DIALECT = "/sglang/v1"  # of the dialects the one that tells its progress step by step


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 well, 2 cannot start as configured."""
    args = _parser().parse_args(argv)
    os.umask(0o077)
    try:
        return int(args.run(args))
    except RushesError as error:
        _say(f"rushes: {error}", to=sys.stderr)
        return BAD_START
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rushes", description="A front end for text-to-video.")
    parser.add_argument("--version", action="version", version=f"rushes {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, words in (
        ("serve", _serve, "run the site with the backend that the settings name"),
        ("demo", _demo, "run the site; with no backend configured, the rehearsal backend too"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("--host", help="address to listen on (RUSHES_HOST)")
        command.add_argument("--port", type=int, help="port to listen on (RUSHES_PORT)")
        command.add_argument("--data-dir", type=Path, help="the one folder (RUSHES_DATA_DIR)")
        command.set_defaults(run=run)
    words = "run only the rehearsal backend"
    mock = commands.add_parser("mock", help=words, description=words)
    mock.add_argument("--port", type=int, default=MOCK_PORT)
    mock.add_argument("--folder", type=Path, help="remember jobs and clips here")
    mock.add_argument("--key", help="ask callers for this key")
    mock.add_argument("--queue-s", type=float, default=1.0, help="seconds in the queue")
    mock.add_argument("--work-s", type=float, default=6.0, help="seconds of making")
    mock.add_argument("--send-s", type=float, default=2.0, help="seconds of sending a clip")
    mock.set_defaults(run=_mock)
    words = "ask for a new shared password and print its hash, for RUSHES_PASSWORD_FILE"
    password = commands.add_parser("password", help=words, description=words)
    words = "instead forget the password that the first start made: the next start makes another"
    password.add_argument("--reset", action="store_true", help=words)
    password.add_argument("--data-dir", type=Path, help="the one folder (RUSHES_DATA_DIR)")
    password.set_defaults(run=_password)
    cli_check.add_to(commands)
    cli_doctor.add_to(commands)
    cli_profile.add_to(commands)
    cli_user.add_to(commands)
    return parser


# --- commands -----------------------------------------------------------------------------------


def _serve(args: argparse.Namespace) -> int:
    return _run_site(_settings(args), mock=None)


def _demo(args: argparse.Namespace) -> int:
    settings = _settings(args)
    if settings.backend_url is not None or settings.backends_file is not None:
        return _run_site(settings, mock=None)
    mock_socket = _listen("127.0.0.1", 0)
    port = mock_socket.getsockname()[1]
    pointed = settings.model_copy(
        update={
            "backend_url": f"http://127.0.0.1:{port}{DEMO_DIALECT}",
            "backend_name": "Rehearsal",
        }
    )
    return _run_site(pointed, mock=mock_socket)


def _mock(args: argparse.Namespace) -> int:
    _prepare_process("info", "text")
    config = MockConfig(
        folder=args.folder,
        key=args.key,
        queue_s=args.queue_s,
        work_s=args.work_s,
        send_s=args.send_s,
    )
    listening = _listen("127.0.0.1", args.port)
    port = listening.getsockname()[1]
    _say(f"Rehearsal backend at http://127.0.0.1:{port}/v1 (help: http://127.0.0.1:{port}/)")
    _run(_Server(_mock_app(config), websockets="wsproto").serve(sockets=[listening]))
    return 0


def _password(args: argparse.Namespace) -> int:
    if args.reset:
        return _forget_password(load_settings(data_dir=args.data_dir))
    try:
        hashed = hash_password(cli_user.new_password())
    except ValueError as error:
        raise BadSetting(str(error)) from error
    _say(hashed)
    return 0


def _forget_password(settings: Settings) -> int:
    file = settings.data_dir / first_password.FILE
    if not file.exists():
        raise BadSetting(f"there is no {file}: no start has made a password yet")
    file.unlink()
    _say("forgotten: the next start makes a new password and prints it")
    return 0


def _mock_app(config: MockConfig) -> FastAPI:
    """Make the rehearsal backend, imported only here: `serve` works without what it needs."""
    try:
        app: FastAPI = import_module("rushes.mock.app").create_mock(config)
    except ModuleNotFoundError as error:
        raise BadSetting(
            f"the rehearsal backend needs {error.name}: pip install 'rushes[mock]'"
        ) from error
    return app


def _settings(args: argparse.Namespace) -> Settings:
    settings = load_settings(host=args.host, port=args.port, data_dir=args.data_dir)
    require_safe(settings)
    _prepare_process(settings.log_level, settings.log_format)
    _prepare_folder(settings.data_dir)
    return settings


# --- running ------------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """A uvicorn server that says when it is told to stop, so that open streams can end."""

    def __init__(
        self,
        app: FastAPI,
        on_stop: Callable[[], object] = lambda: None,
        *,
        websockets: Literal["none", "wsproto"] = "none",
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ws=websockets,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # RUSHES_TRUSTED_PROXIES decides; this would trust loopback
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_GRACE_S,
            )
        )
        self.on_stop = on_stop

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take INT and TERM as a wish to stop, and do not raise them again at the end."""
        before = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Pass the word on first: uvicorn itself waits for streams that nobody ends."""
        self.on_stop()
        super().handle_exit(sig, frame)


class _ServerBeside(_Server):
    """A second server in the same process: signals belong to the first, which ends this one."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


def _run_site(settings: Settings, *, mock: socket.socket | None) -> int:
    listening = _inherited()
    if listening is None:
        listening = _listen(settings.host, settings.port)
    else:
        settings = settings.model_copy(update={"host": listening.getsockname()[0]})
        require_safe(settings)
    _run(_serve_site(settings, listening, mock))
    return 0


def _run(server: Coroutine[object, object, None]) -> None:
    """Run on uvloop where it is to be had: asyncio.run alone would not."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(server)


async def _serve_site(
    settings: Settings, listening: socket.socket, mock: socket.socket | None
) -> None:
    rushes = build(settings, rehearsal=mock is not None)
    loop = asyncio.get_running_loop()
    server = _Server(site_for(rushes), lambda: loop.call_soon_threadsafe(rushes.stop.set))
    async with _mock_beside(settings, mock), rushes.running():
        hosts = [backend.host for backend in rushes.directory.all()]
        _greet(settings, listening, hosts, rehearsal=mock is not None)
        await server.serve(sockets=[listening])


def _mock_beside(
    settings: Settings, listening: socket.socket | None
) -> AbstractAsyncContextManager[None]:
    return nullcontext() if listening is None else _running_mock(settings, listening)


@asynccontextmanager
async def _running_mock(settings: Settings, listening: socket.socket) -> AsyncIterator[None]:
    mock = _mock_app(MockConfig(folder=settings.data_dir / "rehearsal"))
    server = _ServerBeside(mock, websockets="wsproto")
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(MOCK_START_S):
            while not (server.started or task.done()):  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


def _greet(
    settings: Settings, listening: socket.socket, hosts: list[str], *, rehearsal: bool
) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    backend = ", ".join(hosts)
    _say(f"Rushes {__version__}")
    _say(f"  address  {settings.public_url or f'http://{shown}:{port}/'}")
    _say(f"  backend  {'rehearsal backend on ' if rehearsal else ''}{backend}")
    _say(f"  data     {settings.data_dir.resolve()}")
    if rehearsal:
        _say("  no key needed, nothing leaves this machine")


# --- the process --------------------------------------------------------------------------------


def _prepare_process(log_level: str, log_format: str) -> None:
    logs.set_up(log_level, log_format)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadSetting(
            f"RUSHES_DATA_DIR={folder} cannot be written ({error.strerror}): "
            "make it so, or choose another folder"
        ) from error


def _inherited() -> socket.socket | None:
    """Return the socket that systemd holds for us, if it does: see sd_listen_fds(3)."""
    told = {name: os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS")}
    if told["LISTEN_PID"] != str(os.getpid()):
        return None
    listening = socket.socket(fileno=FIRST_INHERITED)
    if told["LISTEN_FDS"] != "1" or listening.family not in {socket.AF_INET, socket.AF_INET6}:
        raise BadSetting("the socket unit must have one ListenStream, an address and a port")
    listening.set_inheritable(False)
    return listening


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), port), family=family, backlog=2048)
    except OSError as error:
        raise BadSetting(
            f"port {port} on {host} cannot be used ({error.strerror}): "
            "stop whatever holds it, or choose another with RUSHES_PORT or PORT="
        ) from error


def _say(line: str, *, to: TextIO | None = None) -> None:
    stream = to or sys.stdout
    stream.write(f"{line}\n")
    stream.flush()
