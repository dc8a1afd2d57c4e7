"""docs/backends.md, written from the shipped profiles: one row per service, and what is known.

The rows of those that need code are here.
"""

from __future__ import annotations

from rushes.backends.profile_files import load_profile, shipped_choices

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
        "no",
        "yes",
        "one workflow per backend, exported by you; a percentage is not told",
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
CANCEL = {"none": "no", "queued": "while it waits", "any": "yes"}


def backends_page() -> str:
    """Return the whole page."""
    rows = [*IN_CODE, *(_cells(name) for name in shipped_choices())]
    by_name = sorted(rows, key=lambda cells: cells[0].strip("`"))
    return TOP + "".join(map(_row, by_name)) + END


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _cells(choice: str) -> tuple[str, ...]:
    profile = load_profile(choice)
    head, offers = profile.profile, profile.capabilities
    return (
        f"`{choice}`",
        head.service,
        f"{head.api}; {head.date}",
        head.evidence,
        "yes" if offers.progress else "no",
        CANCEL[offers.cancel],
        head.limits,
    )
