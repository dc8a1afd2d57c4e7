"""Wordings of servers that have no code for broken content rules."""

from __future__ import annotations

GUARDRAIL = (
    "Cosmos Guardrail detected unsafe text in the prompt. "
    "Please ensure that the prompt abides by the NVIDIA Open Model License Agreement."
)
"""What pipelines of Diffusers raise."""

NSFW = "NSFW content detected. Try running it again, or try a different prompt."
"""What models with a safety checker say, on Replicate and in apps."""

PLAIN = "The content was flagged by moderation."
"""Of services whose documents do not tell it."""
