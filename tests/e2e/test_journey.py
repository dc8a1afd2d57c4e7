"""A prompt becomes a clip, through real sockets, with nothing but HTTP."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import av
import pytest

from tests.e2e.servers import sha256_sent

if TYPE_CHECKING:
    from tests.e2e.servers import Program, Programs

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2", "seed": "7"}


def test_a_plain_form_becomes_the_clip_that_was_asked_for(site: Program, mock: Program) -> None:
    job_id = site.submit("a red crane lands on a misty lake", **ASKED)

    job = site.wait_job(job_id, "completed", "failed", "unknown")

    assert job["status"] == "completed", job
    clip = site.get(f"/jobs/{job_id}/clip")
    with av.open(io.BytesIO(clip.content)) as probed:
        video = probed.streams.video[0]
        assert video.codec_context.name == "h264"
        assert (video.codec_context.width, video.codec_context.height) == (640, 360)
        assert video.average_rate is not None
        assert video.duration is not None
        assert video.time_base is not None
        seconds = float(video.duration * video.time_base)
        assert seconds == pytest.approx(2.0, abs=1 / float(video.average_rate))
    assert (job["clip"]["width"], job["clip"]["height"]) == (640, 360)
    assert job["clip"]["duration_s"] == pytest.approx(2.0, abs=0.05)
    assert job["request"]["seed"] == 7


def test_the_bytes_are_those_that_the_backend_sent(site: Program, mock: Program) -> None:
    job_id = site.submit("untouched bytes", **ASKED)
    job = site.wait_job(job_id, "completed")

    clip = site.get(f"/jobs/{job_id}/clip").content
    digest = hashlib.sha256(clip).hexdigest()
    assert job["clip"]["sha256"] == digest
    assert digest == sha256_sent(mock, "untouched bytes")


def test_a_double_post_is_one_job(site: Program) -> None:
    first = site.submit("only once", token="t" * 26, **ASKED)
    second = site.submit("only once", token="t" * 26, **ASKED)
    edited = site.submit("only once, edited", token="t" * 26, **ASKED)

    assert first == second
    assert edited != first


@pytest.mark.parametrize(
    ("word", "status", "kind", "executed"),
    [
        ("#refuse", "failed", "rejected_by_moderation", 0),
        ("#reject", "failed", "rejected_by_moderation", 1),
        ("#fail", "failed", "generation_failed", 1),
        ("#error", "failed", "generation_failed", 1),
        ("#lost-answer", "unknown", "outcome_unknown", 1),
    ],
)
def test_rehearsed_trouble_ends_as_what_it_is(
    site: Program, mock: Program, word: str, status: str, kind: str, executed: int
) -> None:
    prompt = f"a storm {word}"

    job = site.wait_job(site.submit(prompt, **ASKED), "completed", "failed", "unknown")

    assert (job["status"], job["failure"]["kind"]) == (status, kind)
    assert mock.get("/_mock/stats").json()["by_prompt"].get(prompt, 0) == executed


@pytest.mark.slow
def test_a_busy_backend_is_asked_again_until_it_takes_the_job(site: Program, mock: Program) -> None:
    prompt = "patience #busy"

    job = site.wait_job(site.submit(prompt, **ASKED), "completed", "failed", "unknown")

    assert job["status"] == "completed"
    assert mock.get("/_mock/stats").json()["by_prompt"][prompt] == 1


def test_cancel_of_a_stalled_job_tells_the_truth(site: Program) -> None:
    job_id = site.submit("for ever #stall", **ASKED)
    site.wait_job(job_id, "in_progress")

    assert site.post(f"/jobs/{job_id}/cancel").status_code == 303

    site.wait_job(job_id, "cancelled", at_most=10)
    assert "cancel" in site.get(f"/jobs/{job_id}").text.lower()


@pytest.mark.slow
def test_the_site_starts_although_the_backend_is_off_and_goes_on_when_it_is_back(
    programs: Programs,
) -> None:
    mock = programs.mock()
    port = mock.url.rsplit(":", 1)[1]
    mock.kill()

    site = programs.site(mock)
    job_id = site.submit("later", **ASKED)
    job = site.wait_job(job_id, "queued")
    banner = site.get("/").text

    assert job["status"] == "queued"
    assert "has not answered" in banner
    programs.start("mock", "--port", port, "--queue-s", "0.1", "--work-s", "0.5")
    assert site.wait_job(job_id, "completed", "failed")["status"] == "completed"
