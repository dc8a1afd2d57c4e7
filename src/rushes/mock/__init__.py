"""The rehearsal backend: renders real clips, speaks real dialects, misbehaves on request."""
