"""Trials of services that make no clip without a picture, and of those that want a model."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import respx
from PIL import Image

from rushes.backends.language.files import load_profile, shipped_choices
from rushes.backends.samples import picture_for, picture_for_trial_of
from rushes.cli import main
from rushes.ports import Severity
from tests.backends.hosted import hosted
from tests.backends.test_profile_language import KEY, TABLES, made, sent, wire
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.ports import Finding, VideoBackend

__all__ = ["wire"]

ONLY_WITH = {"kling+image", "ltx-v2+image", "stability"}


def test_only_profiles_that_take_nothing_without_a_picture_get_one() -> None:
    given = {name for name in shipped_choices() if picture_for(load_profile(name))}

    assert given == ONLY_WITH


def test_the_picture_is_one_that_services_take() -> None:
    uri = picture_for_trial_of(hosted("kling+image"))
    assert uri is not None

    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        picture.load()
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert min(picture.size) >= 300


@pytest.mark.parametrize("name", sorted(ONLY_WITH))
def test_recorded_answers_of_such_a_service_are_replayed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1-submit-200.json").write_text(
        '{"id": "7", "code": 0, "data": {"task_id": "7"}}', "utf-8"
    )

    assert main(["profile", "test", name, "--answers", str(tmp_path)]) == 0

    told = capsys.readouterr().out
    assert "submit 200: job 7" in told
    assert "iVBORw0KGgo" in told or " bytes" in told
    assert len(told) < 1000  # the picture is not shown whole


def test_one_real_clip_of_such_a_service_can_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(replace(QUICK, key=KEY, folder=tmp_path / "mock")) as client:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("RUSHES_BACKEND_URL", f"{str(client.base_url).rstrip('/')}/kling")
        monkeypatch.setenv("RUSHES_BACKEND_PROFILE", "kling+image")
        monkeypatch.setenv("RUSHES_BACKEND_KEY", KEY)

        assert main(["check", "--generate", "--prompt", "a sky", "--yes"]) == 0

        (job,) = client.get("/_mock/jobs").json()

    uri = picture_for(load_profile("kling+image")) or ""
    shown = hashlib.sha256(base64.b64decode(uri.partition(",")[2])).hexdigest()
    assert job["picture"] == shown
    assert "a clip was made, fetched and read" in capsys.readouterr().out


# --- models -------------------------------------------------------------------------------------


async def checked(backend: VideoBackend) -> list[Finding]:
    with respx.mock() as router:
        router.route().respond(200, json={"data": [], "jobs": [], "detail": "x"})
        findings = await backend.check()
    await backend.aclose()
    return findings


BODY = '[submit.body]\nprompt = "=prompt!"'
NAMELESS = [f'path = "/m/{{model:path}}"\n{BODY}', f'path = "/jobs"\n{BODY}\nmodel = "=model!"']
USUAL = '\n[submit.defaults]\nmodel = "maker/m"'


@pytest.mark.anyio
@pytest.mark.parametrize("submit", NAMELESS)
async def test_a_check_says_that_no_model_is_named(tmp_path: Path, submit: str) -> None:
    well, nameless = await checked(made(tmp_path, submit=submit))

    assert well.severity is Severity.OK
    assert (nameless.severity, nameless.kind) == (Severity.ERROR, "not_configured")
    assert nameless.subject == "RUSHES_BACKEND_MODELS"
    assert "made-up" in nameless.message
    assert "RUSHES_BACKEND_MODELS" in (nameless.remedy or "")


@pytest.mark.anyio
@pytest.mark.parametrize("submit", [NAMELESS[0] + USUAL, NAMELESS[1] + USUAL, TABLES["submit"]])
async def test_a_check_asks_for_no_model_where_none_is_missing(tmp_path: Path, submit: str) -> None:
    (well,) = await checked(made(tmp_path, submit=submit))

    assert well.severity is Severity.OK


@pytest.mark.anyio
async def test_the_configured_models_are_enough() -> None:
    assert len(await checked(hosted("replicate"))) == 1
    assert len(await checked(hosted("replicate", models=()))) == 2


@pytest.mark.anyio
async def test_the_usual_model_is_asked_for_where_nobody_names_one(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(tmp_path, submit=NAMELESS[1] + USUAL)

    assert (await sent(backend, wire, "/jobs"))["model"] == "maker/m"
    assert (await sent(backend, wire, "/jobs", model="other/m"))["model"] == "other/m"
