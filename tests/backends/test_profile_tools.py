"""`rushes profile`: a schema, a start that is a profile, and what recorded answers mean."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rushes.backends.language.files import load_profile, read_profile, shipped_profiles
from rushes.backends.profile_tools import new_profile
from rushes.cli import main
from rushes.domain import utc_now

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

    assert main(["profile", "test", profile, "--answers", str(tmp_path)]) == 0

    told = capsys.readouterr().out
    hopes = ("outcome_unknown", "ahead of the submit tells no session")
    assert any(hope in told for hope in hopes)


CLIPS: list[tuple[str, str, str | bytes, list[str]]] = [
    (
        "sync-bytes",
        "submit-200.mp4",
        b"\0\0\0\x18ftypmp42",
        ["completed, the clip itself in 12 bytes"],
    ),
    (
        "sync-bytes",
        "submit-429.json",
        '{"error": {"message": "Slow down.", "type": "x"}}',
        ["rate_limited: Slow down., may be tried again"],
    ),
    (
        "sync-json",
        "submit-200.json",
        '{"data": [{"b64_json": "AAAAGGZ0eXBtcDQy"}]}',
        ["completed, the clip itself in 12 bytes"],
    ),
    (
        "sync-json",
        "submit-200.json",
        '{"data": [{"url": "https://files.example/1.mp4"}]}',
        ["completed", "clip: https://files.example/1.mp4 (without credentials)"],
    ),
    ("sync-json", "submit-200.json", "{}", ["outcome_unknown: the answer is no clip"]),
    (
        "cog",
        "submit-200.json",
        '{"status": "failed", "error": "no GPU"}',
        ["generation_failed: no GPU"],
    ),
    ("cog", "cancel-200.json", "{}", ["stopped_waiting"]),
]


@pytest.mark.parametrize(("profile", "name", "body", "told"), CLIPS)
def test_an_answer_that_is_or_holds_the_clip_is_replayed_too(
    profile: str,
    name: str,
    body: str | bytes,
    told: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / f"01-{name}").write_bytes(body if isinstance(body, bytes) else body.encode())

    assert main(["profile", "test", profile, "--answers", str(tmp_path)]) == 0

    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(">")]
    call, _, status = name.partition(".")[0].partition("-")
    assert lines == [f"{call} {status}: {told[0]}", *told[1:]]


@pytest.mark.parametrize(
    ("profile", "names", "told"),
    [
        ("openai-videos", ["poll running", "cancel"], "confirmed"),
        ("openai-videos", ["poll done", "cancel"], "stopped_waiting"),
        ("openai-videos", ["cancel"], "stopped_waiting"),
        ("runway", ["cancel", "poll CANCELLED"], "confirmed"),
        ("runway", ["poll RUNNING", "cancel", "poll CANCELLED"], "confirmed"),
        ("runway", ["poll SUCCEEDED", "cancel"], "stopped_waiting"),
        ("runway", ["cancel"], "stopped_waiting"),
    ],
)
def test_a_cancel_is_replayed_with_the_looks_around_it(
    profile: str,
    names: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for place, name in enumerate(names):
        call, _, state = name.partition(" ")
        body = {"id": "1", "status": state} if state else {"deleted": True}
        (tmp_path / f"{place}-{call}-200.json").write_text(json.dumps(body), "utf-8")

    assert main(["profile", "test", profile, "--answers", str(tmp_path)]) == 0

    assert f"cancel 200: {told}" in capsys.readouterr().out.splitlines()


# --- what is yours --------------------------------------------------------------------------------


def test_a_profile_of_ones_own_folder_is_tried_by_its_name(
    example: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSHES_PROFILES_DIR", str(example))

    assert main(["profile", "test", "example", "--answers", str(example / "answers")]) == 0

    assert "submit 201: job r-19, queued" in capsys.readouterr().out


def test_a_new_profile_has_todays_date() -> None:
    before = utc_now().date()
    made = read_profile(new_profile("my-service"), "it").profile.date

    assert before <= made <= utc_now().date()


@pytest.mark.parametrize("name", ["gemini-omni", "comfyui", "profile"])
def test_a_new_profile_takes_no_name_that_is_taken(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "new", name]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert f"{name!r} is taken" in told.err


@pytest.mark.parametrize("shipped", shipped_profiles())
def test_a_shipped_profile_is_copied_under_another_name(
    shipped: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "new", "glacier", "--from", shipped]) == 0

    copied = read_profile(capsys.readouterr().out, "it")
    original = load_profile(shipped)
    assert copied.profile.name == "glacier"
    assert copied.profile.model_copy(update={"name": shipped}) == original.profile
    assert copied.submit == original.submit


def test_what_cannot_be_copied_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "new", "glacier", "--from", "xaj"]) == 2

    assert "no profile is called 'xaj'; did you mean 'xai'?" in capsys.readouterr().err
