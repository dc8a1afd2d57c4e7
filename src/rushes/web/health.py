"""Two questions that a supervisor asks: does it run, and can it work."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from rushes.domain import new_id
from rushes.errors import StorageError
from rushes.web.dependencies import CurrentSite

router = APIRouter(include_in_schema=False)


@router.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> Response:
    """Say that the process answers, and nothing else."""
    return PlainTextResponse("ok\n")


@router.api_route("/readyz", methods=["GET", "HEAD"])
async def readyz(site: CurrentSite) -> Response:
    """Say whether the job store answers and the clip store takes a byte."""
    try:
        await site.jobs.revision()
        async with site.clips.receive(f"readyz-{new_id()}", fence=0, resume=False) as writer:
            await writer.write(b"\0")
            await writer.abandon()
    except (StorageError, OSError):
        return PlainTextResponse("not ready\n", status_code=503)
    return PlainTextResponse("ready\n")
