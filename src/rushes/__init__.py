"""Rushes: a self-hosted web front end for text-to-video."""

__version__ = "0.1.0"
