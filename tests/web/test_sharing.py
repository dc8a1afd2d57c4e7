"""What others see of a clip: shown to people who sign in, behind a link, or read by an operator."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.domain import Viewer
from rushes.web.dependencies import WebConfig
from rushes.web.events import Eyes
from rushes.web.prefix import PublicAddress
from rushes.web.site import create_site
from tests.web.crowd import OUR_PAGE, Crowd, browser, caller
from tests.web.guarded import Guarded, sign_in
from tests.web.pages import Page
from tests.web.stage import Stage
from tests.web.test_every_route import CLIP, JPEG, SECRET, anns_clip

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

LINK = re.compile(r'id="link">(http://localhost(/s/[\w-]{22}))<')


async def crowd(**changes: object) -> tuple[Crowd, Job]:
    """Gather everybody; Ann has one clip."""
    stage = Crowd()
    await stage.gather()
    job = await anns_clip(stage)
    return stage, await stage.jobs.write(replace(job, **changes))  # type: ignore[arg-type] # its fields


# --- shown to people who sign in ----------------------------------------------------------------


async def test_ann_shows_a_clip_to_her_group_and_takes_it_back() -> None:
    stage, job = await crowd()
    async with await browser(stage, "ann") as ann, await browser(stage, "bob") as bob:
        before = await bob.get(f"/jobs/{job.id}")
        form = Page((await ann.get(f"/jobs/{job.id}")).text)
        shown = await ann.post(f"/jobs/{job.id}/visibility", data={"audience": "group:film"})
        page, told = await bob.get(f"/jobs/{job.id}"), await ann.get(f"/jobs/{job.id}")
        await ann.post(f"/jobs/{job.id}/visibility", data={"audience": ""})
        after = await bob.get(f"/jobs/{job.id}")

    choices = [field["value"] for field in form.all("input") if field.get("name") == "audience"]
    assert choices == ["", "group:film", "everyone"]
    assert (shown.status_code, shown.headers["location"]) == (303, f"/jobs/{job.id}?saved=1")
    assert [before.status_code, page.status_code, after.status_code] == [404, 200, 404]
    assert "Only you can see this." in form.text
    assert "The group film can see this." in Page(told.text).text
    assert "The group film can see this." in Page(page.text).text


@pytest.mark.parametrize(
    ("audience", "told"),
    [
        ("", "Saved: only you see this clip."),
        ("group:film", "Saved: the group film sees this clip."),
        ("everyone", "Saved: everyone who signs in sees this clip."),
    ],
)
async def test_who_sees_the_clip_from_now_on_is_said_once(audience: str, told: str) -> None:
    stage, job = await crowd(shared_with="group:film")
    async with await browser(stage, "ann") as ann:
        saved = await ann.post(f"/jobs/{job.id}/visibility", data={"audience": audience})
        answer = (await ann.get(saved.headers["location"])).text
        later = (await ann.get(f"/jobs/{job.id}")).text

    assert f'<p role="status">{told}</p>' in answer
    assert "Saved:" not in later


async def test_whoever_is_shown_a_clip_reads_and_watches_and_moves_nothing() -> None:
    stage, job = await crowd(shared_with="everyone")
    at = f"/jobs/{job.id}"
    async with await browser(stage, "cyd") as cyd:
        page = Page((await cyd.get(at)).text)
        clip = await cyd.get(f"{at}/clip", headers={"Range": "bytes=4-11"})
        poster = await cyd.get(f"{at}/poster")
        closed = [
            (await cyd.get(f"{at}{more}")).status_code
            for more in ("/first-frame", "/delete", "/clip?with=recipe")
        ]
        api = await cyd.get(f"/api/v1/jobs/{job.id}")
        composer = await cyd.get(f"/?from={job.id}")

    posts = [form["action"] for form in page.all("form") if form["method"] == "post"]
    assert f"{SECRET} prompt" in page.text
    assert "Shown to you by ann" in page.text
    assert f"{SECRET} sent" not in page.text
    assert not any(job.id in action for action in posts)
    assert (clip.status_code, clip.content) == (206, CLIP[4:12])
    assert clip.headers["cache-control"] == poster.headers["cache-control"] == "private, no-cache"
    assert poster.content == JPEG
    assert closed == [404] * 3
    assert api.status_code == 404
    assert SECRET not in composer.text


async def test_the_owner_may_keep_the_clip_for_ever() -> None:
    stage, job = await crowd(shared_with="everyone")
    async with await browser(stage, "ann") as ann:
        clip = await ann.get(f"/jobs/{job.id}/clip")

    assert "immutable" in clip.headers["cache-control"]


async def test_the_library_has_a_shelf_of_what_others_show() -> None:
    stage, job = await crowd(shared_with="group:film", starred=True)
    await stage.job("of bob himself", owner="bob", shared_with="everyone", clip=job.clip)
    await stage.job("without a clip", owner="bob", shared_with="everyone")
    found = {}
    for name in ("ann", "bob", "cyd"):
        async with await browser(stage, name) as client:
            found[name] = (await client.get("/library?state=shown&starred=1")).text
            assert f"shown-{job.id}" not in (await client.get("/library")).text

    assert f'id="shown-{job.id}"' in found["bob"]
    assert "Shown to you by ann" in found["bob"]
    assert "of bob himself" not in found["bob"]
    assert "of bob himself" in found["ann"]
    for name in ("ann", "cyd"):
        assert SECRET not in found[name]
    assert not any("without a clip" in page for page in found.values())


async def test_where_nobody_has_a_name_there_is_nobody_to_show_to() -> None:
    stage = Stage()
    job = await stage.finished(CLIP)
    theirs = await stage.finished(CLIP)
    await stage.jobs.write(replace(theirs, owner="ann", shared_with="everyone"))
    async with stage.client() as client:
        page = Page((await client.get(f"/jobs/{job.id}")).text)
        shelves = await client.get("/library?state=shown")
        forced = await client.post(f"/jobs/{job.id}/visibility", data={"audience": "everyone"})
        other = await client.get(f"/jobs/{theirs.id}")

    assert not [field for field in page.all("input") if field.get("name") == "audience"]
    assert "Shown to me" not in shelves.text
    assert theirs.id not in shelves.text
    assert forced.status_code == 422
    assert other.status_code == 404


@pytest.mark.parametrize("audience", ["group:press", "bob", "x" * 301])
async def test_an_audience_that_is_not_anns_is_refused(audience: str) -> None:
    stage, job = await crowd()
    async with await browser(stage, "ann") as ann:
        answer = await ann.post(f"/jobs/{job.id}/visibility", data={"audience": audience})

    assert answer.status_code == 422
    assert stage.jobs.jobs[job.id].shared_with is None


async def test_the_foot_of_a_page_tells_the_truth_in_each_mode() -> None:
    people, guarded = Crowd(), Guarded()
    await people.gather()
    async with Stage().client() as client:
        in_open_mode = Page((await client.get("/")).text).text
    async with guarded.browser() as client:
        await sign_in(client)
        with_a_password = Page((await client.get("/")).text).text
    async with await browser(people, "ann") as client:
        by_name = Page((await client.get("/")).text).text

    assert "Nobody signs in here: whoever reaches this page can see this." in in_open_mode
    assert "Whoever knows the password can see this." in with_a_password
    assert "Only you can see your clips, but for those that you show or share." in by_name


async def test_a_shown_clip_is_no_news_to_anybody_but_its_owner() -> None:
    stage, job = await crowd(shared_with="everyone")
    app = create_site(stage.site())
    async with caller(app, {"Cookie": await stage.cookie("bob")}) as bob:
        told_bob = await bob.get("/api/v1/changes?after=0")
        stage.stop.set()
        stream = await bob.get("/events?after=0")
    async with caller(app, {"Cookie": await stage.cookie("ann")}) as ann:
        told_ann = await ann.get("/api/v1/changes?after=0")

    assert told_bob.json()["items"] == []
    assert job.id not in stream.text
    assert [item["id"] for item in told_ann.json()["items"]] == [job.id]


async def test_the_open_stream_of_another_never_hears_of_it() -> None:
    stage, job = await crowd()
    app = create_site(stage.site())
    bob = Eyes(Viewer("bob", groups=frozenset({"film"}), is_known=True), "en")
    stream = app.state.feed.stream(bob, None)
    first = await anext(stream)
    await stage.jobs.mark(job.id, shared_with="everyone")
    await stage.job("of bob himself", owner="bob")
    second = await anext(stream)
    await stream.aclose()

    assert SECRET.encode() not in first + second
    assert job.id.encode() not in first + second


# --- behind a link ------------------------------------------------------------------------------


async def test_a_link_is_shown_once_and_opens_the_clip_for_a_stranger() -> None:
    stage, job = await crowd()
    at = f"/jobs/{job.id}"
    async with await browser(stage, "ann") as ann:
        made = await ann.post(f"{at}/shares", data={"days": "1"})
        whole = LINK.search(made.text)
        assert whole is not None
        address = whole[2]
        page = Page((await ann.get(at)).text)
    async with caller(create_site(stage.site()), {}) as guest:
        opened = await guest.get(address)

    token = address.rpartition("/")[2]
    assert made.headers["cache-control"] == "no-store"
    assert token not in page.html
    assert f'name="next" value="{at}"' in made.text, "a language is chosen for the job's page"
    assert token not in repr(stage.shares.kept)
    assert "So can whoever has a link to it." in page.text
    assert opened.status_code == 200


async def test_a_link_that_is_ended_opens_nothing_more() -> None:
    stage, job = await crowd()
    at, token = f"/jobs/{job.id}", await stage.link(job)
    async with await browser(stage, "ann") as ann, caller(create_site(stage.site()), {}) as guest:
        (end,) = re.findall(rf'action="({at}/shares/[^"]+/revoke)"', (await ann.get(at)).text)
        before = await guest.get(f"/s/{token}/clip")
        ended = await ann.post(end)
        after = await guest.get(f"/s/{token}/clip")
        page = (await ann.get(at)).text

    assert (before.status_code, ended.status_code, after.status_code) == (200, 303, 404)
    assert end not in page


async def test_a_guest_gets_one_clip_and_no_way_into_the_site() -> None:
    stage, job = await crowd()
    token = await stage.link(job)
    async with caller(create_site(stage.site()), {}) as guest:
        answer = await guest.get(f"/s/{token}")
        part = await guest.get(f"/s/{token}/clip", headers={"Range": "bytes=4-11"})
        kept = await guest.get(f"/s/{token}/clip?download=1")
        recipe = await guest.get(f"/s/{token}/clip?with=recipe")
        head = await guest.head(f"/s/{token}/clip")
        poster = await guest.get(f"/s/{token}/poster")

    page = Page(answer.text)
    addresses = {link["href"] for link in page.all("a")} | {v["src"] for v in page.all("video")}
    assert addresses == {f"/s/{token}/clip", f"/s/{token}/clip?download=1"}
    assert page.all("script", "form", "nav", "iframe") == []
    assert job.id not in page.html
    assert "ann" not in page.text.split()
    assert answer.headers["cache-control"] == "private, no-store"
    assert (part.status_code, part.content) == (206, CLIP[4:12])
    assert recipe.content == kept.content == CLIP
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CLIP)))
    assert poster.content == JPEG
    assert kept.headers["content-disposition"].startswith('attachment; filename="2026-11-22_clip_')
    for said in (answer, part, kept, poster):
        assert said.headers["referrer-policy"] == "no-referrer"
        assert said.headers["x-robots-tag"] == "noindex"
        assert "immutable" not in said.headers["cache-control"]
        assert SECRET not in said.text + str(said.headers)


async def test_the_prompt_is_told_only_when_the_owner_wished_so() -> None:
    stage, job = await crowd()
    async with await browser(stage, "ann") as ann:
        made = await ann.post(f"/jobs/{job.id}/shares", data={"days": "30", "prompt": "1"})
        whole = LINK.search(made.text)
        assert whole is not None
        opened = Page((await ann.get(whole[2])).text)

    assert f"{SECRET} prompt" in opened.text
    assert f"{SECRET} sent" not in opened.text
    assert "Made with AI" in opened.text


@pytest.mark.parametrize("days", ["0", "2", "365", "-1", "x"])
async def test_a_link_lasts_no_time_but_those_offered(days: str) -> None:
    stage, job = await crowd()
    async with await browser(stage, "ann") as ann:
        answer = await ann.post(f"/jobs/{job.id}/shares", data={"days": days})

    assert answer.status_code == 422
    assert stage.shares.kept == {}


async def test_a_program_is_told_of_a_dead_link_in_its_own_way() -> None:
    stage, _ = await crowd()
    async with caller(create_site(stage.site()), {"Accept": "application/json"}) as guest:
        answer = await guest.get("/s/none")

    assert (answer.status_code, answer.json()["kind"]) == (404, "share_not_found")
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_links_work_with_one_password_and_without_any() -> None:
    for stage in (Guarded(), Stage()):
        job = await stage.finished(CLIP)
        browsing = stage.browser() if isinstance(stage, Guarded) else stage.client()
        async with browsing as client:
            if isinstance(stage, Guarded):
                await sign_in(client)
            made = await client.post(f"/jobs/{job.id}/shares", data={"days": "7"})
        whole = LINK.search(made.text)
        assert whole is not None
        async with caller(create_site(stage.site()), {}) as guest:
            assert (await guest.get(whole[2])).status_code == 200
            assert (await guest.get(f"{whole[2]}/clip")).content == CLIP


async def test_a_link_is_the_address_that_people_type() -> None:
    stage = Stage(WebConfig(public=PublicAddress.parse("https://clips.test/video")))
    job = await stage.finished(CLIP)
    async with stage.client(headers=OUR_PAGE) as client:
        made = await client.post(f"/video/jobs/{job.id}/shares", data={"days": "7"})
        found = re.search(r"https://clips\.test(/video/s/[\w-]{22})", made.text)
        assert found is not None
        opened = Page((await client.get(found[1])).text)

    assert [clip["src"] for clip in opened.all("video")] == [f"{found[1]}/clip"]


async def test_the_log_does_not_repeat_a_link(caplog: pytest.LogCaptureFixture) -> None:
    stage, job = await crowd()
    token = await stage.link(job)
    with caplog.at_level(logging.INFO, "rushes.access"):
        async with caller(create_site(stage.site()), {}) as guest:
            for path in (f"/s/{token}", f"/s/{token}/clip", f"/s/s/{token}"):
                await guest.get(path)

    lines = [record.getMessage() for record in caplog.records if record.name == "rushes.access"]
    assert len(lines) == 3
    assert all("/s/***" in line and token not in line for line in lines)


@pytest.mark.parametrize("path", ["/s", "/sx/y", "/jobs/s/x"])
async def test_nothing_beside_the_links_is_open(path: str) -> None:
    stage, _ = await crowd()
    async with caller(create_site(stage.site()), {}) as guest:
        answer = await guest.get(path)

    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")


# --- read by an operator ------------------------------------------------------------------------


async def test_an_administrator_reads_only_where_everybody_is_told_so() -> None:
    stage, job = await crowd()
    stage.operators_may_read = True
    at = f"/admin/jobs/{job.id}"
    answers = {}
    for name in ("ann", "bob", "root"):
        async with await browser(stage, name) as client:
            answers[name] = (await client.get(at)).status_code
            about = Page((await client.get("/about")).text).text
            assert "Administrators of this server may read what others asked for" in about
    async with await browser(stage, "root") as root:
        page = await root.get(at)
        clip = await root.get(f"/jobs/{job.id}/clip")

    assert answers == {"ann": 404, "bob": 404, "root": 200}
    assert f"{SECRET} prompt" in Page(page.text).text
    assert clip.status_code == 404
    lines = [(line.who, line.what, line.about) for line in stage.operators.lines]
    assert lines == [("root", "prompt_read", f"{job.id} of ann")] * 2


async def test_without_that_policy_nobody_is_told_and_nobody_reads() -> None:
    stage, job = await crowd()
    async with await browser(stage, "root") as root:
        answer = await root.get(f"/admin/jobs/{job.id}")
        about = await root.get("/about")

    assert answer.status_code == 404
    assert "Administrators" not in about.text
    assert stage.operators.lines == []
