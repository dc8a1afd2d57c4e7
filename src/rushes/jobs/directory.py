"""The configured backends, and how each has been doing lately."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rushes.counts import BackendCounts
from rushes.domain import EVERY_BACKEND, Custody, Failure, Stage, utc_now
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
from rushes.jobs.queueing import Rules
from rushes.ports import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from rushes.domain import Capabilities, Catalogue, Hold, Limits, Price, VideoRequest
    from rushes.ports import Finding, VideoBackend

DEFAULT_DEADLINE = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
SIZE_WORDS = frozenset({"aspect_ratio", "resolution"})

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

    `id` is what jobs keep, `name` what people read, `host` what they are shown of its address.
    `slots` is how many jobs may be out there at once, `rate` how many may be handed over within a
    minute (None: any number). `held` keeps new jobs here because the file says so, `hold` because
    an operator does. `catalogue` is None until the backend has described itself once.
    """

    id: str
    name: str
    host: str
    backend: VideoBackend
    slots: int = 2
    rate: int | None = None
    deadline: timedelta = DEFAULT_DEADLINE
    rehearsal: bool = False
    held: bool = False
    hold: Hold | None = None
    profile: str = ""
    evidence: str = ""
    """What its profile was tried against: `run`, `recorded`, `documented`; "" where nobody says."""
    custody: Custody = field(default_factory=Custody)
    finds: bool = True
    """Whether it can be asked about a job of which it never told us an id."""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each model takes otherwise than its profile says; "" is every model."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a request that are asked for where it says nothing of them."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By model; "" is every other one's."""
    catalogue: Catalogue | None = None
    trouble: Failure | None = None
    down_since: datetime | None = None
    up_since: datetime | None = None
    last_trouble: Failure | None = None
    """What was last wrong with it, also once it is well again."""
    last_trouble_at: datetime | None = None
    counts: BackendCounts = field(default_factory=BackendCounts)
    is_probed: bool = False
    """Whether it was asked at least once how it is."""
    _stumble: asyncio.Event = field(default_factory=asyncio.Event)
    _starts: deque[datetime] = field(default_factory=deque)

    @property
    def is_up(self) -> bool:
        """Whether nothing is known against it."""
        return self.trouble is None

    @property
    def takes_jobs(self) -> bool:
        """Whether jobs may be handed to it: one that is still booting would lose their answers."""
        return self.is_probed and self.is_up and not self.is_held

    @property
    def is_held(self) -> bool:
        """Whether new jobs wait here, whatever the backend could do."""
        return self.held or self.hold is not None

    def may_start(self, now: datetime) -> int | None:
        """Return how many more jobs its rate allows at this moment; None: any number."""
        while self._starts and self._starts[0] <= now - MINUTE:
            self._starts.popleft()
        return None if self.rate is None else max(0, self.rate - len(self._starts))

    def started(self, now: datetime) -> None:
        """Note that a job is being handed over."""
        self._starts.append(now)

    @property
    def default_model(self) -> str:
        """The model of a request that names none; "" where the backend is told none either."""
        wanted = self.defaults.get("model")
        if self.catalogue is None or wanted in self.catalogue.models:
            return wanted or ""
        return self.catalogue.default

    def takes(self, model: str | None) -> Capabilities | None:
        """Return what a model takes (None: the default one); None while that is not known."""
        return self.catalogue.capabilities(model or self.default_model) if self.catalogue else None

    def usual(self, model: str | None) -> dict[str, Any]:
        """Return the defaults that a model takes: one that it would refuse is not asked for."""
        takes = self.takes(model)

        def is_taken(name: str, value: object) -> bool:
            if name == "model":
                return value == self.default_model
            return takes is None or takes.offers(name, value)

        usual = {name: value for name, value in self.defaults.items() if is_taken(name, value)}
        if takes is not None and "extra" in usual:
            usual["extra"] = takes.passed(usual["extra"])
        return usual

    def price(self, model: str | None) -> Price | None:
        """Return what a model costs, if the operator wrote it down."""
        return self.prices.get(model or self.default_model) or self.prices.get("")

    def nearest(self, request: VideoRequest) -> VideoRequest:
        """Return what comes nearest to a request that was meant for another backend."""
        takes = self.takes(None)
        return takes.nearest(request) if takes else request.model_copy(update={"model": None})

    def at_most(self, count: int) -> int:
        """Return how many clips of one recipe are made here where `count` are wanted."""
        takes = self.takes(None)
        return min(count, takes.n_max) if takes else count

    def completed(self, request: VideoRequest) -> VideoRequest:
        """Return a request with the usual values where it says nothing."""
        usual = self.usual(request.model)
        if request.pixels is not None:  # they say it all; a usual shape might be another one
            usual = {name: value for name, value in usual.items() if name not in SIZE_WORDS}
        extra = usual.pop("extra", {}) | request.extra
        absent = {name: value for name, value in usual.items() if getattr(request, name) is None}
        return request.model_copy(update=absent | {"extra": extra})

    def answered(self) -> None:
        """Note a sign of life."""
        if self.up_since is None:
            self.up_since = utc_now()
        self.trouble = None
        self.down_since = None

    def stumbled(self, error: BackendError, stage: Stage) -> None:
        """Note an error, if it tells of the backend itself."""
        if error.kind in OUTAGES:
            self._note(Failure.from_error(error, stage))

    def _note(self, trouble: Failure) -> None:
        now = utc_now()
        self.down_since = self.down_since or now
        self.up_since = None
        self.trouble = self.last_trouble = trouble
        self.last_trouble_at = now
        self._stumble.set()

    async def wait_stumble(self, at_most: timedelta) -> None:
        """Return when the next trouble is noted, or when `at_most` has passed."""
        self._stumble.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await self._stumble.wait()

    async def describe(self) -> Catalogue:
        """Learn the catalogue anew."""
        self.catalogue = (await self.backend.describe()).changed(self.overrides)
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
    """Finds backends by id; the first one is the default."""

    backends: dict[str, ConfiguredBackend] = field(default_factory=dict)

    @classmethod
    def of(cls, backends: Iterable[ConfiguredBackend]) -> Directory:
        """Build a directory in the order given."""
        return cls({backend.id: backend for backend in backends})

    def all(self) -> list[ConfiguredBackend]:
        """Return every backend, the default first."""
        return list(self.backends.values())

    def health(self) -> str:
        """Return a mark that is another one once a backend goes, comes back or is held."""
        known = [(b.id, b.trouble.kind if b.trouble else "", b.is_held) for b in self.all()]
        return hashlib.sha256(repr(known).encode()).hexdigest()[:12]

    def apply(self, holds: Iterable[Hold]) -> None:
        """Let exactly these holds be in force."""
        by_backend = {hold.backend: hold for hold in holds}
        for backend in self.all():
            backend.hold = by_backend.get(backend.id) or by_backend.get(EVERY_BACKEND)

    @property
    def default(self) -> ConfiguredBackend:
        """Return the backend that serves whoever names none."""
        return next(iter(self.backends.values()))

    def by_any_id(self) -> dict[str, ConfiguredBackend]:
        """Return the backends by all that their jobs may have kept.

        That is the id; of before there were ids the name; and of a backend that the environment
        configured before a file did the host, where only one has it.
        """
        known = self.all()
        hosts = Counter(backend.host for backend in known)
        by_host = {backend.host: backend for backend in known if hosts[backend.host] == 1}
        return by_host | {backend.name: backend for backend in known} | self.backends

    def rules(self, now: datetime, limits: Limits) -> Rules:
        """Return what starts must keep to at this moment."""
        backends = self.by_any_id()
        starts = {key: backend.may_start(now) for key, backend in backends.items()}
        return Rules(
            slots={key: backend.slots for key, backend in backends.items()},
            paused=frozenset(key for key, backend in backends.items() if not backend.takes_jobs),
            starts={key: left for key, left in starts.items() if left is not None},
            rates={key: b.rate for key, b in backends.items() if b.rate is not None},
            running_total=limits.running_total,
            running_per_owner=limits.running_per_owner,
        )

    def find(self, id_: str) -> ConfiguredBackend | None:
        """Return a backend by what a job kept of it; None for one that is not configured."""
        return self.by_any_id().get(id_)

    def is_held(self, id_: str) -> bool:
        """Whether new jobs of a backend wait here for the time being."""
        backend = self.find(id_)
        return backend is not None and backend.is_held

    def finds(self, id_: str) -> bool:
        """Whether a backend can be asked about a job without its id; one that is gone may come."""
        backend = self.find(id_)
        return backend is None or backend.finds

    def label(self, id_: str) -> str:
        """Return what people call a backend; of one that is gone there is only the id."""
        backend = self.find(id_)
        return backend.name if backend else id_

    def get(self, id_: str | None) -> ConfiguredBackend:
        """Return a backend by id (None: the default); raises InvalidRequest for a stranger."""
        backend = self.default if id_ is None else self.find(id_)
        if backend is None:
            raise InvalidRequest("There is no backend of that name here.", field="backend")
        return backend
