from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.mock.words import Word
from tests.mock.driving import (
    QUICK,
    boxes,
    content,
    created,
    poll,
    probe,
    serving,
    submit,
    wait,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bytes_are_those_the_mock_told_of_each_time(mock: httpx.Client) -> None:
    job_id = created(mock, "A quiet harbour", seconds="2", size="160x90")
    told = mock.get(f"/_mock/clips/{job_id}").json()
    wait(mock, job_id, "completed")

    first, second = content(mock, job_id), content(mock, job_id)

    assert first.content == second.content
    assert told == {"sha256": hashlib.sha256(first.content).hexdigest(), "size": len(first.content)}
    assert first.headers["content-type"] == "video/mp4"
    assert boxes(first.content)[-1][0] == "mdat"
    seen = probe(first.content)
    assert (seen.width, seen.height, seen.fps, seen.duration_s) == (160, 90, 24, 2.0)
    assert mock.get("/_mock/stats").json()["downloads"] == {job_id: 2}


def test_a_range_can_be_had_and_the_etag_stays(mock: httpx.Client) -> None:
    job_id = created(mock, "ranges")
    wait(mock, job_id, "completed")
    whole = content(mock, job_id)

    part = content(mock, job_id, range="bytes=100-199", if_range=whole.headers["etag"])
    tail = content(mock, job_id, range="bytes=-8")
    beyond = content(mock, job_id, range=f"bytes={len(whole.content)}-")

    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert part.headers["etag"] == whole.headers["etag"]
    assert tail.content == whole.content[-8:]
    assert beyond.status_code == 416


def test_bytes_trickle_at_the_set_rate(tmp_path: Path) -> None:
    with serving(replace(QUICK, work_s=0.1, send_s=0.6, folder=tmp_path)) as mock:
        job_id = created(mock, "drop by drop")
        wait(mock, job_id, "completed")
        arrivals: list[float] = []
        with mock.stream("GET", f"/v1/videos/{job_id}/content") as answer:
            arrivals.extend(time.monotonic() for _ in answer.iter_raw())

    assert len(arrivals) >= 5
    assert arrivals[-1] - arrivals[0] >= 0.3


def test_a_job_waits_then_works_then_is_done(tmp_path: Path) -> None:
    with serving(replace(QUICK, queue_s=0.3, work_s=0.5, folder=tmp_path)) as mock:
        job_id = created(mock, "in order", base="/sglang/v1")
        seen: list[tuple[str, int]] = []
        for _ in range(400):
            job = poll(mock, job_id, base="/sglang/v1").json()
            seen.append((job["status"], job["progress"]))
            if job["status"] == "completed":
                break
            time.sleep(0.02)

    assert list(dict.fromkeys(status for status, _ in seen)) == [
        "queued",
        "in_progress",
        "completed",
    ]
    progress = [share for _, share in seen]
    assert progress == sorted(progress)
    assert len(set(progress)) > 4
    assert progress[-1] == 100


def test_submissions_are_counted_by_prompt_and_key(mock: httpx.Client) -> None:
    for key in ("one", "one", "two"):
        mock.post("/v1/videos", data={"prompt": "twice"}, headers={"Idempotency-Key": key})
    submit(mock, "#refuse me")
    mock.delete(f"/v1/videos/{created(mock, 'gone')}")

    stats = mock.get("/_mock/stats").json()

    assert stats["submissions"] == 4
    assert stats["by_prompt"] == {"twice": 3, "gone": 1}
    assert stats["by_key"] == {"one": 2, "two": 1}


def test_variations_without_a_seed_differ_and_come_again_after_a_reset(mock: httpx.Client) -> None:
    def clips() -> list[str]:
        fields = {"prompt": "four of it", "seconds": "1", "size": "64x64"}
        ids = [mock.post("/v1/videos", data=fields).json()["id"] for _ in range(2)]
        return [mock.get(f"/_mock/clips/{job_id}").json()["sha256"] for job_id in ids]

    first = clips()
    rendered = mock.get("/_mock/stats").json()["rendered"]
    mock.post("/_mock/reset")

    assert first[0] != first[1]
    assert clips() == first
    assert mock.get("/_mock/stats").json()["rendered"] == rendered


def test_a_restarted_mock_knows_its_jobs_and_ends_them(tmp_path: Path) -> None:
    config = replace(QUICK, folder=tmp_path)
    with serving(config) as mock:
        job_id = created(mock, "before", seconds="2")
        unseen = created(mock, "#lost-in-thought")
    with serving(config) as mock:
        wait(mock, job_id, "completed")
        wait(mock, unseen, "completed")
        clip = content(mock, job_id).content
        stats = mock.get("/_mock/stats").json()
    with serving(config) as mock:
        assert content(mock, job_id).content == clip
        assert mock.get("/_mock/stats").json()["rendered"] == 0

    assert stats["submissions"] == 2


def test_the_page_names_every_word_and_has_no_script(mock: httpx.Client) -> None:
    page = mock.get("/")

    assert page.headers["content-type"].startswith("text/html")
    assert all(word in page.text for word in Word)
    assert "/litellm/v1" in page.text
    assert "<script" not in page.text


def test_an_unknown_clip_is_not_found(mock: httpx.Client) -> None:
    failing = created(mock, "#fail")

    assert mock.get("/_mock/clips/nobody").status_code == 404
    assert mock.get(f"/_mock/clips/{failing}").status_code == 404


# --- magic words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["#fail", "#error"])
def test_failing_words_end_in_failure_with_a_reason(mock: httpx.Client, word: str) -> None:
    job_id = created(mock, f"a storm {word}", base="/sglang/v1")

    job = wait(mock, job_id, "failed", base="/sglang/v1")

    assert word in job["error"]["message"]
    assert job["progress"] < 100


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("/v1", "License Agreement. (rehearsed by #refuse)"),
        ("/sglang/v1", "License Agreement. (rehearsed by #refuse)"),
        ("/litellm/v1", "content_policy_violation"),
        ("/openai/v1", "moderation_blocked"),
    ],
)
def test_refuse_is_a_content_rule_in_the_words_of_each_server(
    mock: httpx.Client, base: str, words: str
) -> None:
    answer = submit(mock, "#refuse", base=base)

    assert answer.status_code == 400
    assert words in answer.text
    assert mock.get("/_mock/stats").json()["submissions"] == 0


def test_a_servers_words_about_a_withheld_clip_are_marked_as_play(mock: httpx.Client) -> None:
    job_id = created(mock, "a storm #reject", base="/sglang/v1")

    job = wait(mock, job_id, "failed", base="/sglang/v1")

    assert job["error"]["message"].startswith("Cosmos Guardrail")
    assert job["error"]["message"].endswith("(rehearsed by #reject)")


def test_busy_is_turned_away_twice_and_then_taken(mock: httpx.Client) -> None:
    answers = [submit(mock, "#busy bees") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert [answer.headers.get("retry-after") for answer in answers] == ["1", "1", None]
    stats = mock.get("/_mock/stats").json()
    assert stats["by_prompt"] == {"#busy bees": 1}
    assert stats["turned_away"] == {"#busy bees": 2}


def test_a_lost_answer_was_executed(mock: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        submit(mock, "#lost-answer")

    assert mock.get("/_mock/stats").json()["by_prompt"] == {"#lost-answer": 1}
    assert len(mock.get("/v1/videos").json()["data"]) == 1


def test_stall_never_ends(mock: httpx.Client) -> None:
    job_id = created(mock, "#stall", base="/sglang/v1")

    time.sleep(0.6)

    job = poll(mock, job_id, base="/sglang/v1").json()
    assert (job["status"], job["progress"]) == ("in_progress", 42)


def test_slow_takes_five_times_as_long(mock: httpx.Client) -> None:
    quick, slow = created(mock, "tide"), created(mock, "tide #slow")

    wait(mock, quick, "completed")

    assert poll(mock, slow).json()["status"] in {"queued", "in_progress"}
    wait(mock, slow, "completed")


def test_big_is_big_and_plays(tmp_path: Path) -> None:
    with serving(replace(QUICK, big_bytes=2_000_000, folder=tmp_path)) as mock:
        job_id = created(mock, "#big")
        wait(mock, job_id, "completed")
        clip = content(mock, job_id).content

    assert len(clip) == pytest.approx(2_000_000, rel=0.1)
    assert probe(clip).frames == 24
