"""Ways to speak to a backend. `KINDS` names them; one line here makes a new one known."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from rushes.errors import NotConfigured
from rushes.net import Patience, Secret
from rushes.ports import VideoBackend

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KINDS: dict[str, str] = {
    "comfyui": "rushes.backends.comfyui:from_config",
    "gradio": "rushes.backends.gradio:from_config",
    "profile": "rushes.backends.profiled:from_config",
}
"""Kind of backend -> "module:factory", imported only when it is asked for."""

MAX_CLIP_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """All that is configured of one backend.

    `headers`, `cookies` and `extras` (what a profile names beside `{key}`) go to the backend's
    own origin only. Without `models` no model is named in a request that names none.
    """

    name: str
    url: str
    key: Secret | None = None
    profile: str = "openai-videos"
    profiles_dir: Path | None = None
    models: tuple[str, ...] = ()
    headers: Mapping[str, Secret] = field(default_factory=dict)
    cookies: Mapping[str, Secret] = field(default_factory=dict)
    extras: Mapping[str, Secret] = field(default_factory=dict)
    result_hosts: tuple[str, ...] = ()
    """`host` or `host:port` on private networks that clips may be fetched from."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What only this kind of backend knows; it validates them itself."""
    patience: Patience = field(default_factory=Patience)
    max_clip_bytes: int = MAX_CLIP_BYTES


class Backend(VideoBackend, Protocol):
    """A backend that holds connections, to be closed at the end."""

    async def aclose(self) -> None:
        """Close what is open."""
        ...


def load_backend(kind: str, config: BackendConfig) -> Backend:
    """Return the backend that `config` describes; raises NotConfigured."""
    place = KINDS.get(kind)
    if place is None:
        raise NotConfigured(f"no kind of backend is called {kind!r}: {', '.join(sorted(KINDS))}")
    module, _, factory = place.partition(":")
    backend: Backend = getattr(import_module(module), factory)(config)
    return backend
