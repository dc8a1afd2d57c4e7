"""docs/backends.md, written from the shipped profiles: one row per service, and what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.backends.profile_files import load_profile, shipped_profiles

if TYPE_CHECKING:
    from rushes.backends.profile import ClipProfile, JobProfile

TOP = """\
# Services with a profile

This page is written by `rushes profile list` from the profiles; a test keeps it current.

**Evidence** says what a profile was tried against:
*run* is a real server, *recorded* a real exchange, *documented* only documents and client sources.
All are tried against an imitation in the rehearsal backend, made from those same documents:
that finds our mistakes, not theirs.
Services change monthly: look at the date, make one short clip first, and tell what you saw.

| profile | service | API, as of | evidence | progress | cancel | limits |
| --- | --- | --- | --- | --- | --- | --- |
"""
END = """
Gradio apps, Hugging Face Spaces and ComfyUI need code and no profile.
What is not here takes a file of some forty lines: [adding-a-backend.md](adding-a-backend.md).
"""
CANCEL = {"none": "no", "queued": "while it waits", "any": "yes"}


def backends_page() -> str:
    """Return the whole page."""
    return TOP + "".join(_row(load_profile(name)) for name in shipped_profiles()) + END


def _row(profile: JobProfile | ClipProfile) -> str:
    head, offers = profile.profile, profile.capabilities
    cells = (
        f"`{head.name}`",
        head.service,
        f"{head.api}; {head.date}",
        head.evidence,
        "yes" if offers.progress else "no",
        CANCEL[offers.cancel],
        head.limits,
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
