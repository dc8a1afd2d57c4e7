"""The rehearsal backend remembers which picture came, however it came."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.mock.dialects.pictures import picture_in
from tests.mock.driving import QUICK, SMALL, serving

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n and what follows"
JPEG = b"\xff\xd8\xff\xe0 another"
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 one"


def bare(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


@pytest.mark.parametrize("picture", [PNG, JPEG, WEBP])
def test_a_picture_is_found_in_every_dress_and_place(picture: bytes) -> None:
    uri = f"data:image/png;base64,{bare(picture)}"
    dresses: list[object] = [picture, uri, bare(picture)]

    found = [picture_in({"prompt": "x", "a": [{"b": 1}, {"c": dress}]}) for dress in dresses]

    assert found == [hashlib.sha256(picture).hexdigest()] * 3


@pytest.mark.parametrize(
    "value", ["a kite", "https://x.test/a.png", "data:image/png;base64,?", "/9j/no", None, 7]
)
def test_what_is_none_is_none(value: object) -> None:
    assert picture_in({"prompt": value}) is None


def test_a_graph_whose_picture_was_not_uploaded_is_refused() -> None:
    save = {"class_type": "SaveVideo", "inputs": {}}
    load = {"class_type": "LoadImage", "inputs": {"image": "kite.png"}}
    graph = {"1": save, "2": load, "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "x"}}}
    with serving(QUICK) as mock:
        before = mock.post("/comfyui/prompt", json={"prompt": graph})
        kept = mock.post("/comfyui/upload/image", files={"image": ("kite.png", PNG)})
        after = mock.post("/comfyui/prompt", json={"prompt": graph})
        (job,) = mock.get("/_mock/jobs").json()

    assert before.status_code == 400
    assert "Invalid image file: kite.png" in before.text
    assert kept.json() == {"name": "kite.png", "subfolder": "", "type": "input"}
    assert after.status_code == 200
    assert job["picture"] == hashlib.sha256(PNG).hexdigest()


def test_a_picture_survives_a_restart_of_the_rehearsal(tmp_path: Path) -> None:
    fields = {"prompt": "x", **SMALL}
    with serving(replace(QUICK, folder=tmp_path)) as mock:
        mock.post("/v1/videos", data=fields, files={"input_reference": ("a.png", PNG)})
    with serving(replace(QUICK, folder=tmp_path)) as mock:
        (job,) = mock.get("/_mock/jobs").json()

    assert job["picture"] == hashlib.sha256(PNG).hexdigest()
