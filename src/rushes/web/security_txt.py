"""Whom to tell of a hole in this server (RFC 9116)."""

from datetime import timedelta

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from rushes.domain import utc_now
from rushes.web.dependencies import CurrentSite
from rushes.web.wording.language import LANGUAGES

ADDRESS = "/.well-known/security.txt"
GOOD_FOR = timedelta(days=90)
"""As long as a server runs that says so, it is told anew; RFC 9116 advises less than a year."""

router = APIRouter(include_in_schema=False)


@router.api_route(ADDRESS, methods=["GET", "HEAD"])
async def security_txt(site: CurrentSite) -> Response:
    """Answer with the contact that the operator named; without one there is nothing here."""
    contact, public = site.config.security_contact, site.config.public
    if not contact:
        raise HTTPException(404)
    ends = (utc_now() + GOOD_FOR).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    lines = [f"Contact: {contact}", f"Expires: {ends}"]
    lines.append(f"Preferred-Languages: {', '.join(LANGUAGES)}")
    if public.origin:
        lines.append(f"Canonical: {public.origin}{public.prefix}{ADDRESS}")
    return Response("\n".join(lines) + "\n", media_type="text/plain")
