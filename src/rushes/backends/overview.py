"""docs/backends.md, written from the shipped profiles: one row per service, and what is known.

The rows of those that need code are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.backends.language.files import load_profile, shipped_choices
from rushes.backends.speaking import Speaker
from rushes.errors import NotConfigured

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.backends.language.profile import Profile
    from rushes.ports import VideoBackend

TOP = """\
# Services with a profile

This page is written by `rushes profile list` from the profiles; a test keeps it current.

**Evidence** says what a profile was tried against:
*run* is a real server, *recorded* a real exchange, *documented* only documents and client sources.
The real servers are started by `make test-slow`, after `make real-servers`.
All are tried against an imitation in the rehearsal backend, made from those same documents:
that finds our mistakes, not theirs.
Services change monthly: look at the date, make one short clip first, and tell what you saw.

| profile | service | API, as of | evidence | progress | cancel | limits |
| --- | --- | --- | --- | --- | --- | --- |
"""
END = """
`comfyui` and `gradio` are code and have no profile to copy.
What is not here takes a file of some forty lines: [adding-a-backend.md](adding-a-backend.md).
"""
IN_CODE = (
    (
        "`comfyui`",
        "ComfyUI",
        "0.3.64 and 0.33; 2026-11-22",
        "documented",
        "yes",
        "yes",
        "one workflow per backend, exported by you; the percentage counts the samplers' steps",
    ),
    (
        "`gradio`",
        "Gradio apps, Hugging Face Spaces",
        "Gradio 4.44, 5.50 and 6.31; 2026-11-23",
        "run",
        "yes",
        "yes",
        "apps differ in what they take; no app confirms a stop; a clip is told of once",
    ),
)
HEADINGS = ("service", "API", "evidence", "progress", "cancel", "limits")
CANCEL = {"none": "no", "queued": "while it waits", "any": "yes"}


def known_of(backend: VideoBackend) -> list[tuple[str, str]]:
    """Return the row of a configured backend as pairs of heading and text; [] where it has none."""
    if isinstance(backend, Speaker):
        cells = _told(backend.profile)
    else:
        rooms = backend.__class__.__module__.split(".")
        cells = next((row[1:] for row in IN_CODE if row[0].strip("`") in rooms), ())
    return [pair for pair in zip(HEADINGS, cells, strict=False) if pair[1]]


def backends_page() -> str:
    """Return the whole page."""
    rows = [*IN_CODE, *(_cells(name) for name in shipped_choices())]
    by_name = sorted(rows, key=lambda cells: cells[0].strip("`"))
    return TOP + "".join(map(_row, by_name)) + END


def evidence_of(choice: str, folder: Path | None) -> str:
    """Return what a profile or kind was tried against; "" for what an installed package brings."""
    in_code = {cells[0].strip("`"): cells[3] for cells in IN_CODE}
    if choice in in_code:
        return in_code[choice]
    try:
        return load_profile(choice, folder).profile.evidence
    except NotConfigured:
        return ""


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _cells(choice: str) -> tuple[str, ...]:
    return f"`{choice}`", *_told(load_profile(choice))


def _told(profile: Profile) -> tuple[str, ...]:
    head, offers = profile.profile, profile.capabilities
    return (
        head.service,
        f"{head.api}; {head.date}",
        head.evidence,
        "yes" if offers.progress else "no",
        CANCEL[offers.cancel],
        head.limits,
    )
