"""The one table from error classes to status codes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rushes import errors
from rushes.errors import BackendError, RequestError, RushesError, StorageError
from rushes.web.errors import STATUS, Problem
from rushes.web.forms import FormProblem
from rushes.web.wording.troubles import ABOUT_THE_ACCOUNT
from tests.web.stage import CANARY, Stage

TREE = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, RushesError) and "kind" in vars(kind)
]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_of_its_branch(kind: type[RushesError]) -> None:
    error = kind("why")
    problem = Problem.of(error)

    if isinstance(error, RequestError):
        assert 400 <= problem.status < 500
    elif isinstance(error, BackendError):
        assert problem.status in {502, 504}
    elif isinstance(error, StorageError):
        assert problem.status == 503
    else:
        assert problem.status in {500, 503}
    told = "" if kind.kind in ABOUT_THE_ACCOUNT else "why"
    assert (problem.kind, problem.message) == (kind.kind, told)


@pytest.mark.parametrize(
    "kind", [k for k in TREE if issubclass(k, RequestError)], ids=lambda kind: kind.__name__
)
def test_every_refusal_is_named_in_the_table(kind: type[RequestError]) -> None:
    assert kind in STATUS


def test_what_is_for_the_operator_is_not_told() -> None:
    error = errors.Unauthorized(
        "no", detail=CANARY, remote_code=CANARY, retry_after=timedelta(seconds=1)
    )

    assert CANARY not in repr(Problem.of(error))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "error",
    [
        errors.Unauthorized(said=f"the key of {CANARY} is not known"),
        errors.Forbidden(said=f"{CANARY} may not"),
        errors.QuotaExhausted(said=f"{CANARY} has no balance"),
        errors.GenerationFailed(said=f"Traceback (most recent call last): {CANARY}"),
    ],
    ids=lambda error: str(error.kind),
)
async def test_no_problem_document_tells_of_a_backends_account_or_program(
    error: BackendError,
) -> None:
    stage = Stage()
    stage.jobs.refusal = error
    async with stage.client() as client:
        document = (await client.post("/api/v1/jobs", json={"prompt": "x"})).json()

    assert (document["status"], document["kind"]) == (502, error.kind)
    assert document["detail"]
    assert CANARY not in str(document)


def test_a_field_is_named_where_one_is_to_blame() -> None:
    assert Problem.of(errors.InvalidRequest("odd", field="seed")).where == "seed"
    assert Problem.of(FormProblem({"count": "odd"}, {})).where == "count"
    assert Problem.of(FormProblem({"count": "odd"}, {})).status == 422


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "status", "retry_after", "sentence"),
    [
        (errors.JobConflict("in between"), 409, None, "The job has moved on meanwhile"),
        (errors.NotAllowed("for others"), 403, None, "This is not yours to do."),
        (errors.StorageFull("no space"), 503, "5", "This server has no room left."),
        (errors.BadBackendResponse("odd"), 502, None, "The backend gave no useful answer."),
    ],
)
async def test_an_error_is_a_page_for_people_and_a_document_for_programs(
    error: RushesError, status: int, retry_after: str | None, sentence: str
) -> None:
    stage = Stage()
    stage.jobs.trouble = error
    async with stage.client() as client:
        page = await client.get("/", headers={"Accept": "text/html,application/json"})
        document = await client.get("/", headers={"Accept": "application/problem+json"})

    assert (page.status_code, document.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert sentence in page.text
    assert error.message not in page.text
    assert document.json()["kind"] == error.kind
    assert document.json()["detail"] == error.message
    assert page.headers.get("retry-after") == document.headers.get("retry-after") == retry_after


@pytest.mark.anyio
async def test_a_broken_template_still_leaves_a_line_of_text() -> None:
    stage = Stage()
    site = stage.site()
    site.renderer.page = _broken  # type: ignore[method-assign, assignment]
    async with stage.client(site=site) as client:
        answer = await client.get("/nope", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.text) == (404, "404 Not Found\n")
    assert "content-security-policy" in answer.headers


def _broken(*_: object, **__: object) -> None:
    raise KeyError("no such word")
