"""What `rushes check` makes of answers that are no success: never "OK" to a refused key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.net import Secret
from rushes.ports import Severity
from tests.backends.hosted import HOST, hosted
from tests.backends.test_profile_language import HEAD, KEY, TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.ports import Finding, VideoBackend

pytestmark = pytest.mark.anyio

URL, KEY_NAME, PROFILE = "RUSHES_BACKEND_URL", "RUSHES_BACKEND_KEY", "RUSHES_BACKEND_PROFILE"
EXPIRED = {"error": {"code": 400, "message": "API key expired. Please renew the API key."}}
NO_DB = {"error": {"message": "No connected db.", "code": "400"}}
ANY = {"error": {"code": "some_code", "message": "no"}}


async def checked(backend: VideoBackend, status: int, answer: object) -> Finding:
    with respx.mock() as wire:
        wire.route().respond(status, json=answer)
        (finding,) = await backend.check()
    await backend.aclose()
    return finding


REFUSALS: list[tuple[str, int, object, str, str]] = [
    ("gemini-omni", 400, EXPIRED, "unauthorized", KEY_NAME),
    ("openai-videos", 400, NO_DB, "unauthorized", KEY_NAME),
    ("xai", 402, ANY, "quota_exhausted", KEY_NAME),
    ("xai", 402, {"error": "pay"}, "quota_exhausted", KEY_NAME),
    ("xai", 429, ANY, "rate_limited", URL),
    ("xai", 500, ANY, "backend_unavailable", URL),
    ("xai", 500, {}, "backend_unavailable", URL),
    ("xai", 400, ANY, "refused_by_backend", PROFILE),
    ("xai", 418, {}, "refused_by_backend", PROFILE),
    ("xai", 410, ANY, "job_not_found", PROFILE),
    ("minimax-v1", 200, {"base_resp": {"status_code": 1008}}, "quota_exhausted", KEY_NAME),
    ("minimax-v1", 200, {"base_resp": {"status_code": 1002}}, "rate_limited", URL),
    ("kling", 200, {"code": 5000, "data": None}, "backend_unavailable", URL),
]


@pytest.mark.parametrize(("name", "status", "answer", "kind", "setting"), REFUSALS)
async def test_a_refusal_is_an_error_of_its_kind(
    name: str, status: int, answer: object, kind: str, setting: str
) -> None:
    finding = await checked(hosted(name), status, answer)

    assert (finding.severity, finding.kind) == (Severity.ERROR, kind)
    assert finding.subject == setting


WELL: list[tuple[str, int, object]] = [
    ("minimax-v1", 200, {"base_resp": {"status_code": 2013, "status_msg": "invalid task"}}),
    ("cog", 200, {"status": "READY", "setup": {"status": "succeeded"}}),
    ("openrouter", 400, {"error": {"code": 400, "message": "no such job"}}),
]


@pytest.mark.parametrize(("name", "status", "answer"), WELL)
async def test_what_a_profile_expects_of_a_sound_backend_is_well(
    name: str, status: int, answer: object
) -> None:
    finding = await checked(hosted(name), status, answer)

    assert (finding.severity, finding.kind) == (Severity.OK, None)


OK = """
[ok]
path = "/rc"
equals = "OK"
[error]
code = ["/rc"]
[[error.classify]]
code = ["E_TOKEN"]
kind = "unauthorized"
"""


def with_ok(folder: Path, *, answer: str) -> VideoBackend:
    """A backend whose answers say in an envelope whether they are what they seem."""
    submit = f'[submit]\nanswer = "{answer}"\n{TABLES["submit"]}'
    names = TABLES if answer == "job" else ("submit",)
    parts = [submit, *(f"[{name}]\n{TABLES[name]}" for name in names if name != "submit")]
    text = "\n".join([HEAD, *parts, OK])
    (folder / "made-up.toml").write_text(text, "utf-8")
    return load_backend(
        BackendConfig(
            name="made-up", url=HOST, key=Secret(KEY), profile="made-up", profiles_dir=folder
        )
    )


@pytest.mark.parametrize("answer", ["job", "clip"])
@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"rc": "E_TOKEN"}, "unauthorized"),
        ({"rc": "E_MAINT"}, "bad_backend_response"),
        ({"rc": "OK"}, None),
    ],
)
async def test_an_error_in_disguise_is_an_error_for_both_kinds_of_profiles(
    tmp_path: Path, answer: str, told: dict[str, Any], kind: str | None
) -> None:
    finding = await checked(with_ok(tmp_path, answer=answer), 200, told)

    assert finding.kind == kind
    assert finding.severity is (Severity.ERROR if kind else Severity.OK)


@pytest.mark.parametrize(
    ("key", "advice"), [(Secret(KEY), "correct it"), (None, "set it: the backend asks for a key")]
)
async def test_a_refused_key_in_the_address_is_not_called_unset(
    tmp_path: Path, key: Secret | None, advice: str
) -> None:
    parts = [f"[{name}]\n{text}" for name, text in TABLES.items()]
    auth = '[auth.query]\nkey = "{key}"\n[auth.headers]\nX-Api-Version = "2"'
    (tmp_path / "made-up.toml").write_text("\n".join([HEAD, *parts, auth]), "utf-8")
    config = BackendConfig(
        name="made-up", url=HOST, key=key, profile="made-up", profiles_dir=tmp_path
    )

    finding = await checked(load_backend(config), 401, {"error": "no"})

    assert finding.remedy == f"{KEY_NAME}: {advice}"
    assert KEY not in finding.message
