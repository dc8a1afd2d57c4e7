"""Watched while it arrives: a clip of 90 MB that the backend sends at a limited rate."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.servers import Programs, wait_for
from tests.e2e.watching import (
    Watcher,
    arrived,
    at,
    begun,
    clip_url,
    part,
    play,
    seek,
    seen,
    size_of,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Page

    from tests.e2e.servers import Program

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "seed": "7"}
QUICK = ("--queue-s", "0", "--work-s", "0.2")
SMALL = {"duration": "2", **ASKED}
BIG = {"duration": "20", **ASKED}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Generator[Programs]:
    """A site in front of a backend that takes four seconds to send whatever clip."""
    started = Programs(tmp_path_factory.mktemp("arriving"))
    started.site(started.mock(*QUICK, "--send-s", "4"))
    yield started
    started.end_all()


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en")
    yield context.new_page()
    context.close()


def downloads(mock: Program) -> list[int]:
    """Return how often each clip was downloaded from a backend."""
    counted: dict[str, int] = mock.get("/_mock/stats").json()["downloads"]
    return list(counted.values())


def ended_well(site: Program, job_id: str) -> str:
    """Wait until a job is completed and return its clip's hash."""
    job = site.wait_job(job_id, "completed", "failed", "unknown", "cancelled", at_most=60)
    assert job["status"] == "completed", job
    digest: str = job["clip"]["sha256"]
    return digest


@pytest.mark.browser
def test_play_starts_and_a_seek_works_while_it_arrives_and_both_go_on_over_its_end(
    programs: Programs, page: Page
) -> None:
    mock = programs.mock(*QUICK, "--send-s", "8")
    site = programs.site(mock)
    job_id = site.submit("a long river #big", **BIG)
    begun(site, job_id)

    video = watched(page, site, job_id)
    play(video)
    assert site.job(job_id)["status"] == "fetching"
    data = programs.folder / "data"
    size = size_of(part(site, job_id, "0-1"))
    wait_for(lambda: arrived(data) > 30_000_000, at_most=20)
    there = 20 * arrived(data) / size
    seek(video, 0.8 * there)
    assert at(video) >= 0.8 * there
    assert site.job(job_id)["status"] == "fetching"
    play(video)

    ended_well(site, job_id)
    expect(page.locator(f"#panel-{job_id}")).to_have_attribute("data-status", "completed")
    place = at(video)
    wait_for(lambda: at(video) > place + 1, at_most=20)
    seek(video, 0.1)
    play(video)
    assert {"loadstart", "emptied", "error"}.isdisjoint(seen(video))
    assert downloads(mock) == [1]


@pytest.mark.slow
@pytest.mark.browser
def test_five_viewers_cost_one_download_and_see_the_same_bytes(pair: Programs, page: Page) -> None:
    mock, site = pair.started
    job_id = site.submit("five of us #big", **BIG)
    begun(site, job_id)

    watchers = [Watcher(clip_url(site, job_id)) for _ in range(3)]
    video = watched(page, site, job_id)
    play(video)
    wait_for(lambda: arrived(pair.folder / "data") > 30_000_000, at_most=20)
    watchers.append(Watcher(clip_url(site, job_id)))
    for watcher in watchers:
        watcher.end()

    whole = ended_well(site, job_id)
    play(video)
    assert [watcher.broke for watcher in watchers] == [None] * 4
    assert {watcher.sha256 for watcher in watchers} == {whole}
    assert set(downloads(mock)) == {1}


@pytest.mark.slow
def test_safaris_sequence_is_answered_the_same_while_it_arrives_and_after(
    pair: Programs,
) -> None:
    _, site = pair.started
    job_id = site.submit("asked in three parts", **SMALL)
    begun(site, job_id)

    first = part(site, job_id, "0-1")
    size = size_of(first)
    assert site.job(job_id)["status"] == "fetching"
    tail = part(site, job_id, f"{size - 100}-{size - 1}")  # not here yet: it waits, uncut
    whole = part(site, job_id, "0-")
    digest = ended_well(site, job_id)
    after = [part(site, job_id, wanted) for wanted in ("0-1", "0-", f"{size - 100}-{size - 1}")]

    assert hashlib.sha256(whole.content).hexdigest() == digest
    for answer, start, stop in (
        (first, 0, 2),
        (tail, size - 100, size),
        (whole, 0, size),
        (after[0], 0, 2),
        (after[1], 0, size),
        (after[2], size - 100, size),
    ):
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.content == whole.content[start:stop]
    assert len({answer.headers["etag"] for answer in (first, tail, whole, *after)}) == 1
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.slow
def test_of_unknown_length_it_is_a_plain_200_without_ranges_until_it_is_whole(
    programs: Programs,
) -> None:
    backend = programs.plain_backend("--size", "3_000_000", "--rate", "1_500_000", "--chunked")
    site = programs.site(backend)
    job_id = site.submit("who knows how long", **SMALL)
    begun(site, job_id)

    watcher = Watcher(clip_url(site, job_id))
    early = part(site, job_id, "0-1")
    watcher.end()
    digest = ended_well(site, job_id)
    late = part(site, job_id, "0-1", **{"If-Range": early.headers["etag"]})

    assert (early.status_code, late.status_code) == (200, 206)
    assert "accept-ranges" not in early.headers
    assert "content-length" not in early.headers
    assert hashlib.sha256(early.content).hexdigest() == watcher.sha256 == digest
    assert late.headers["content-range"] == "bytes 0-1/3000000"


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.slow
def test_of_unknown_length_it_plays_all_the_same(programs: Programs, page: Page) -> None:
    backend = programs.plain_backend("--size", "4_000_000", "--rate", "800_000", "--chunked")
    site = programs.site(backend)
    job_id = site.submit("who knows how long", **SMALL)
    begun(site, job_id)

    video = watched(page, site, job_id)
    play(video)
    assert site.job(job_id)["status"] == "fetching"
    ended_well(site, job_id)

    assert "error" not in seen(video)


@pytest.mark.slow
def test_a_cut_on_the_way_here_is_not_seen_by_who_watches(programs: Programs) -> None:
    mock = programs.mock(*QUICK, "--send-s", "4")
    site = programs.site(mock)
    job_id = site.submit("cut in two #big", **BIG)
    begun(site, job_id)
    watcher = Watcher(clip_url(site, job_id))
    wait_for(lambda: watcher.got > 20_000_000, at_most=20)

    mock.kill()
    mock = programs.mock(*QUICK, "--send-s", "4", "--port", mock.url.rsplit(":", 1)[1])
    watcher.end()

    assert watcher.broke is None
    assert watcher.sha256 == ended_well(site, job_id)
    assert downloads(mock) == [1]


@pytest.mark.slow
def test_a_clip_deleted_while_it_arrives_ends_unfinished(pair: Programs) -> None:
    _, site = pair.started
    job_id = site.submit("unwanted #big", **BIG)
    begun(site, job_id)
    watcher = Watcher(clip_url(site, job_id))
    wait_for(lambda: watcher.got > 5_000_000, at_most=20)

    assert site.post(f"/jobs/{job_id}/delete").status_code == 303
    watcher.end(10)

    assert watcher.broke is not None
    assert site.get(f"/jobs/{job_id}/clip").status_code == 404
    wait_for(lambda: not arrived(pair.folder / "data"), at_most=10)


@pytest.mark.slow
def test_a_finished_clip_deleted_while_it_is_watched_is_watched_to_its_end(
    programs: Programs,
) -> None:
    mock = programs.mock(*QUICK, "--send-s", "0")
    site = programs.site(mock)
    job_id = site.submit("seen to the end #big", **BIG)
    digest = ended_well(site, job_id)

    watcher = Watcher(clip_url(site, job_id))
    wait_for(lambda: watcher.got > 0, at_most=20)
    assert site.post(f"/jobs/{job_id}/delete").status_code == 303
    watcher.end()

    assert (watcher.broke, watcher.sha256) == (None, digest)
    assert site.get(f"/jobs/{job_id}/clip").status_code == 404
