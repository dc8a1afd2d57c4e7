"""Names of downloaded clips."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.domain import Clip, Job, VideoRequest, new_id
from rushes.web.clips.names import clip_name, disposition


def job(prompt: str, *, clip: Clip | None = None, title: str | None = None) -> Job:
    return Job(
        id=new_id(),
        batch=new_id(),
        place=0,
        owner="local",
        backend="stage",
        request=VideoRequest(prompt=prompt, duration_s=5, aspect_ratio="9:16", resolution="480p"),
        submit_token="t",
        created_at=datetime(2026, 11, 22, 23, 59, tzinfo=UTC),
        clip=clip,
        title=title,
    )


MADE = Clip("k", "video/mp4", 10, "0" * 64, width=1280, height=720, duration_s=8.04)


def test_date_words_length_and_size_as_it_came_out() -> None:
    name = clip_name(job("Red crane, at dawn!", clip=MADE), "video/mp4")

    assert name == "2026-11-22_red-crane-at-dawn_8s_720p.mp4"


def test_before_the_clip_is_there_its_name_tells_what_was_asked() -> None:
    assert clip_name(job("Rain"), "video/webm") == "2026-11-22_rain_5s_480p.webm"


def test_a_title_wins_over_the_prompt() -> None:
    assert "_take-two_" in clip_name(job("Rain", title="Take two"), "video/mp4")


@pytest.mark.parametrize("prompt", ["🎬", "...", "../../etc"])
def test_strange_prompts_still_have_a_name(prompt: str) -> None:
    assert re.fullmatch(r"2026-11-22_[a-z-]+_5s_480p\.mp4", clip_name(job(prompt), "video/mp4"))


def test_a_long_prompt_is_cut_at_a_word() -> None:
    name = clip_name(job("slow tram window rain neon night street far away"), "video/mp4")

    assert name == "2026-11-22_slow-tram-window-rain-neon-night-street_5s_480p.mp4"


def test_letters_of_every_script_are_kept_beside_an_ascii_name() -> None:
    header = disposition("2026-11-22_été-à-la-mer.mp4", is_attachment=True)

    assert header.startswith('attachment; filename="2026-11-22_ete-a-la-mer.mp4"; ')
    assert unquote(header.partition("filename*=UTF-8''")[2]) == "2026-11-22_été-à-la-mer.mp4"


@given(
    st.text(min_size=1, max_size=60).filter(lambda text: bool(text.strip()) and "\0" not in text)
)
def test_no_prompt_leaves_the_header(prompt: str) -> None:
    header = disposition(clip_name(job(prompt), "video/mp4"), is_attachment=False)

    assert re.fullmatch(
        r"inline; filename=\"[A-Za-z0-9._-]+\.mp4\"; filename\*=UTF-8''[A-Za-z0-9._%~-]+\.mp4",
        header,
    )
