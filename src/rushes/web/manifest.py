"""What a browser needs to know to keep the site like an app: name, icon, and where it begins."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from rushes.web.dependencies import CurrentSite

ADDRESS = "/manifest.webmanifest"
COLOUR = "#0f6e68"

router = APIRouter(include_in_schema=False)


@router.api_route(ADDRESS, methods=["GET", "HEAD"])
async def manifest(site: CurrentSite) -> Response:
    """Answer with addresses below our own prefix, and with nothing that strangers do not see."""
    to = site.addresses
    icon = {"src": to.static("favicon.svg"), "type": "image/svg+xml", "sizes": "any"}
    return JSONResponse(
        {
            "name": "Rushes",
            "short_name": "Rushes",
            "id": to.studio(),
            "start_url": to.studio(),
            "scope": to.studio(),
            "display": "minimal-ui",
            "theme_color": COLOUR,
            "background_color": "#faf9f7",
            "icons": [icon],
        },
        media_type="application/manifest+json",
    )
