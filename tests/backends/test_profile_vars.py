"""What a profile has to be told of each instance: a workspace in its addresses, say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.backends.language.files import load_profile, read_profile
from rushes.domain import VideoRequest, new_id
from rushes.errors import NotConfigured
from tests.backends.test_profile import SMALL

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = "https://renders.example"
PATH = 'path = "/jobs"'
WITH_VARS = SMALL.replace('"small"', '"own"').replace(PATH, 'path = "/{vars.workspace}/jobs"', 1)
WITH_VARS = f"""{WITH_VARS}
[vars]
workspace = ""
region = "eu"
"""


def config(folder: Path, text: str = WITH_VARS, **given: str) -> BackendConfig:
    (folder / "own.toml").write_text(text, "utf-8")
    return BackendConfig("Own", ORIGIN, profile="own", profiles_dir=folder, vars=given)


@pytest.mark.anyio
async def test_what_is_said_of_an_instance_is_in_its_addresses_and_bodies(tmp_path: Path) -> None:
    text = WITH_VARS.replace('prompt = "=prompt!"', 'prompt = "=prompt!"\nwhere = "{vars.region}"')
    backend = load_backend(config(tmp_path, text, workspace="acme-1"))
    with respx.mock:
        sent = respx.post(f"{ORIGIN}/acme-1/jobs").mock(httpx.Response(200, json={"id": "j"}))
        await backend.submit(VideoRequest(prompt="a kite"), idempotency_key=new_id())
    await backend.aclose()

    assert b'"where":"eu"' in sent.calls.last.request.content.replace(b" ", b"")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "vars: the profile needs workspace"),
        ({"workspace": "a", "worksapce": "b"}, "no 'worksapce'; did you mean 'workspace'?"),
        ({"workspace": "../other"}, "workspace: letters, digits and . _ ~ - only"),
        ({"workspace": ".."}, "workspace: letters, digits"),
        ({"workspace": "a/b"}, "workspace: letters, digits"),
        ({"workspace": "{key}"}, "workspace: letters, digits"),
    ],
)
def test_what_is_missing_or_cannot_be_is_refused_at_the_start(
    tmp_path: Path, given: dict[str, str], says: str
) -> None:
    with pytest.raises(NotConfigured) as caught:
        load_backend(config(tmp_path, **given))

    assert says in str(caught.value)


def test_a_name_that_the_profile_does_not_ask_for_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"submit\.path: \[vars\] has no 'team'"):
        load_backend(
            config(tmp_path, WITH_VARS.replace("vars.workspace", "vars.team"), workspace="a")
        )


def test_a_profile_is_read_without_an_instance_too(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(WITH_VARS, "utf-8")

    assert load_profile("own", tmp_path).submit.path == "/workspace/jobs"


def test_a_value_in_the_profile_itself_is_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"vars\.region"):
        read_profile(WITH_VARS.replace('"eu"', '"e/u"'), "own.toml")


def test_a_kind_in_code_has_none(tmp_path: Path) -> None:
    kind = BackendConfig("Own", ORIGIN, profile="gradio", vars={"workspace": "a"})

    with pytest.raises(NotConfigured, match="gradio is no profile"):
        load_backend(kind)
