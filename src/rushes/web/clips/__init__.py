"""Clips on their way out: bytes and ranges, while they arrive and afterwards; zips; posters."""
