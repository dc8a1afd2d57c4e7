"""A still picture of a finished clip: its first frame, as JPEG."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image


def still(clip: Path) -> bytes:
    """Return the first frame of a clip."""
    with av.open(str(clip)) as container:
        image: Image = next(container.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
    picture = BytesIO()
    image.save(picture, "JPEG", quality=85)
    return picture.getvalue()
