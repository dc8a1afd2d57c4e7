"""Every refusal that the API's description names is one that a program can meet, as described."""

from __future__ import annotations

from typing import Any

import pytest

from rushes.domain import Limits, new_id
from rushes.errors import PersonalQueueFull, StorageError
from rushes.web.problems import ProblemOut
from tests.web.guarded import Guarded
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

LIST, ONE = "/api/v1/jobs", "/api/v1/jobs/{job_id}"


async def met(path: str, method: str = "GET", *, stage: Stage, **asked: Any) -> int:  # noqa: ANN401 - httpx's own
    """Ask, check that the answer is one of the description's, and return its status."""
    async with stage.client() as client:
        described = stage.app().openapi()["paths"][path][method.lower()]["responses"]
        answer = await client.request(method, path.replace("{job_id}", new_id()), **asked)
    status = answer.status_code
    assert "application/problem+json" in described[str(status)]["content"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert ProblemOut.model_validate(answer.json(), extra="forbid").status == status
    return status


def full() -> Stage:
    stage = Stage()
    stage.jobs.refusal = PersonalQueueFull("enough", limit=Limits().queued_per_owner)
    return stage


def broken() -> Stage:
    stage = Stage()
    stage.jobs.refusal = StorageError("the disk is on fire")
    return stage


@pytest.mark.parametrize(
    ("status", "stage", "path", "method", "asked"),
    [
        (400, Stage(), LIST, "GET", {"headers": {"Host": "evil.test"}}),
        (401, Guarded(), LIST, "GET", {}),
        (403, Stage(), LIST, "POST", {"headers": {"Origin": "https://evil.test"}}),
        (404, Stage(), ONE, "GET", {}),
        (404, Stage(), ONE, "DELETE", {}),
        (404, Stage(), ONE + "/cancel", "POST", {}),
        (413, Stage(), LIST, "POST", {"json": {"prompt": "a" * 70_000}}),
        (422, Stage(), LIST, "POST", {"json": {"prompt": ""}}),
        (422, Stage(), LIST, "GET", {"params": {"limit": "1000"}}),
        (429, full(), LIST, "POST", {"json": {"prompt": "one more"}}),
        (503, broken(), LIST, "POST", {"json": {"prompt": "one more"}}),
    ],
    ids=lambda value: str(value) if isinstance(value, int | str) else "",
)
async def test_a_refusal_is_as_the_description_says(
    status: int, stage: Stage, path: str, method: str, asked: dict[str, Any]
) -> None:
    assert await met(path, method, stage=stage, **asked) == status


def test_no_refusal_is_described_that_nobody_can_meet() -> None:
    described = {
        int(status)
        for operations in Stage().app().openapi()["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
    }

    assert described == {200, 202, 204, 400, 401, 403, 404, 413, 422, 429, 503}
