"""docs/adding-a-backend.md: its example works as written, its tables name the whole language."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import respx
from pydantic import BaseModel

from rushes.backends import BackendConfig, load_backend
from rushes.backends.language.files import read_profile, shipped_profiles
from rushes.backends.language.grammar import REQUEST_NAMES, TROUBLES
from rushes.backends.language.profile import JobProfile
from rushes.backends.language.templating import FILTERS
from rushes.domain import RemoteStatus, VideoRequest
from rushes.errors import RejectedByModeration
from rushes.net import Secret

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

PAGE = (Path(__file__).parent.parent / "docs" / "adding-a-backend.md").read_text("utf-8")
ORIGIN = "https://renders.example"
KEY = "key-of-the-example"


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@dataclass(frozen=True)
class Exchange:
    """One request of the example and its answer, as the page writes them."""

    method: str
    path: str
    sent: Any
    status: int
    answer: Any

    @classmethod
    def read(cls, text: str) -> Exchange:
        request, answer = text.strip().splitlines()
        method, path, *body = request.split(" ", 2)
        status, told = answer.split(" ", 1)
        return cls(
            method, path, json.loads(body[0]) if body else None, int(status), json.loads(told)
        )


EXCHANGES = [Exchange.read(text) for text in block("text").split("\n\n")]


@pytest.fixture
async def example(tmp_path: Path) -> AsyncIterator[VideoBackend]:
    (tmp_path / "example.toml").write_text(block("toml"), "utf-8")
    config = BackendConfig(
        name="example", url=ORIGIN, key=Secret(KEY), profile="example", profiles_dir=tmp_path
    )
    backend = load_backend(config)
    yield backend
    await backend.aclose()


def answers_in_order(router: respx.MockRouter, exchanges: list[Exchange]) -> respx.Route:
    """Let the wire answer as the page says, one exchange after the other."""
    answers = [respx.MockResponse(each.status, json=each.answer) for each in exchanges]
    return router.route(url__startswith=ORIGIN).mock(side_effect=answers)


@pytest.mark.anyio
async def test_the_example_replays_its_own_exchanges(example: VideoBackend) -> None:
    submit, working, ready, _ = EXCHANGES
    request = VideoRequest(prompt="a kite", duration_s=5, aspect_ratio="16:9", resolution="720p")
    with respx.mock() as router:
        route = answers_in_order(router, [submit, working, ready])
        clip = router.get(ready.answer["render"]["file"]).respond(
            200, content=b"clip", headers={"Content-Type": "video/mp4"}
        )

        remote = (await example.submit(request, idempotency_key="a" * 26)).remote
        told = [remote, await example.poll(remote), await example.poll(remote)]
        async with example.open_clip(told[-1]) as source:
            got = b"".join([chunk async for chunk in source.chunks()])

    sent = [call.request for call in route.calls]
    assert [(r.method, r.url.path) for r in sent] == [
        (each.method, each.path) for each in (submit, working, ready)
    ]
    assert json.loads(sent[0].content) == submit.sent
    assert {r.headers["x-api-key"] for r in sent} == {KEY}
    assert [(job.status, job.progress) for job in told] == [
        (RemoteStatus.QUEUED, None),
        (RemoteStatus.IN_PROGRESS, 40),
        (RemoteStatus.COMPLETED, None),
    ]
    assert got == b"clip"
    assert "x-api-key" not in clip.calls.last.request.headers


@pytest.mark.anyio
async def test_the_example_tells_a_refusal(example: VideoBackend) -> None:
    refusal = EXCHANGES[-1]
    with respx.mock() as router:
        route = answers_in_order(router, [refusal])
        with pytest.raises(RejectedByModeration, match=refusal.answer["problem"]["text"]):
            await example.submit(
                VideoRequest(prompt=refusal.sent["text"]), idempotency_key="a" * 26
            )

    assert json.loads(route.calls.last.request.content) == refusal.sent


def tables(model: type[BaseModel], place: str = "") -> dict[str, set[str]]:
    """Return the keys of every table of the language, by the name that the page gives it."""
    found: dict[str, set[str]] = {}
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        here = f"{place}.{name}" if place else name
        if inner is None:
            found.setdefault(place, set()).add(name)
        else:
            found |= tables(inner, here)
            found.setdefault(place, set()).add(name)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for part in get_args(annotation) if (m := _model_in(part))), None)


def row(table: str) -> str:
    """Return the line of the page that tells of a table; of a small one, that of its parent.

    A model's keys are those of all models.
    """
    table = re.sub(r"^models\b", "capabilities", table)
    for line in PAGE.splitlines():
        if line.startswith((f"| `[{table}]`", f"| `[[{table}]]`", f"| `[{table}.NAME]`")):
            return line
    assert "." in table, f"the page does not tell of [{table}]"
    return row(table.rpartition(".")[0])


LANGUAGE = {table: keys for table, keys in tables(JobProfile).items() if table}
TESTS_OF_AN_ANSWER = {"exists", "empty", "path", "equals"}


@pytest.mark.parametrize("table", sorted(LANGUAGE))
def test_the_page_names_each_key_of_each_table(table: str) -> None:
    told = set(re.findall(r"`(\w+)`", row(table)))
    if table == "cancel.confirmed":
        told |= TESTS_OF_AN_ANSWER
    nested = {key for key in LANGUAGE[table] if f"{table}.{key}" in LANGUAGE}

    assert LANGUAGE[table] - nested <= told


def test_the_page_names_each_filter_value_kind_and_profile() -> None:
    told = set(re.findall(r"`([\w-]+)(?::\w+)?`", PAGE))

    names = REQUEST_NAMES - {"extra"}
    assert {*FILTERS, *TROUBLES, *names, *shipped_profiles()} <= told


def test_the_page_s_profile_is_sound() -> None:
    assert read_profile(block("toml"), "the page").profile.name == "example"
