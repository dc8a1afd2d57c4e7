"""`rushes profile`: a schema, a start that is a profile, and what recorded answers mean."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rushes.backends.profile_files import read_profile, shipped_profiles
from rushes.backends.profile_tools import new_profile
from rushes.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-backend.md").read_text("utf-8")

ANSWERS = {
    "01-submit-201.json": {"render": {"ref": "r-19", "phase": "waiting"}},
    "02-poll-200.json": {"render": {"ref": "r-19", "phase": "working", "done": 0.4}},
    "03-poll-503.json": {"problem": {"text": "Later."}},
    "04-poll-200.json": {
        "render": {"ref": "r-19", "phase": "ready", "file": "https://files.example/r-19.mp4"}
    },
    "05-submit-400.json": {"problem": {"code": "unsafe", "text": "Not this."}},
    "06-cancel-200.json": {},
}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The profile of docs/adding-a-backend.md, and a folder of answers."""
    found = re.search(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "example.toml").write_text(found[1], "utf-8")
    answers = tmp_path / "answers"
    answers.mkdir()
    for name, answer in ANSWERS.items():
        (answers / name).write_text(json.dumps(answer), "utf-8")
    return tmp_path


def test_the_schema_names_every_table_and_refuses_unknown_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["profile", "schema"]) == 0

    schema = json.loads(capsys.readouterr().out)
    jobs = schema["$defs"]["JobProfile"]
    assert {"profile", "submit", "extract", "poll", "state", "result"} <= set(jobs["required"])
    assert jobs["additionalProperties"] is False


def test_a_new_profile_is_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "new", "my-service"]) == 0

    printed = capsys.readouterr().out
    assert read_profile(printed, "it").profile.name == "my-service"
    assert printed == new_profile("my-service")


@pytest.mark.parametrize("name", ["My Service", "", '"', "../x"])
def test_a_name_that_is_none_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "new", name]) == 2
    assert capsys.readouterr().out == ""


def test_recorded_answers_are_told_in_our_words(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, answers = str(example / "example.toml"), str(example / "answers")

    assert main(["profile", "test", file, "--answers", answers]) == 0

    submit = 'POST /renders {"text": "a kite over dunes", "seconds": 5, "frame": "1280x720"}'
    assert capsys.readouterr().out.splitlines() == [
        f"> {submit}",
        "submit 201: job r-19, queued",
        "> GET /renders/r-19",
        "poll 200: in_progress, 40 %",
        "> GET /renders/r-19",
        "poll 503: backend_unavailable: Later., may be tried again",
        "> GET /renders/r-19",
        "poll 200: completed",
        "clip: https://files.example/r-19.mp4 (without credentials)",
        f"> {submit}",
        "submit 400: rejected_by_moderation: Not this.",
        "cancel 200: stopped_waiting",
    ]


def test_an_answer_whose_name_says_nothing_is_refused(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example / "answers" / "poll.json").write_text("{}", "utf-8")

    file, answers = str(example / "example.toml"), str(example / "answers")
    assert main(["profile", "test", file, "--answers", answers]) == 2

    assert "01-submit-200.json" in capsys.readouterr().err


@pytest.mark.parametrize("profile", shipped_profiles())
def test_each_shipped_profile_can_be_tried_with_an_empty_answer(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1-submit-200.json").write_text("{}", "utf-8")

    code = main(["profile", "test", profile, "--answers", str(tmp_path)])

    told = capsys.readouterr()
    assert code == 0 or "answered with the clip" in told.err
    assert "outcome_unknown" in told.out or "first_frame is needed" in told.out or code == 2
