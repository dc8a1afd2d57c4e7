"""`rushes check`: what is known of each backend, how it is, and one real clip after its price."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.cli import main
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import httpx

KEY = "check-canary-0123456789"
TABLES = """
[bytes]
name = "The bytes"
url = "MOCK/v1"
profile = "sync-bytes"
key = { env = "CHECK_KEY" }
price = { currency = "EUR", as_of = 2026-11-01, per_second = 0.05 }

[steps]
name = "The steps"
url = "MOCK/sglang/v1"
key = { env = "CHECK_KEY" }

[list]
name = "The list"
url = "MOCK/sora"
profile = "sora-video-gen"
headers = { Authorization = { env = "CHECK_BEARER" } }
price = { currency = "EUR", as_of = 2026-11-01, per_second = 0.05 }

[app]
name = "The app"
url = "MOCK/gradio"
profile = "gradio"
key = { env = "CHECK_KEY" }

[gone]
url = "http://127.0.0.1:9"
"""


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    config = replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("rehearsal"))
    with serving(config) as client:
        yield client


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, mock: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with several backends."""
    address = str(mock.base_url).rstrip("/")
    (tmp_path / "backends.toml").write_text(TABLES.replace("MOCK", address), "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUSHES_BACKENDS_FILE", "backends.toml")
    monkeypatch.setenv("CHECK_KEY", KEY)
    monkeypatch.setenv("CHECK_BEARER", f"Bearer {KEY}")
    return tmp_path


def prompts(mock: httpx.Client) -> list[str]:
    return [job["prompt"] for job in mock.get("/_mock/jobs").json()]


def test_each_backend_is_told_with_what_is_known_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "steps", "app"]) == 0

    told = capsys.readouterr().out
    steps, app = told.split("app (", 1)
    for word in ("steps (", "service", "SGLang", "API", "evidence", "documented", "limits", "OK"):
        assert word in steps
    for word in ("Gradio", "evidence  run", "a clip is told of once"):
        assert word in app
    assert "gone" not in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("id_", "heading"),
    [("bytes", "bytes (The bytes, HOST)"), ("gone", "gone (127.0.0.1:9)"), ("", "HOST")],
)
def test_the_heading_says_nothing_twice(
    capsys: pytest.CaptureFixture[str],
    mock: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    id_: str,
    heading: str,
) -> None:
    if not id_:
        monkeypatch.delenv("RUSHES_BACKENDS_FILE")
        monkeypatch.setenv("RUSHES_BACKEND_URL", f"{str(mock.base_url).rstrip('/')}/v1")
    main(["check", *([id_] if id_ else [])])

    first = capsys.readouterr().out.splitlines()[0]
    assert first == heading.replace("HOST", mock.base_url.netloc.decode())


def test_one_that_is_not_well_makes_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2

    told = capsys.readouterr().out
    assert told.count("\nOK ") == 4
    assert "cannot be reached" in told


def test_a_stranger_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nobody"]) == 2

    assert "no backend is called 'nobody'; there are bytes, steps" in capsys.readouterr().err


CLIPS = [
    "bytes",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("steps", "list", "app")),
]


@pytest.mark.parametrize("name", CLIPS)
def test_one_real_clip_is_made_read_and_kept_nowhere(
    capsys: pytest.CaptureFixture[str], mock: httpx.Client, folder: Path, name: str
) -> None:
    before = set(folder.iterdir())
    prompt = f"a check of {name}"

    assert main(["check", name, "--generate", "--prompt", prompt, "--yes"]) == 0

    told = capsys.readouterr().out
    for line in (r"price +\S", r"clip +\d+ bytes, video/mp4, SHA-256 [0-9a-f]{64}"):
        assert re.search(line, told)
    for line in (r"size +\d+ × \d+", r"length +[\d.]+\ss, asked for", r"sound +with"):  # noqa: RUF001
        assert re.search(line, told), told
    assert prompts(mock).count(prompt) == 1
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("bytes", r"price +about \d+\.\d\d EUR for one clip, as of 2026-11-01"),
        ("steps", "price +not known"),
    ],
)
def test_the_price_is_told_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], mock: httpx.Client, name: str, price: str
) -> None:
    before = prompts(mock)

    assert main(["check", name, "--generate"]) == 2

    told = capsys.readouterr()
    assert re.search(price, told.out)
    assert "nothing was sent: say --yes" in told.err
    assert prompts(mock) == before


@pytest.mark.parametrize(("typed", "is_made"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_on_a_terminal_it_asks(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mock: httpx.Client,
    typed: str,
    is_made: bool,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    before = len(prompts(mock))

    code = main(["check", "bytes", "--generate"])

    assert code == (0 if is_made else 2)
    assert len(prompts(mock)) == before + is_made
    assert "Make it? [y/N]" in capsys.readouterr().out


def test_one_clip_is_made_at_one_backend(
    capsys: pytest.CaptureFixture[str], mock: httpx.Client
) -> None:
    before = prompts(mock)

    assert main(["check", "--generate", "--yes"]) == 2

    assert "name it; there are bytes, steps, list" in capsys.readouterr().err
    assert prompts(mock) == before


@pytest.mark.parametrize(
    ("word", "said"),
    [("#refuse", "rejected_by_moderation"), ("#lost-answer", "broke"), ("#fail", "500")],
)
def test_what_goes_wrong_is_told(capsys: pytest.CaptureFixture[str], word: str, said: str) -> None:
    assert main(["check", "bytes", "--generate", "--yes", "--prompt", word]) == 2

    told = capsys.readouterr().out
    assert re.search(f"ERROR .*{said}", told), told
    assert KEY not in told


@contextmanager
def running(*arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "rushes", "check", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("list", "we stopped waiting; it may still be made and billed"),
        ("app", "we stopped waiting"),
    ],
)
def test_a_check_that_is_ended_cancels_and_tells_the_truth(
    name: str, truth: str, number: signal.Signals
) -> None:
    with running(name, "--generate", "--yes", "--prompt", "#stall") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "it is being made" in line:
                break
        process.send_signal(number)
        told, _ = process.communicate(timeout=20)

    assert f"cancelled: {truth}" in told
    assert process.returncode == 2
