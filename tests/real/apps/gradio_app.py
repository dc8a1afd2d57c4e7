"""A Gradio app, of any version from 4 on, that makes clips; locked where a key is set."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import gradio as gr  # type: ignore[import-not-found]
from making import STEPS, Refused, clip_for, work  # type: ignore[import-not-found]

PORT = int(os.environ["PORT"])
KEY = os.environ["REAL_KEY"]


def generate(
    prompt: str,
    duration: float,
    seed: int,
    image: str | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it in
) -> tuple[str, str]:
    try:
        for step in work(prompt):
            progress((step, STEPS))
    except Refused as refusal:
        raise gr.Error(str(refusal)) from refusal
    picture = hashlib.sha256(Path(image).read_bytes()).hexdigest() if image else None
    clip = clip_for(prompt, duration=duration, seed=seed, picture=picture)
    return f"made of {prompt}", str(clip)


app = gr.Interface(
    generate,
    inputs=[
        gr.Textbox(label="Prompt"),
        gr.Slider(1, 4, value=2, step=1, label="Duration (s)"),
        gr.Number(value=42, precision=0, label="Seed"),
        gr.Image(type="filepath", image_mode=None, label="First frame"),
    ],
    outputs=[gr.Textbox(label="Said"), gr.Video(label="Clip")],
    api_name="generate",
)
app.queue(default_concurrency_limit=1, max_size=4)
app.launch(
    server_name="127.0.0.1",
    server_port=PORT,
    auth=("rehearsal", KEY) if KEY else None,
    allowed_paths=[os.environ["REAL_FOLDER"]],
    share=False,
    quiet=True,
)
