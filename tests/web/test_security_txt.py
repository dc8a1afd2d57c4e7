"""Whom to tell of a hole."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from rushes.domain import utc_now
from rushes.settings import BadSetting, load_settings
from rushes.web.dependencies import WebConfig
from rushes.web.prefix import PublicAddress
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

ADDRESS = "/.well-known/security.txt"


async def test_without_a_contact_there_is_nothing() -> None:
    async with Stage().client() as client:
        assert (await client.get(ADDRESS)).status_code == 404


async def test_the_contact_is_told_and_expires_in_the_months_to_come() -> None:
    public = PublicAddress.parse("https://video.test/rushes")
    config = WebConfig(
        security_contact="mailto:security@video.test",
        public=public,
        allowed_hosts=frozenset({"localhost"}),
    )
    async with Stage(config=config).client() as client:
        answer = await client.get(f"/rushes{ADDRESS}")

    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert answer.headers["content-type"].startswith("text/plain")
    assert fields["Contact"] == "mailto:security@video.test"
    assert fields["Canonical"] == f"https://video.test/rushes{ADDRESS}"
    assert fields["Preferred-Languages"] == "en, fr, it"
    left = datetime.fromisoformat(fields["Expires"]) - utc_now()
    assert timedelta(days=30) < left < timedelta(days=365)


@pytest.mark.parametrize("contact", ["security@video.test", "http://video.test", "mailto:a\nb"])
def test_a_contact_that_is_no_address_is_refused(contact: str) -> None:
    with pytest.raises(BadSetting, match="RUSHES_SECURITY_CONTACT: must look like mailto:"):
        load_settings(None, security_contact=contact)
