"""Where the site lives: the public address, every address under it, and the prefix made regular.

The prefix is configuration (`https://host/video`), never taken from a forwarded header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode, urlsplit

from starlette.responses import RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")

# A path that no browser reads as another host's, as it does // and /\\.
PLAIN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")

# First segments of our own addresses, now and as planned. A prefix that begins with one of them
# could not be told from a page once a proxy has stripped it.
OWN_SEGMENTS = frozenset(
    {
        "about",
        "account",
        "admin",
        "api",
        "compose",
        "doctor",
        "erase",
        "events",
        "export",
        "healthz",
        "help",
        "jobs",
        "language",
    }
    | {"library", "login", "logout", "metrics", "queue", "readyz", "s", "settings", "static"}
)


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """What people type to reach the site. Without a public URL all of it is empty."""

    prefix: str = ""
    """Such as `/video`, without a slash at its end; empty at the root of a host."""
    origin: str = ""
    """`https://host:port`, without a default port, as browsers write it in `Origin`."""
    host: str = ""
    """The host's name alone, in lower case."""

    @classmethod
    def parse(cls, url: str | None) -> PublicAddress:
        """Read a public URL; raises ValueError with the reason when it cannot be one."""
        if not url:
            return cls()
        parts = urlsplit(url)
        host = _host(url)
        if parts.scheme not in {"http", "https"}:
            raise ValueError("the public URL must begin with http:// or https://")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("the public URL must have no user, query or fragment")
        default = {"http": 80, "https": 443}[parts.scheme]
        port = f":{parts.port}" if parts.port not in {None, default} else ""
        return cls(_prefix(parts.path), f"{parts.scheme}://{host}{port}", host)


def _host(url: str) -> str:
    name = urlsplit(url).hostname or ""
    host = f"[{name}]" if ":" in name else name
    if not HOST.fullmatch(host):
        raise ValueError("the public URL must name a host in plain ASCII")
    return host


def _prefix(path: str) -> str:
    segments = path.strip("/").split("/") if path.strip("/") else []
    if not all(SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError("the public URL's path may hold letters, digits and . _ ~ - only")
    if segments and segments[0] in OWN_SEGMENTS:
        raise ValueError(f"the public URL's path must not begin with our own /{segments[0]}")
    return "".join(f"/{segment}" for segment in segments)


class NormalisePrefix:
    """Makes a prefix that a proxy kept and one that it stripped look the same to the routes.

    Starlette wants `path` to include `root_path`; the bare prefix is sent on to its slash.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request with its whole path."""
        if scope["type"] != "http" or not self.prefix:
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path == self.prefix:
            query = scope["query_string"].decode("latin-1")
            address = f"{self.prefix}/" + (f"?{query}" if query else "")
            await RedirectResponse(address, status_code=307)(scope, receive, send)
            return
        scope["root_path"] = self.prefix
        if not path.startswith(f"{self.prefix}/"):
            scope["path"] = self.prefix + path
        await self.app(scope, receive, send)


def _climbs(address: str) -> bool:
    """Whether a path has a segment that browsers or proxies take for a way up, or for no way."""
    path = unquote(re.split("[?#]", address, maxsplit=1)[0])
    return not {".", ".."}.isdisjoint(re.split(r"[/\\]", path))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Every address of the site, as a path under the prefix; templates know it as `to`."""

    prefix: str = ""
    static_digest: str = ""

    def studio(self, after: str | None = None, deleted: str | None = None) -> str:
        """The composer and the newest jobs; `after` is a page's cursor.

        `deleted` is a job that was just put away: the page offers to take that back.
        """
        return self._at("/", after=after, deleted=deleted)

    def remix(self, job_id: str, *, expanded: bool = False) -> str:
        """The composer filled with a job's recipe, or with what the backend made of its prompt."""
        return self._at("/", **{"from": job_id, "expanded": "1" if expanded else None})

    def jobs(self) -> str:
        """Where the composer posts."""
        return self._at("/jobs")

    def admin(self) -> str:
        """Backends, people and room, for whoever runs the server."""
        return self._at("/admin")

    def admin_settings(self) -> str:
        """Every setting as it is in force."""
        return self._at("/admin/settings")

    def admin_audit(self) -> str:
        """What operators did."""
        return self._at("/admin/audit")

    def admin_hold(self) -> str:
        """Where a backend is put on hold."""
        return self._at("/admin/hold")

    def admin_release(self) -> str:
        """Where a hold is taken back."""
        return self._at("/admin/release")

    def admin_people(self) -> str:
        """Where somebody is let in no more, or again."""
        return self._at("/admin/people")

    def admin_add_person(self) -> str:
        """Where an account is begun."""
        return self._at("/admin/people/add")

    def admin_give_password(self) -> str:
        """Where somebody is given a new password."""
        return self._at("/admin/people/password")

    def doctor(self) -> str:
        """The page that tries the way to this server."""
        return self._at("/admin/doctor")

    def doctor_verdict(self) -> str:
        """Where the doctor's page has its observations judged."""
        return self._at("/admin/doctor/verdict")

    def manifest(self) -> str:
        """What a browser keeps of the site."""
        return self._at("/manifest.webmanifest")

    def compose(self) -> str:
        """Where the composer is drawn anew, for another backend or model."""
        return self._at("/compose")

    def job(self, job_id: str, *, watch: bool = False, saved: bool = False) -> str:
        """A job's permanent page; `watch` lets it refresh itself without a script.

        After `saved` it says who sees the clip from now on.
        """
        told = {"watch": "1" if watch else None, "saved": "1" if saved else None}
        return self._at(f"/jobs/{job_id}", **told)

    def clip(self, job_id: str, *, download: bool = False, recipe: bool = False) -> str:
        """A job's clip, to play or to keep; with its recipe it is a zip."""
        asked = {"download": "1" if download else None, "with": "recipe" if recipe else None}
        return self._at(f"/jobs/{job_id}/clip", **asked)

    def first_frame(self, job_id: str) -> str:
        """The picture that a job's clip begins with."""
        return self._at(f"/jobs/{job_id}/first-frame")

    def poster(self, job_id: str) -> str:
        """A picture of a job's clip: where it is shown, and where the first one is put."""
        return self._at(f"/jobs/{job_id}/poster")

    def cancel(self, job_id: str) -> str:
        """Where a cancel wish is posted."""
        return self._at(f"/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> str:
        """Where "try again" is posted."""
        return self._at(f"/jobs/{job_id}/retry")

    def check_again(self, job_id: str) -> str:
        """Where "check again" is posted."""
        return self._at(f"/jobs/{job_id}/check-again")

    def give_up(self, job_id: str) -> str:
        """Where "give up" is posted."""
        return self._at(f"/jobs/{job_id}/give-up")

    def visibility(self, job_id: str) -> str:
        """Where the choice of who else sees a clip is posted."""
        return self._at(f"/jobs/{job_id}/visibility")

    def shares(self, job_id: str) -> str:
        """Where a new link to a clip is asked for."""
        return self._at(f"/jobs/{job_id}/shares")

    def revoke(self, job_id: str, share_id: str) -> str:
        """Where a link to a clip is ended."""
        return self._at(f"/jobs/{job_id}/shares/{share_id}/revoke")

    def shared(self, token: str) -> str:
        """The page of one clip for whoever has the link."""
        return self._at(f"/s/{token}")

    def shared_clip(self, token: str, *, download: bool = False) -> str:
        """The clip behind a link, to play or to keep."""
        return self._at(f"/s/{token}/clip", download="1" if download else None)

    def shared_poster(self, token: str) -> str:
        """A picture of the clip behind a link."""
        return self._at(f"/s/{token}/poster")

    def star(self, job_id: str) -> str:
        """Where a star is given (`starred=1`) or taken back (`starred=0`)."""
        return self._at(f"/jobs/{job_id}/star")

    def title(self, job_id: str) -> str:
        """Where a new title is posted."""
        return self._at(f"/jobs/{job_id}/title")

    def delete(self, job_id: str) -> str:
        """The page that asks before a delete, and where the delete is posted."""
        return self._at(f"/jobs/{job_id}/delete")

    def restore(self, job_id: str) -> str:
        """Where a delete is taken back."""
        return self._at(f"/jobs/{job_id}/restore")

    def events(self, after: int | None = None) -> str:
        """The live stream, from the revision `after`."""
        return self._at("/events", after=after)

    def changes(self, after: int | None = None) -> str:
        """The same news by polling."""
        return self._at("/api/v1/changes", after=after)

    def api_jobs(self) -> str:
        """The API's list of jobs, and where it takes new ones."""
        return self._at("/api/v1/jobs")

    def api_job(self, job_id: str) -> str:
        """One job in the API."""
        return self._at(f"/api/v1/jobs/{job_id}")

    def library(self, **filters: str | None) -> str:
        """Search and filters over all clips."""
        return self._at("/library", **filters)

    def account(self, changed: str | None = None) -> str:
        """One's own name, password and tokens; `changed` says what just did."""
        return self._at("/account", changed=changed)

    def account_password(self) -> str:
        """Where a new password is posted."""
        return self._at("/account/password")

    def account_tokens(self) -> str:
        """Where a new API token is asked for."""
        return self._at("/account/tokens")

    def revoke_token(self, token_id: str) -> str:
        """Where an API token is taken back."""
        return self._at(f"/account/tokens/{token_id}/revoke")

    def queue(self, *, watch: bool = False) -> str:
        """What waits and what runs; with `watch` it refreshes itself without scripts."""
        return self._at("/queue", watch="1" if watch else None)

    def export(self) -> str:
        """Everything of one's own as one zip."""
        return self._at("/export")

    def erase(self) -> str:
        """The page that asks before everything is erased, and where that is posted."""
        return self._at("/erase")

    def erase_job(self, job_id: str) -> str:
        """Where one job is erased without undo."""
        return self._at(f"/jobs/{job_id}/erase")

    def about(self) -> str:
        """What this server is."""
        return self._at("/about")

    def sign_in(self, back: str = "") -> str:
        """Where the password is asked for; `back` is where to go afterwards."""
        return self._at("/login", next=back if back not in {"", self.studio()} else None)

    def sign_out(self) -> str:
        """Where a session is ended."""
        return self._at("/logout")

    def is_own(self, address: str) -> bool:
        """Whether a path that came with a request leads to this very site and nowhere else."""
        plain = PLAIN_PATH.fullmatch(address) is not None and address.startswith(self.studio())
        return plain and not _climbs(address)

    def language(self) -> str:
        """Where a choice of language is posted."""
        return self._at("/language")

    def static(self, path: str) -> str:
        """A file of the static folder, under a name that changes with the folder's contents."""
        folder = f"/static/{self.static_digest}" if self.static_digest else "/static"
        return self._at(f"{folder}/{quote(path)}")

    def _at(self, path: str, **query: str | int | None) -> str:
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self.prefix}{path}" + (f"?{urlencode(given)}" if given else "")
