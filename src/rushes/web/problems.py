"""What can go wrong with a request to the API, as its description tells it (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel


class ProblemOut(BaseModel):
    """A refusal: `kind` is ours and stays, `detail` is for people, `field` is what to blame."""

    type: str
    title: str
    status: int
    kind: str
    detail: str
    request_id: str
    field: str = ""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these statuses as a route's or a router's `responses`."""
    content = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


ALWAYS = problems(400, 401, 403, 413, 422, 503)
NO_SUCH_JOB = problems(404)
TOO_MANY = problems(429)
