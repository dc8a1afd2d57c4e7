"""What is known of a backend: its true trouble, in words that lead to the setting."""

from __future__ import annotations

import pytest

from rushes.domain import Stage
from rushes.errors import BackendError, GenerationFailed, NotSent, Unauthorized
from rushes.jobs.directory import ConfiguredBackend
from rushes.ports import Finding, Severity
from tests.fakes import ScriptedBackend

pytestmark = pytest.mark.anyio

OK = Finding(Severity.OK, "RUSHES_BACKEND_URL", "answered 200")
WRONG_KEY = Finding(
    Severity.ERROR,
    "RUSHES_BACKEND_KEY",
    'video.test:8000 answered 401: {"error":"Unauthorized"}',
    "RUSHES_BACKEND_KEY: correct it",
    "unauthorized",
)


def configured(*findings: list[Finding] | BackendError) -> ConfiguredBackend:
    return ConfiguredBackend("main", "Main", "video.test:8000", ScriptedBackend(check=findings))


async def test_a_probe_keeps_the_kind_of_what_it_found() -> None:
    backend = configured([OK, WRONG_KEY])

    assert await backend.probe() is False

    assert backend.trouble is not None
    assert backend.trouble.kind == "unauthorized"
    assert backend.down_since is not None


async def test_the_trouble_names_setting_host_answer_and_command() -> None:
    backend = configured([WRONG_KEY])
    await backend.probe()

    assert backend.trouble is not None
    for word in ("RUSHES_BACKEND_KEY", "video.test:8000", "401", "correct it", "`rushes check`"):
        assert word in (backend.trouble.detail or "")


async def test_a_finding_without_a_kind_says_that_the_backend_does_not_answer() -> None:
    backend = configured([Finding(Severity.ERROR, "RUSHES_BACKEND_URL", "nothing there")])
    await backend.probe()

    assert backend.trouble is not None
    assert backend.trouble.kind == "backend_unavailable"


async def test_it_is_well_again_with_the_first_good_check() -> None:
    backend = configured([WRONG_KEY], [OK])

    assert [await backend.probe(), await backend.probe()] == [False, True]
    assert (backend.trouble, backend.down_since) == (None, None)


async def test_a_warning_is_no_outage() -> None:
    assert await configured([Finding(Severity.WARNING, "x", "old")]).probe() is True


async def test_an_error_of_the_check_itself_is_kept_as_it_is() -> None:
    backend = configured(NotSent("refused"))

    assert await backend.probe() is False
    assert backend.trouble is not None
    assert backend.trouble.kind == "not_sent"


async def test_only_what_tells_of_the_backend_itself_is_an_outage() -> None:
    backend = configured()
    backend.stumbled(GenerationFailed("this one prompt"), Stage.POLL)
    was_up = backend.is_up

    backend.stumbled(Unauthorized("key"), Stage.SUBMIT)

    assert (was_up, backend.is_up) == (True, False)
