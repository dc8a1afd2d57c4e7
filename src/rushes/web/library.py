"""The library: every clip, searched and filtered by a plain form; and what was put away."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from fastapi import APIRouter, Request, Response

from rushes.domain import UNDER_WAY, JobPage, JobQuery, JobStatus, Scope, Viewer
from rushes.web.cards import around
from rushes.web.dependencies import CurrentSite, CurrentViewer, Site

TEXT_MAX = 200

router = APIRouter(include_in_schema=False)


class Shelf(StrEnum):
    """The states that people tell apart."""

    ALL = ""
    DONE = "done"
    OPEN = "open"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    DELETED = "deleted"
    SHOWN = "shown"
    """Others' clips that they show to whoever looks."""


STATUSES = {
    Shelf.DONE: frozenset({JobStatus.COMPLETED}),
    Shelf.OPEN: UNDER_WAY,
    Shelf.FAILED: frozenset({JobStatus.FAILED}),
    Shelf.CANCELLED: frozenset({JobStatus.CANCELLED}),
    Shelf.UNKNOWN: frozenset({JobStatus.UNKNOWN}),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the library's form asks for. Whatever cannot be is left out."""

    text: str = ""
    shelf: Shelf = Shelf.ALL
    starred: bool = False
    backend: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read the address of a page."""
        shelf = query.get("state", "")
        return cls(
            text=query.get("q", "").strip()[:TEXT_MAX],
            shelf=Shelf(shelf) if shelf in set(Shelf) else Shelf.ALL,
            starred=query.get("starred") == "1",
            backend=query.get("backend", "")[:TEXT_MAX],
        )

    @property
    def has_any(self) -> bool:
        """Whether anything is filtered at all."""
        return self != Filters()

    def typed(self) -> dict[str, str]:
        """Return the fields as an address has them."""
        fields = {
            "q": self.text,
            "state": self.shelf.value,
            "starred": "1" if self.starred else "",
            "backend": self.backend,
        }
        return {name: value for name, value in fields.items() if value}

    def job_query(self, owner: str, after: str | None) -> JobQuery:
        """Return the question in the domain's words."""
        return JobQuery(
            Scope(owner),
            text=self.text or None,
            statuses=STATUSES.get(self.shelf),
            backend=self.backend or None,
            starred=True if self.starred else None,
            deleted=self.shelf is Shelf.DELETED,
            after=after,
        )


@router.api_route("/library", methods=["GET", "HEAD"])
async def library(
    request: Request, site: CurrentSite, viewer: CurrentViewer, after: str | None = None
) -> Response:
    """Show what was found, a page at a time."""
    filters = Filters.of(request.query_params)
    revision = await site.jobs.newest(viewer)
    page = await _found(site, viewer, filters, after)
    return site.renderer.page(
        "library.html",
        request=request,
        viewer=viewer,
        filters=filters,
        backends=site.jobs.backends.all(),
        next=page.next,
        revision=revision,
        **await around(site, page.jobs),
    )


async def _found(site: Site, viewer: Viewer, filters: Filters, after: str | None) -> JobPage:
    query = filters.job_query(viewer.owner, after)
    if filters.shelf is Shelf.SHOWN:
        return await site.sharing.shown(viewer, query)
    if query.deleted:
        return JobPage(tuple(await site.jobs.restorable(viewer, query)))
    return await site.jobs.search(viewer, query)
