"""The profile language: what a profile file may say, and every way in which it may be wrong.

Nothing here speaks to a backend: the engine (`profiled`, `synchronous`) does what is said.
"""
