"""Figures for a monitor, in Prometheus' text format 0.0.4.

Labels are backends, states, stages and outcomes: never a job, a person or a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import rushes
from rushes.domain import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from rushes.counts import Counts, Histogram
    from rushes.jobs.directory import ConfiguredBackend
    from rushes.ports import Queue

    Census = Mapping[tuple[str, JobStatus], int]


@dataclass(slots=True)
class Family:
    """One metric: its name, kind, help, and a value for each set of labels."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, tuple[tuple[str, str], ...], float]] = field(default_factory=list)
    """Suffix of the name, labels, value."""

    def add(self, value: float, suffix: str = "", **labels: str) -> None:
        """Add a value."""
        self.samples.append((suffix, tuple(labels.items()), value))

    def lines(self) -> Iterator[str]:
        """Yield it as it is written."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for suffix, labels, value in self.samples:
            told = ",".join(f'{name}="{_quoted(text)}"' for name, text in labels)
            yield f"{self.name}{suffix}{f'{{{told}}}' if told else ''} {value:.15g}"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def written(families: Iterable[Family]) -> str:
    """Return metrics as they are read."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def of_process(counts: Counts, *, streams: int, store_is_up: bool) -> Sequence[Family]:
    """Return what is known of this process, whatever the store says."""
    build = Family("rushes_build_info", "gauge", "Always 1; the label tells the version.")
    build.add(1, version=rushes.__version__)
    store = Family("rushes_store_up", "gauge", "Whether the job store answers.")
    store.add(store_is_up)
    errors = Family("rushes_database_errors_total", "counter", "Failed database transactions.")
    errors.add(counts.database_errors)
    pages = Family("rushes_event_streams", "gauge", "Live pages that are open.")
    pages.add(streams)
    sent = Family("rushes_clip_sent_bytes_total", "counter", "Bytes of clips sent to viewers.")
    sent.add(counts.clip_bytes_out)
    return build, store, errors, pages, sent


def of_backends(backends: Iterable[ConfiguredBackend]) -> Sequence[Family]:
    """Return how the backends are, and what came of the calls to them."""
    up = Family("rushes_backend_up", "gauge", "Whether nothing is known against the backend.")
    held = Family("rushes_backend_held", "gauge", "Whether new jobs for it wait on purpose.")
    calls = Family("rushes_backend_calls_total", "counter", "Calls by stage and outcome.")
    got = Family("rushes_clip_received_bytes_total", "counter", "Bytes of clips brought home.")
    took = Family("rushes_job_seconds", "histogram", "From the hand-over until the clip was here.")
    for backend in backends:
        up.add(backend.is_up, backend=backend.id)
        held.add(backend.is_held, backend=backend.id)
        got.add(backend.counts.clip_bytes, backend=backend.id)
        for (stage, outcome), count in sorted(backend.counts.calls.items()):
            calls.add(count, backend=backend.id, stage=stage, outcome=outcome)
        _spread(took, backend, backend.counts.seconds)
    return up, held, calls, got, took


def _spread(family: Family, backend: ConfiguredBackend, histogram: Histogram) -> None:
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    counts = list(accumulate(histogram.places))
    for bound, count in zip(bounds, counts, strict=True):
        family.add(count, "_bucket", backend=backend.id, le=bound)
    family.add(histogram.total, "_sum", backend=backend.id)
    family.add(counts[-1], "_count", backend=backend.id)


def of_jobs(census: Census, queue: Queue, now: datetime) -> Sequence[Family]:
    """Return how many jobs there are, and how long the queue is."""
    jobs = Family("rushes_jobs", "gauge", "Jobs that are kept, by backend and state.")
    for (backend, status), count in sorted(census.items()):
        jobs.add(count, backend=backend, status=status)
    length = Family("rushes_queue_length", "gauge", "Jobs that wait for any backend.")
    length.add(
        sum(many for (_, status), many in queue.counts.items() if status is JobStatus.QUEUED)
    )
    age = Family("rushes_queue_oldest_seconds", "gauge", "How long the oldest of them has waited.")
    oldest = min((job.created_at for job in queue.waiting), default=now)
    age.add(max(0.0, (now - oldest).total_seconds()))
    return jobs, length, age
