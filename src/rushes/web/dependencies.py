"""What a request is served with: the site's parts, and who is looking."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request
from fastapi import Path as PathParameter
from starlette.exceptions import HTTPException

from rushes.counts import Counts
from rushes.domain import ID_PATTERN, LOCAL_VIEWER, Job, Viewer
from rushes.errors import JobNotFound
from rushes.web.entry.door import Door
from rushes.web.entry.identity import IdentityRules
from rushes.web.prefix import Addresses, PublicAddress
from rushes.web.rendering import Renderer, folder
from rushes.web.wording.language import SOURCE, language_of

if TYPE_CHECKING:
    from rushes.jobs.operating import OperatorService
    from rushes.jobs.oversight import Oversight
    from rushes.jobs.service import JobService
    from rushes.jobs.sharing import Sharing
    from rushes.people.accounts import Accounts
    from rushes.people.presence import Presence
    from rushes.people.tokens import Tokens
    from rushes.ports import ClipStore
    from rushes.web.proxies import Network

Translate = Callable[[str], str]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "[::1]", "localhost"})


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting as operators see it: a secret is masked. `origin` is where it came from."""

    name: str
    value: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What an operator decides about the HTTP side. Sizes in bytes."""

    static: Path = field(default_factory=lambda: folder("static"))
    public: PublicAddress = field(default_factory=PublicAddress)
    allowed_hosts: frozenset[str] = LOOPBACK_HOSTS
    """Names that `Host` may carry, in lower case and without a port."""
    rehearsal: bool = False
    about: str = ""
    """The operator's own words for the About page: plain text, parted by blank lines."""
    security_contact: str = ""
    """Whom to tell of a hole, as an address: `mailto:` or `https:`."""
    language: str = SOURCE
    """What is spoken to whoever prefers none of ours."""
    form_max: int = 512 * 1024
    json_max: int = 64 * 1024
    streams_max: int = 2_000
    streams_per_viewer: int = 6
    logout_url: str = ""
    """Where a portal signs people out, if there is one."""
    doctor_key: str = field(default_factory=token_urlsafe)
    """Opens the doctor's probes."""
    is_open_on_purpose: bool = False
    """Whether others may come although nobody is asked who they are."""
    trusted_proxies: "tuple[Network, ...]" = ()
    """Who may say where a request comes from."""
    metrics_networks: "tuple[Network, ...]" = ()
    """Who may read the figures; nobody by default."""
    settings: tuple[SettingLine, ...] = ()


@dataclass(frozen=True, slots=True)
class People:
    """Who may come in, wherever somebody has to say who they are."""

    tokens: "Tokens"
    presence: "Presence"
    accounts: "Accounts | None" = None
    """None where one password is everybody's."""
    identity: IdentityRules | None = None
    """How a proxy names people, where it is the proxy that asks them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How somebody came in. `over` is set when they are shown out."""

    key: str
    over: asyncio.Event
    by_token: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that the routes need, handed in once."""

    config: WebConfig
    addresses: Addresses
    jobs: "JobService"
    clips: "ClipStore"
    renderer: Renderer
    stop: asyncio.Event
    """Set when the server is about to stop: every open stream ends."""
    sharing: "Sharing"
    oversight: "Oversight"
    operators: "OperatorService"
    counts: Counts = field(default_factory=Counts)
    exports: Counter[str] = field(default_factory=Counter)
    """How many zips are being sent, by whom."""
    door: Door | None = None
    """Where people sign in; None where nobody has to, and where a proxy asks."""
    people: People | None = None
    """None in open mode."""


def site_of(request: Request) -> Site:
    """Return the site that this request came to."""
    return cast("Site", request.app.state.site)


def current_viewer(request: Request) -> Viewer:
    """Return who is looking, as the gate found out; in open mode the single local user."""
    if site_of(request).people is None:
        return LOCAL_VIEWER
    viewer: Viewer = request.state.viewer  # without one this is a crash, never somebody
    return viewer


def current_visit(request: Request) -> Visit | None:
    """Return how the request was let in; None in open mode."""
    return getattr(request.state, "visit", None)


def over_of(visit: Visit | None) -> asyncio.Event | None:
    """Return what is set when whoever looks is shown out; None where nobody is."""
    return None if visit is None else visit.over


def seat_of(viewer: Viewer, visit: Visit | None) -> str:
    """Return whom to count what is open for: a person, or a session where all are one owner."""
    return viewer.owner if visit is None or viewer.is_known else visit.key


CurrentSite = Annotated[Site, Depends(site_of)]
CurrentViewer = Annotated[Viewer, Depends(current_viewer)]
CurrentVisit = Annotated[Visit | None, Depends(current_visit)]
JobId = Annotated[str, PathParameter(pattern=ID_PATTERN)]


def current_operator(viewer: CurrentViewer) -> Viewer:
    """Return who is looking, if they run this server; to anybody else there is nothing here."""
    if not viewer.is_operator:
        raise HTTPException(404)
    return viewer


CurrentOperator = Annotated[Viewer, Depends(current_operator)]


async def own_job(job_id: JobId, site: CurrentSite, viewer: CurrentViewer) -> Job:
    """Return the viewer's own job; raises JobNotFound."""
    return await site.jobs.get(viewer, job_id)


async def own_job_or_deleted(job_id: JobId, site: CurrentSite, viewer: CurrentViewer) -> Job:
    """Return the viewer's own job, also one that can still be restored; raises JobNotFound."""
    try:
        return await site.jobs.get(viewer, job_id)
    except JobNotFound:
        return await site.jobs.deleted(viewer, job_id)


async def seen_job(job_id: JobId, site: CurrentSite, viewer: CurrentViewer) -> Job:
    """Return a job whose clip the viewer may watch; raises JobNotFound."""
    return await site.jobs.look(viewer, job_id)


def current_language(request: Request) -> str:
    """Return the language to answer in."""
    return language_of(request, site_of(request).config.language)


def current_translate(request: Request) -> Translate:
    """Return the function that puts an English sentence into the answer's language."""
    return site_of(request).renderer.text(current_language(request))


OwnJob = Annotated[Job, Depends(own_job)]
OwnJobOrDeleted = Annotated[Job, Depends(own_job_or_deleted)]
SeenJob = Annotated[Job, Depends(seen_job)]
CurrentLanguage = Annotated[str, Depends(current_language)]
CurrentTranslate = Annotated[Translate, Depends(current_translate)]
