from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from hatch_build import compile_catalogue
from rushes.domain import (
    LOCAL_VIEWER,
    Capabilities,
    Catalogue,
    Viewer,
)
from rushes.jobs.forecast import Turn
from rushes.web.forms import ComposerState
from rushes.web.rendering import Renderer, folder
from rushes.web.wording.language import LANGUAGES
from tests.web.drawing import (
    JOBS,
    backend,
    every_page,
    job_page,
    make_renderer,
    receipt,
    request,
    studio,
)
from tests.web.pages import JOB_ID, NOW, Page, completed, failure, running

if TYPE_CHECKING:
    from pathlib import Path


HOSTILE = (
    "</textarea><script>alert(1)</script>\"'`{{7*7}}\u2028</title><img src=x onerror=alert(1)>"
)


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("locales")
    for source in folder("locales").glob("*.po"):
        copy = target / source.name
        copy.write_bytes(source.read_bytes())
        compile_catalogue(copy)
    return target


@pytest.fixture(scope="session")
def renderer(locales: Path) -> Renderer:
    return make_renderer(locales)


@pytest.fixture(scope="session")
def pages(renderer: Renderer) -> dict[str, Page]:
    return every_page(renderer)


PAGES = [
    *("studio", "empty", "refused", "silent backend", "remix", "batch", "library", "deleted"),
    *("nothing found", "delete", "error", *JOBS),
    *("shown shelf", "own among others", "shown", "link made", "guest", "guest, too late"),
    "read by an administrator",
]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_page_speaks_every_language(renderer: Renderer, language: str) -> None:
    for page in every_page(renderer, language).values():
        assert page.all("html") == [{"lang": language}]
        assert "Undefined" not in page.html
        assert "%(" not in page.html


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_anything_inline(pages: dict[str, Page], name: str) -> None:
    page = pages[name]

    assert all("src" in script for script in page.all("script"))
    assert page.all("style", "base") == []
    for tag, attributes in page.elements:
        for attribute in attributes:
            assert attribute != "style", tag
            assert not attribute.startswith("on"), tag


@pytest.mark.parametrize("name", PAGES)
def test_headings_go_down_one_step_at_a_time(pages: dict[str, Page], name: str) -> None:
    levels = [int(tag[1]) for tag, _ in pages[name].elements if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", PAGES)
def test_every_field_has_a_label_and_every_id_is_unique(pages: dict[str, Page], name: str) -> None:
    page = pages[name]
    labelled = {label["for"] for label in page.all("label") if "for" in label}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]

    for element in page.all("input", "textarea", "select"):
        if element.get("type") not in {"hidden", "radio"}:  # radios stand inside their label
            assert element["id"] in labelled
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            assert set(attributes.get(attribute, "").split()) <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_every_address_is_under_the_prefix(pages: dict[str, Page], name: str) -> None:
    for _, attributes in pages[name].elements:
        for attribute in ("href", "src", "action"):
            address = attributes.get(attribute, "/video/")
            assert address.startswith(("/video/", "#")), address


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_live_card_is_the_card_of_the_full_page(renderer: Renderer, name: str) -> None:
    job = JOBS[name]
    html = renderer.job_card(
        job, language="en", viewer=LOCAL_VIEWER, turn=Turn(3), has_poster=False
    )

    whole = studio(renderer, jobs=[job], turns={job.id: Turn(3)}, viewer=LOCAL_VIEWER)

    assert html.startswith('<article class="card')
    assert html.endswith("</article>")
    assert html in whole.html
    assert f'id="job-{JOB_ID}"' in html
    assert 'data-revision="7"' in html
    assert f'data-status="{job.status}"' in html


def test_what_people_type_stays_text(renderer: Renderer) -> None:
    job = running().failed(failure("generation_failed", HOSTILE, detail=HOSTILE), now=NOW)
    job = replace(job, request=job.request.model_copy(update={"prompt": HOSTILE}), backend=HOSTILE)
    composer = ComposerState(HOSTILE, {"prompt": HOSTILE, "seed": HOSTILE}, {"seed": HOSTILE})

    for page in (
        studio(renderer, jobs=[job], composer=composer, viewer=LOCAL_VIEWER),
        job_page(renderer, job, origin=job),
    ):
        assert len(page.all("script")) == 1
        assert page.all("img") == []
        assert "{{7*7}}" in page.text
        assert HOSTILE.replace("<", "&lt;").split("&lt;")[0] in page.text


def test_what_people_typed_comes_back_word_for_word(renderer: Renderer) -> None:
    typed = {"prompt": HOSTILE, "seed": "x1", "duration": "8", "aspect_ratio": "9:16"}
    page = studio(renderer, composer=ComposerState("t", typed, {"seed": "Not a number"}))

    chosen = {e.get("value") for e in page.all("input") if "checked" in e}
    seed = next(e for e in page.all("input") if e.get("name") == "seed")
    assert HOSTILE in page.text
    assert {"8", "9:16"} <= chosen
    assert seed["value"] == "x1"
    assert seed["aria-invalid"] == "true"
    assert seed["aria-describedby"] == "problem-seed"


def test_the_form_is_drawn_from_what_the_backend_takes(renderer: Renderer) -> None:
    poor = Catalogue({"": Capabilities(durations=(5.0,), resolutions=("480p", "720p"))})
    page = studio(renderer, backend=backend(catalogue=poor))

    names = {e["name"] for e in page.all("input", "textarea", "select") if "name" in e}
    posted = {"submit_token", "prompt", "duration", "resolution"}
    assert names - {"next", "starred", "token"} == posted
    assert {"type": "hidden", "name": "duration", "value": "5"} in page.all("input")


def test_a_silent_backend_leaves_the_prompt(pages: dict[str, Page]) -> None:
    page = pages["silent backend"]

    assert [e["name"] for e in page.all("textarea")] == ["prompt"]
    assert not [e for e in page.all("input") if e.get("type") == "radio"]
    assert "has not said yet what it offers" in page.text


def test_the_empty_list_offers_prompts_that_fill_the_box(pages: dict[str, Page]) -> None:
    links = [a["href"] for a in pages["empty"].all("a") if "data-example" in a]

    assert len(links) == 4
    assert all(link.startswith("/video/?prompt=") for link in links)


def test_a_backend_that_is_down_is_told_and_explained_to_operators_alone(locales: Path) -> None:
    renderer = make_renderer(locales, down=True)

    plain = studio(renderer, viewer=Viewer("someone"))
    operator = studio(renderer, viewer=LOCAL_VIEWER)

    assert "Your queue is safe" in plain.text
    assert "RUSHES_BACKEND_KEY" not in plain.html
    assert "RUSHES_BACKEND_KEY" in operator.text


def test_who_looks_is_nobody_unless_told(renderer: Renderer) -> None:
    job = running().failed(failure("unauthorized", detail="RUSHES_BACKEND_KEY"), now=NOW)
    response = renderer.page(
        "job.html",
        request=request(),
        job=job,
        events=[],
        jobs=[job],
        number=1,
        turns={},
        posters=frozenset(),
        watch=False,
        origin=None,
        receipt=receipt(),
    )

    assert b"RUSHES_BACKEND_KEY" not in bytes(response.body)


def test_a_page_refreshes_itself_only_where_asked_and_unfinished(renderer: Renderer) -> None:
    refresh = {"http-equiv": "refresh", "content": "10"}

    assert refresh in job_page(renderer, running()).all("meta")
    assert refresh not in job_page(renderer, running(), watch=False).all("meta")
    assert refresh not in job_page(renderer, completed()).all("meta")


def test_a_finished_clip_plays_from_our_own_address(renderer: Renderer) -> None:
    (player,) = job_page(renderer, completed()).all("video")

    assert player["src"] == f"/video/jobs/{JOB_ID}/clip"
    assert {"controls", "playsinline"} <= set(player)
    assert player["preload"] == "metadata"
    assert (player["width"], player["height"]) == ("1280", "720")


def test_actions_are_posts_and_deleting_asks_first(renderer: Renderer) -> None:
    page = job_page(renderer, completed())

    posts = {f["action"] for f in page.all("form") if f["method"] == "post"}
    links = {a["href"] for a in page.all("a")}
    assert posts == {
        "/video/language",
        "/video/library?state=deleted",
        *(f"/video/jobs/{JOB_ID}/{move}" for move in ("star", "retry", "title", "shares")),
    }
    assert {f"/video/jobs/{JOB_ID}/delete", f"/video/?from={JOB_ID}"} <= links


def test_the_script_is_told_where_it_is(renderer: Renderer) -> None:
    (body,) = studio(renderer, "fr").all("body")

    told = json.loads(body["data-page"])
    assert told["revision"] == 9
    assert told["events"] == "/video/events"
    assert told["words"]["copied"] == "Copié"


def test_the_language_form_comes_back_to_the_page_but_never_to_a_post(renderer: Renderer) -> None:
    def target(method: str) -> str:
        response = renderer.page(
            "error.html",
            request=request(method=method),
            status=422,
            title="No",
            message="",
            request_id="",
        )
        fields = Page(bytes(response.body).decode()).all("input")
        return next(e["value"] for e in fields if e["name"] == "next")

    assert target("GET") == "/video/?after=x"
    assert target("POST") == ""


def test_a_page_says_what_it_depends_on(renderer: Renderer) -> None:
    response = renderer.page(
        "error.html",
        request=request("it"),
        status_code=404,
        status=404,
        title="No",
        message="",
        request_id="",
    )

    assert response.status_code == 404
    assert response.headers["Content-Language"] == "it"
    assert response.headers["Vary"] == "Cookie, Accept-Language"


def test_single_sentences_are_translated_too(renderer: Renderer) -> None:
    assert renderer.text("it")("Create video") == "Crea video"
    assert renderer.text("en")("Create video") == "Create video"


def test_every_icon_that_templates_name_is_in_the_sprite() -> None:
    sprite = (folder("static") / "icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    named = set()
    for template in folder("templates").glob("*.html"):
        text = template.read_text()
        named |= set(re.findall(r'icon\("([\w-]+)"', text))
        named |= set(re.findall(r"icons\.svg'\) }}#([\w-]+)", text))

    assert named
    assert named <= drawn
