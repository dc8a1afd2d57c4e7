"""Figures for monitors: who may read them, how they are written, and what they never tell."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from rushes.domain import Hold, JobStatus, new_id
from rushes.errors import StorageError
from rushes.web.dependencies import WebConfig
from rushes.web.operators.figures import Family, written
from rushes.web.site import create_site
from tests.web.guarded import Guarded
from tests.web.stage import BEGAN, Stage, a_backend

pytestmark = pytest.mark.anyio

OURS = ip_network("10.0.0.0/8")
MONITOR = "10.1.2.3"
PROXY = "192.0.2.1"
SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')


def a_stage(**parts: Any) -> Stage:  # noqa: ANN401 - its fields
    return Stage(WebConfig(metrics_networks=(OURS,)), **parts)


async def asked(stage: Stage, host: str = MONITOR, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(create_site(stage.site()), client=(host, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get("/metrics", headers=headers)


async def figures(stage: Stage) -> dict[str, float]:
    """Return every value by its name and labels as they are written."""
    told = {}
    for line in (await asked(stage)).text.splitlines():
        if line.startswith("#"):
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample is not None, line
        told[line.rpartition(" ")[0]] = float(sample[3])
    return told


# --- who may look -------------------------------------------------------------------------------


async def test_nobody_reads_them_until_a_network_is_named() -> None:
    assert (await asked(Stage(), "127.0.0.1")).status_code == 404


async def test_the_named_network_reads_them_and_no_other() -> None:
    assert (await asked(a_stage())).status_code == 200
    assert (await asked(a_stage(), "11.0.0.1")).status_code == 404
    assert (await asked(a_stage(), "not an address")).status_code == 404


async def test_behind_a_trusted_proxy_the_client_counts() -> None:
    config = WebConfig(metrics_networks=(OURS,), trusted_proxies=(ip_network(PROXY),))

    inside = await asked(Stage(config), PROXY, **{"X-Forwarded-For": MONITOR})
    outside = await asked(Stage(config), PROXY, **{"X-Forwarded-For": f"{MONITOR}, 203.0.113.9"})

    assert (inside.status_code, outside.status_code) == (200, 404)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
async def test_what_an_untrusted_proxy_passes_on_is_refused(header: str) -> None:
    assert (await asked(a_stage(), MONITOR, **{header: MONITOR})).status_code == 404


async def test_a_monitor_needs_no_session() -> None:
    guarded = Guarded(WebConfig(metrics_networks=(OURS,)))

    assert (await asked(guarded)).status_code == 200
    assert (await asked(guarded, "203.0.113.9")).status_code == 404


# --- what they tell -----------------------------------------------------------------------------


async def test_they_are_written_as_monitors_read_them() -> None:
    answer = await asked(a_stage())

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    names = re.findall(r"^# TYPE (\w+) (gauge|counter|histogram)$", answer.text, re.MULTILINE)
    assert len(names) == len(dict(names)), "each metric is told once"
    assert all(name.endswith("_total") for name, kind in names if kind == "counter")


async def test_jobs_are_told_by_backend_and_state_and_the_queue_by_its_age() -> None:
    stage = a_stage()
    await stage.job()
    await stage.job(owner="somebody else")
    await stage.job(status=JobStatus.COMPLETED)

    told = await figures(stage)

    assert told['rushes_jobs{backend="stage",status="queued"}'] == 2
    assert told['rushes_jobs{backend="stage",status="completed"}'] == 1
    assert told["rushes_queue_length"] == 2
    assert told["rushes_queue_oldest_seconds"] > 0


async def test_an_empty_queue_has_no_age() -> None:
    told = await figures(a_stage())

    assert (told["rushes_queue_length"], told["rushes_queue_oldest_seconds"]) == (0, 0)


async def test_calls_are_told_by_outcome_and_times_as_a_histogram() -> None:
    backend = a_backend()
    backend.counts.calls["submit", "ok"] += 3
    backend.counts.seconds.add(7)
    backend.counts.seconds.add(7000)
    backend.counts.clip_bytes = 12_345_678_901

    told = await figures(a_stage(backends=[backend]))

    calls = 'rushes_backend_calls_total{backend="stage",stage="submit",outcome="ok"}'
    assert told[calls] == 3
    assert told['rushes_job_seconds_bucket{backend="stage",le="5"}'] == 0
    assert told['rushes_job_seconds_bucket{backend="stage",le="10"}'] == 1
    assert told['rushes_job_seconds_bucket{backend="stage",le="3600"}'] == 1
    assert told['rushes_job_seconds_bucket{backend="stage",le="+Inf"}'] == 2
    assert told['rushes_job_seconds_count{backend="stage"}'] == 2
    assert told['rushes_job_seconds_sum{backend="stage"}'] == 7007
    assert told['rushes_clip_received_bytes_total{backend="stage"}'] == 12_345_678_901


async def test_a_held_backend_and_one_that_is_down_are_told() -> None:
    held = a_backend("held", hold=Hold("held", "ada", BEGAN))

    told = await figures(a_stage(backends=[held]))

    assert told['rushes_backend_held{backend="held"}'] == 1
    assert told['rushes_backend_up{backend="held"}'] == 1


async def test_bytes_that_viewers_got_are_counted() -> None:
    stage = a_stage()
    job = await stage.finished(bytes(3000))
    site = stage.site()
    async with stage.client(site=site) as client:
        await client.get(f"/jobs/{job.id}/clip", headers={"Range": "bytes=0-999"})
        await client.get(f"/jobs/{job.id}/clip")
        await client.head(f"/jobs/{job.id}/clip")

    assert site.counts.clip_bytes_out == 4000


async def test_a_store_that_does_not_answer_is_a_figure_too() -> None:
    class Silent(Stage):
        def site(self) -> Any:  # noqa: ANN401 - the site
            async def census() -> None:
                raise StorageError("locked")

            self.jobs.census = census  # type: ignore[assignment,method-assign] # breaks it
            return super().site()

    told = await figures(Silent(WebConfig(metrics_networks=(OURS,))))

    assert told["rushes_store_up"] == 0
    assert "rushes_queue_length" not in told


async def test_no_person_job_or_prompt_is_told() -> None:
    stage = a_stage()
    job = await stage.job("canary in a prompt", owner="canary-owner", title="canary")

    text = (await asked(stage)).text

    assert "canary" not in text
    assert job.id not in text


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    family = Family("rushes_jobs", "gauge", "Jobs.")
    family.add(1, backend='a"} 7\nrushes_jobs \\')

    assert written([family]).splitlines()[2] == r'rushes_jobs{backend="a\"} 7\nrushes_jobs \\"} 1'


async def test_a_deleted_job_counts_no_more() -> None:
    stage = a_stage()
    job = await stage.job()
    await stage.jobs.write(replace(job, deleted_at=BEGAN, submit_token=new_id()))

    assert (await figures(stage))["rushes_queue_length"] == 0
