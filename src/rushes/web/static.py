"""Static files that browsers may keep for ever, because their address tells their contents."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_WHILE = "public, max-age=300"


def digest_of(folder: Path) -> str:
    """Return 16 hexadecimal digits that change with any name or byte in the folder."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


class CachedFiles(StaticFiles):
    """Static files with a word on how long they may be kept."""

    def __init__(self, folder: Path, cache_control: str) -> None:
        super().__init__(directory=folder)
        self.cache_control = cache_control

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as inherited
        """Answer with the file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = self.cache_control
        return response
