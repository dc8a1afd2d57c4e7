"""`rushes profile record`: a real exchange kept without secrets, and replayed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.backends.recording import Recorder
from rushes.cli import main
from rushes.net import Answer, Exchange, Redactor, Secret
from tests.backends.test_profile_language import HEAD, TABLES
from tests.contract.test_an_unheard_of_service import KEY, PROFILE, Lantern
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob


class Telltale(Lantern):
    """A server that repeats the key it was shown."""

    def answer(self, job: MockJob) -> Json:
        return super().answer(job) | {"shown": f"key {self.config.key}", KEY: None}


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    config = replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("lantern"))
    with serving(config, {"/lantern": Telltale}) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path, mock: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the profile of the configured backend."""
    (tmp_path / "lantern.toml").write_text(PROFILE, "utf-8")
    address = f"{str(mock.base_url).rstrip('/')}/lantern"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUSHES_BACKEND_URL", address)
    monkeypatch.setenv("RUSHES_BACKEND_KEY", KEY)
    monkeypatch.setenv("RUSHES_BACKEND_PROFILE", "lantern")
    monkeypatch.setenv("RUSHES_PROFILES_DIR", str(tmp_path))
    return tmp_path


def recorded(folder: Path, prompt: str, *more: str) -> int:
    out = str(folder / "answers")
    return main(["profile", "record", "--out", out, "--prompt", prompt, *more])


def replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    file, answers = str(folder / "lantern.toml"), str(folder / "answers")
    assert main(["profile", "test", file, "--answers", answers]) == 0
    return capsys.readouterr().out.splitlines()


def test_nothing_is_sent_without_a_yes(
    folder: Path, mock: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recorded(folder, "never made") == 2

    told = capsys.readouterr()
    assert "may cost money" in told.out
    assert "--yes" in told.err
    assert "never made" not in mock.get("/_mock/stats").json()["by_prompt"]
    assert not (folder / "answers").exists()


def test_a_recording_is_replayed_to_the_same_end_and_holds_no_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recorded(folder, "a kite over dunes", "--yes") == 0

    files = {path.name: path.read_text("utf-8") for path in (folder / "answers").iterdir()}
    assert not [name for name, text in files.items() if KEY in text]
    assert "01-submit-202.json" in files
    assert json.loads(files["02-poll-200.json"])["answers"][0]["shown"] == "key ***"
    assert '"story": "a kite over dunes"' in files["01-submit-exchange.txt"]
    assert not [name for name, text in files.items() if "ftyp" in text]
    lines = replayed(folder, capsys)
    assert lines[1].startswith("submit 202: job ")
    assert lines[-2] == "poll 200: completed"
    assert lines[-1].startswith("clip: ")
    assert lines[-1].endswith("(with credentials)")


def test_a_failure_is_recorded_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recorded(folder, "#reject of a kite", "--yes") == 0

    assert "failed, rejected_by_moderation" in replayed(folder, capsys)[-1]


def test_a_refused_submit_is_recorded_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recorded(folder, "#refuse of a kite", "--yes") == 2

    assert "This prompt is not taken" in capsys.readouterr().err
    assert "rejected_by_moderation" in replayed(folder, capsys)[-1]


def test_an_older_recording_is_not_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "answers").mkdir()
    (folder / "answers" / "01-submit-200.json").write_text("{}", "utf-8")

    assert recorded(folder, "a kite", "--yes") == 2

    assert "not empty" in capsys.readouterr().err
    assert (folder / "answers" / "01-submit-200.json").read_text("utf-8") == "{}"


def test_where_a_header_points_is_recorded_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(tmp_path / "answers", Redactor([Secret("sk-0123456789")]))
    (tmp_path / "answers").mkdir()
    recorder.expect("submit")
    where = "/films/f1?key=sk%2D0123456789"

    recorder.hear(
        Exchange("POST", "http://h/films", {}, b"", Answer(202, {"location": where}, b"", ""))
    )

    noted = (tmp_path / "answers" / "01-submit-202.headers").read_text("utf-8")
    assert noted == "location: /films/f1?key=***\n"
    extract = "[extract.headers.id]\nname = 'Location'\npattern = '/films/([^?]+)'"
    tables = TABLES | {"extract": ""}
    parts = [extract if name == "extract" else f"[{name}]\n{text}" for name, text in tables.items()]
    (tmp_path / "made-up.toml").write_text("\n".join([HEAD, *parts]), "utf-8")
    file, answers = str(tmp_path / "made-up.toml"), str(tmp_path / "answers")
    assert main(["profile", "test", file, "--answers", answers]) == 0
    assert "submit 202: job f1, in_progress" in capsys.readouterr().out


def test_a_secret_in_escapes_in_an_address_or_in_a_header_is_masked(tmp_path: Path) -> None:
    secret = "sk/ké-0123456789"
    recorder = Recorder(tmp_path, Redactor([Secret(secret)]))
    recorder.expect("poll")
    body = json.dumps({"a": secret, secret: [secret]}).replace("/", "\\/").encode()
    answer = Answer(200, {"content-type": "application/json", "set-cookie": secret}, body, "")

    recorder.hear(Exchange("GET", "http://h/p?k=sk%2Fk%C3%A9-0123456789", {}, b"", answer))

    written = "".join(path.read_text("utf-8") for path in tmp_path.iterdir())
    assert "0123456789" not in written
    assert json.loads((tmp_path / "01-poll-200.json").read_text("utf-8")) == {
        "a": "***",
        "***": ["***"],
    }
