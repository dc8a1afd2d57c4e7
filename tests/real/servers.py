"""Starts the real servers with the apps of `apps/`, and ends each by the group it was given."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from rushes.mock.rendering import render
from rushes.mock.spec import ClipSpec
from tests.e2e.servers import wait_for
from tests.real.environments import required

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

APPS = Path(__file__).with_name("apps")
BASE = ClipSpec(prompt="", width=64, height=64, fps=8, frames=8, sound=False)
START_S = 60.0
AT_HOME = {
    "BENTOML_DO_NOT_TRACK": "True",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
}
"""Without these the servers would tell their makers that they were started."""


@dataclass(frozen=True)
class Start:
    """How a server is started in its environment, and where it says that it is ready."""

    environment: str
    command: tuple[str, ...]
    ready: str
    word: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def _gradio(version: str) -> Start:
    return Start(version, ("python", str(APPS / "gradio_app.py")), ready="/config")


def _bentoml(service: str) -> Start:
    command = ("bentoml", "serve", f"bento_service:{service}", "--working-dir", str(APPS))
    return Start("bentoml", command, ready="/readyz")


STARTS = {
    "gradio4": _gradio("gradio4"),
    "gradio5": _gradio("gradio5"),
    "gradio6": _gradio("gradio6"),
    "bentoml": _bentoml("Clips"),
    "bentoml-task": _bentoml("Tasks"),
    "cog": Start(
        "cog",
        ("python", "-m", "cog.server.http", "--host", "127.0.0.1"),
        ready="/health-check",
        word='"READY"',
        settings={"COG_PREDICT_TYPE_STUB": f"{APPS / 'cog_model.py'}:Runner"},
    ),
}


@dataclass(frozen=True)
class RealServer:
    """One running server, and the folder where its app keeps clips and notes."""

    name: str
    url: str
    folder: Path

    def notes(self, prompt: str) -> list[dict[str, Any]]:
        """Return what the app wrote down of each clip that it made for a prompt."""
        told = [json.loads(path.read_text("utf-8")) for path in self.folder.glob("*.json")]
        return [note for note in told if note["prompt"] == prompt]

    @contextmanager
    def holding(self) -> Generator[None]:
        """Keep every prompt with `#held` at work until the end of the block."""
        go = self.folder / "go"
        go.unlink(missing_ok=True)
        try:
            yield
        finally:
            go.touch()


@contextmanager
def running(name: str, folder: Path, *, key: str = "") -> Generator[RealServer]:
    """Run a server of an installed environment; it and all its children have ended afterwards."""
    start, port = STARTS[name], _free_port()
    home = required(start.environment)
    render(BASE, folder / "base.mp4")
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [home / "bin" / start.command[0], *start.command[1:]],
            cwd=folder,
            env=_settings(home, folder, port) | {"REAL_KEY": key} | dict(start.settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = RealServer(name, f"http://127.0.0.1:{port}", folder)
    try:
        wait_for(lambda: _is_ready(process, server, start), at_most=START_S)
        yield server
    finally:
        _end(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port: int = holder.getsockname()[1]
        return port


def _settings(home: Path, folder: Path, port: int) -> dict[str, str]:
    return AT_HOME | {
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(APPS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "REAL_FOLDER": str(folder),
        "BENTOML_HOST": "127.0.0.1",
        "BENTOML_PORT": str(port),
        "PORT": str(port),
    }


def _is_ready(process: subprocess.Popen[bytes], server: RealServer, start: Start) -> bool:
    if process.poll() is not None:
        raise AssertionError((server.folder / "server.log").read_text("utf-8", "replace"))
    try:
        answer = httpx.get(server.url + start.ready, timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code in {200, 401} and start.word in answer.text


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group that `start_new_session` made: the process first, then whatever it left."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(15)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
