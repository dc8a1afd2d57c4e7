"""Ways to speak to a backend. `KINDS` names ours; installed packages add theirs by entry points."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib import import_module, resources
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from rushes.errors import Misconfigured, NotConfigured
from rushes.net import Patience, Secret, is_sendable
from rushes.ports import VideoBackend

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint
    from pathlib import Path

KINDS: dict[str, str] = {
    "comfyui": "rushes.backends.comfyui.backend:from_config",
    "gradio": "rushes.backends.gradio.backend:from_config",
    "profile": "rushes.backends.profiled:from_config",
}
"""Kind of backend -> "module:factory", imported only when it is asked for."""

GROUP = "rushes.backends"
"""The group of entry points by which an installed package makes a kind of its own known."""

MAX_CLIP_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class SettingNames:
    """What the settings of one backend are called where its operator wrote them.

    These are the names in the environment.
    """

    url: str = "RUSHES_BACKEND_URL"
    key: str = "RUSHES_BACKEND_KEY"
    headers: str = "RUSHES_BACKEND_HEADERS"
    profile: str = "RUSHES_BACKEND_PROFILE"
    options: str = "options of the backend"
    models: str = "RUSHES_BACKEND_MODELS"

    @classmethod
    def in_table(cls, table: str) -> SettingNames:
        """Return the names of the keys in a table of a file, such as `backends.toml [main]`."""
        return cls(*(f"{table} {each.name}" for each in fields(cls)))


ENVIRONMENT = SettingNames()


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
    vars: Mapping[str, str] = field(default_factory=dict)
    """What a profile has to be told of this very instance; nothing of it is secret."""
    result_hosts: tuple[str, ...] = ()
    """`host` or `host:port` on private networks that clips may be fetched from."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What only this kind of backend knows; it validates them itself."""
    folder: Path | None = None
    """Where relative paths in `options` begin; None: in the working folder."""
    patience: Patience = field(default_factory=Patience)
    max_clip_bytes: int = MAX_CLIP_BYTES
    settings: SettingNames = ENVIRONMENT
    """How errors call what is wrong here."""
    former: frozenset[Secret] = frozenset()
    """What was a secret before: hidden wherever it is met."""

    def __post_init__(self) -> None:
        if self.key is not None and not is_sendable(self.key.reveal()):
            raise Misconfigured((("key",), "has a character that no header can carry"))

    @property
    def secrets(self) -> frozenset[Secret]:
        """Return all that is to be hidden."""
        tables = (self.headers, self.cookies, self.extras)
        given = {secret for table in tables for secret in table.values()}
        return self.former | given | ({self.key} if self.key is not None else set())


def load_backend(config: BackendConfig) -> VideoBackend:
    """Return the backend that `config` describes; raises NotConfigured.

    `config.profile` is looked for among our kinds, then the profiles, then the entry points of
    installed packages. So a package can neither take a name of ours nor, being broken, stop what
    is ours: it is read only where its own name is asked for.
    """
    backend: VideoBackend = _factory(config)(config)
    named = (*VideoBackend.__annotations__, *vars(VideoBackend))
    missing = [name for name in named if name[0] != "_" and not hasattr(backend, name)]
    if missing:
        raise NotConfigured(f"the backend {config.profile!r} lacks {', '.join(missing)}")
    return backend


def _factory(config: BackendConfig) -> Any:  # noqa: ANN401 - whatever an entry point names
    ours = KINDS.get(config.profile)
    if ours and config.vars:
        raise Misconfigured((("vars",), f"{config.profile} is no profile and has none"))
    foreign = [] if ours or _is_profile(config) else _foreign(config.profile)
    if not foreign:
        module, _, factory = (ours or KINDS["profile"]).partition(":")
        return getattr(import_module(module), factory)
    if len(foreign) > 1:
        packages = " and ".join(_package(entry) for entry in foreign)
        raise NotConfigured(f"{config.profile!r} is offered by {packages}: remove one of them")
    try:
        return foreign[0].load()
    except (ImportError, AttributeError) as error:
        package = _package(foreign[0])
        raise NotConfigured(
            f"the backend {config.profile!r} of {package} cannot be loaded: {error}"
        ) from error


def _is_profile(config: BackendConfig) -> bool:
    file = f"{config.profile}.toml"
    own = config.profiles_dir is not None and (config.profiles_dir / file).is_file()
    return own or (resources.files(__name__) / "profiles" / file).is_file()


def _foreign(name: str) -> list[EntryPoint]:
    return list(entry_points(group=GROUP, name=name))


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else "a package"
