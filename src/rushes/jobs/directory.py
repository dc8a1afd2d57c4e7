"""The configured backends, and how each has been doing lately."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import Failure, Stage, utc_now
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    Forbidden,
    InvalidRequest,
    ModelUnavailable,
    NotConfigured,
    NotSent,
    Unauthorized,
)
from rushes.ports import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rushes.domain import Catalogue
    from rushes.ports import Finding, VideoBackend

DEFAULT_DEADLINE = timedelta(minutes=30)

# Troubles that say something about the backend and not about one job.
OUTAGES = frozenset(
    error.kind
    for error in (
        BackendUnavailable,
        Forbidden,
        ModelUnavailable,
        NotConfigured,
        NotSent,
        Unauthorized,
    )
)


@dataclass(slots=True)
class ConfiguredBackend:
    """One backend as the operator configured it, with what its last answers tell.

    `host` is what people are shown of its address. `slots` is how many jobs may be out there at
    once. `catalogue` is None until the backend has described itself once.
    """

    name: str
    host: str
    backend: VideoBackend
    slots: int = 2
    deadline: timedelta = DEFAULT_DEADLINE
    rehearsal: bool = False
    catalogue: Catalogue | None = None
    trouble: Failure | None = None
    down_since: datetime | None = None
    is_probed: bool = False
    """Whether it was asked at least once how it is."""
    _stumble: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_up(self) -> bool:
        """Whether nothing is known against it."""
        return self.trouble is None

    @property
    def takes_jobs(self) -> bool:
        """Whether jobs may be handed to it: one that is still booting would lose their answers."""
        return self.is_probed and self.is_up

    def answered(self) -> None:
        """Note a sign of life."""
        self.trouble = None
        self.down_since = None

    def stumbled(self, error: BackendError, stage: Stage) -> None:
        """Note an error, if it tells of the backend itself."""
        if error.kind in OUTAGES:
            self._note(Failure.from_error(error, stage))

    def _note(self, trouble: Failure) -> None:
        if self.down_since is None:
            self.down_since = utc_now()
        self.trouble = trouble
        self._stumble.set()

    async def wait_stumble(self, at_most: timedelta) -> None:
        """Return when the next trouble is noted, or when `at_most` has passed."""
        self._stumble.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await self._stumble.wait()

    async def describe(self) -> Catalogue:
        """Learn the catalogue anew."""
        self.catalogue = await self.backend.describe()
        return self.catalogue

    async def probe(self) -> bool:
        """Ask whether it is well, note the answer, and return it."""
        try:
            await self._ask()
        finally:
            self.is_probed = True
        return self.is_up

    async def _ask(self) -> None:
        try:
            await self.describe()
            findings = await self.backend.check()
        except BackendError as error:
            self.stumbled(error, Stage.POLL)
            return
        worst = next((f for f in findings if f.severity is Severity.ERROR), None)
        if worst is None:
            self.answered()
        else:
            self._note(_as_failure(worst))


def _as_failure(finding: Finding) -> Failure:
    """Keep what a check found for the banner: setting, what was received, what to do."""
    said = (finding.subject, finding.message, finding.remedy, "run `rushes check`")
    detail = " · ".join(part for part in said if part)
    return Failure(finding.kind or BackendUnavailable.kind, Stage.POLL, detail=detail)


@dataclass(slots=True)
class Directory:
    """Finds backends by name; the first one is the default."""

    backends: dict[str, ConfiguredBackend] = field(default_factory=dict)

    @classmethod
    def of(cls, backends: Iterable[ConfiguredBackend]) -> Directory:
        """Build a directory in the order given."""
        return cls({backend.name: backend for backend in backends})

    def all(self) -> list[ConfiguredBackend]:
        """Return every backend, the default first."""
        return list(self.backends.values())

    @property
    def default(self) -> ConfiguredBackend:
        """Return the backend that serves whoever names none."""
        return next(iter(self.backends.values()))

    def find(self, name: str) -> ConfiguredBackend | None:
        """Return a backend by name; None for one that is not configured any more."""
        return self.backends.get(name)

    def get(self, name: str | None) -> ConfiguredBackend:
        """Return a backend by name (None: the default); raises InvalidRequest for a stranger."""
        if name is None:
            return self.default
        if name not in self.backends:
            raise InvalidRequest("There is no backend of that name here.", field="backend")
        return self.backends[name]
