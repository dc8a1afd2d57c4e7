"""The rehearsal backend as one application: dialects under their base paths, and a look inside."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from rushes.mock.config import MockConfig
from rushes.mock.dialects import DIALECTS
from rushes.mock.page import render_page
from rushes.mock.refusal import Refusal
from rushes.mock.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["MockConfig", "create_mock"]


def create_mock(config: MockConfig) -> FastAPI:
    """Build the application; its lifespan owns the rendering processes."""
    rehearsal = Rehearsal(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with rehearsal.running():
            yield

    app = FastAPI(title="Rushes rehearsal backend", lifespan=lifespan, openapi_url=None)
    app.state.rehearsal = rehearsal
    _add_look_inside(app, rehearsal)
    for base, dialect in DIALECTS.items():
        app.mount(base, dialect(rehearsal).app())
    return app


def _add_look_inside(app: FastAPI, rehearsal: Rehearsal) -> None:
    page = render_page({base: dialect.speaks_like for base, dialect in DIALECTS.items()})

    @app.get("/", response_class=HTMLResponse)
    def index() -> str:
        return page

    @app.get("/_mock/stats")
    async def stats() -> dict[str, object]:
        return rehearsal.stats()

    @app.get("/_mock/jobs")
    async def jobs() -> list[dict[str, object]]:
        return [
            {
                "id": job.id,
                "dialect": job.dialect,
                "prompt": job.spec.prompt,
                "picture": job.picture,
            }
            for job in rehearsal.jobs
        ]

    @app.get("/_mock/clips/{job_id:path}")
    async def clip(job_id: str) -> dict[str, object]:
        job = rehearsal.jobs.get(job_id)
        if job is None:
            raise HTTPException(404, "no such job")
        try:
            path = await rehearsal.clip(job)
        except Refusal as refusal:
            raise HTTPException(refusal.status, refusal.message) from refusal
        return await asyncio.to_thread(_facts, path)

    @app.post("/_mock/reset", status_code=204)
    async def reset() -> None:
        rehearsal.reset()


def _facts(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "size": path.stat().st_size}
