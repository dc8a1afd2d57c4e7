"""Every environment variable, in one class; built once, read only by `cli` and `app`.

Values come from the environment, then from `.env` in the working folder, then from the defaults
here. `.env.example` lists them all; a test compares both ways.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rushes.errors import RushesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "RUSHES_"
ENV_FILE = Path(".env")
MASK = "***"
"""Stands where a secret is."""
CONTACT = re.compile(r"(mailto:|https://)[\x21-\x7e]+")

IPV4_IN_IPV6 = ip_network("::ffff:0:0/96")
IPV4_MOST, IPV6_MOST = 2**24, 2**112
"""So many public addresses at most may be proxies: a /8 of IPv4, a /16 of IPv6."""

Names = Annotated[tuple[str, ...], NoDecode]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode]


class BadSetting(RushesError):
    """A setting cannot be used; the message is one line that names it and the mend."""

    kind = "bad_setting"


class Settings(BaseSettings):
    """The configuration of one server."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    # where it listens and keeps things
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data_dir: Path = Path("data")
    # your backend
    backend_url: str | None = None
    backend_profile: str = "openai-videos"
    backend_key: SecretStr | None = None
    backend_key_file: Path | None = None
    backend_headers: SecretStr | None = None
    backend_cookies: SecretStr | None = None
    backend_result_hosts: Names = ()
    backend_name: str | None = None
    backend_models: Names = ()
    backend_concurrency: Annotated[int, Field(ge=1, le=1000)] = 2
    backend_deadline: Annotated[int, Field(ge=1, le=10_080)] = 30
    backends_file: Path | None = None
    profiles_dir: Path | None = None
    # behind a proxy
    public_url: str | None = None
    allowed_hosts: Names = ()
    allow_public_bind: bool = False
    trusted_proxies: Networks = ()
    # who may come in
    auth: Literal["open", "password", "users", "proxy"] = "open"
    password_file: Path | None = None
    password_hash: SecretStr | None = None
    admin_name: str | None = None
    admin_password_file: Path | None = None
    auth_header: str | None = None
    auth_groups_header: str | None = None
    admin_group: str | None = None
    proxy_secret_file: Path | None = None
    logout_url: str | None = None
    about_file: Path | None = None
    security_contact: str = ""
    admin_may_read: bool = False
    # limits
    max_queued: Annotated[int, Field(ge=1)] = 500
    max_queued_per_person: Annotated[int, Field(ge=1)] = 100
    max_running: Annotated[int, Field(ge=1)] | None = None
    max_running_per_person: Annotated[int, Field(ge=1)] | None = None
    max_daily: Annotated[int, Field(ge=1)] | None = None
    max_daily_per_person: Annotated[int, Field(ge=1)] | None = None
    max_clip_mb: Annotated[int, Field(ge=1)] = 2000
    # manners
    language: Literal["en", "fr", "it"] = "en"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    metrics_networks: Networks = ()

    _env_file: dict[str, str | None] = PrivateAttr(default_factory=dict)
    """What the `.env` file holds, and what left the environment: see `variable`."""
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    """Where the settings came from that were given at all."""

    @field_validator("*", mode="before")
    @classmethod
    def _blank_is_absent(cls, value: object, info: object) -> object:
        if value == "":
            name = getattr(info, "field_name", "")
            return cls.model_fields[name].get_default()
        return value

    @field_validator(
        "backend_models",
        "backend_result_hosts",
        "allowed_hosts",
        "trusted_proxies",
        "metrics_networks",
        mode="before",
    )
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("backend_url", "public_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        return None if value is None else plain_address(value)

    @field_validator("security_contact")
    @classmethod
    def _address_to_write_to(cls, value: str) -> str:
        if value and not CONTACT.fullmatch(value):
            raise ValueError("must look like mailto:security@host or https://host/path")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _not_everybody(cls, value: tuple[IPvAnyNetwork, ...]) -> tuple[IPvAnyNetwork, ...]:
        if _is_nearly_everybody(value):
            raise ValueError("name your proxy's own address: to trust everybody is to trust nobody")
        return value

    @model_validator(mode="after")
    def _one_password(self) -> Settings:
        given = (self.password_file is not None) + (self.password_hash is not None)
        if given > 1:
            raise ValueError("set RUSHES_PASSWORD_FILE or RUSHES_PASSWORD_HASH, not both")
        if given and self.auth != "password":
            raise ValueError(
                "there is a password, but nobody is asked for it: set RUSHES_AUTH=password too"
            )
        return self

    @model_validator(mode="after")
    def _one_key(self) -> Settings:
        if self.backend_key is not None and self.backend_key_file is not None:
            raise ValueError("set RUSHES_BACKEND_KEY or RUSHES_BACKEND_KEY_FILE, not both")
        return self

    @model_validator(mode="after")
    def _one_way_to_name_backends(self) -> Settings:
        if self.backend_url is not None and self.backends_file is not None:
            raise ValueError("set RUSHES_BACKEND_URL or RUSHES_BACKENDS_FILE, not both")
        return self

    def variable(self, name: str) -> str:
        """Return a variable of the environment or of the `.env` file; empty where there is none."""
        return os.environ.get(name) or self._env_file.get(name) or ""

    def told(self) -> list[tuple[str, str, str]]:
        """Return every setting: its name, its value with secrets masked, where it came from."""
        return [
            (f"{PREFIX}{name.upper()}", _shown(getattr(self, name)), self._origins.get(name, ""))
            for name in type(self).model_fields
        ]

    def forget(self, names: Iterable[str]) -> None:
        """Take secrets out of the environment, so that no child process inherits them."""
        for name in names:
            self._env_file[name] = self.variable(name)
            os.environ.pop(name, None)

    @property
    def deadline(self) -> timedelta:
        """How long one job may take at the backend before we stop counting on it."""
        return timedelta(minutes=self.backend_deadline)

    def key(self) -> str | None:
        """Return the backend's key from wherever it was put; raises BadSetting."""
        if self.backend_key_file is None:
            return self.backend_key.get_secret_value() if self.backend_key else None
        key = read_text("RUSHES_BACKEND_KEY_FILE", self.backend_key_file).strip()
        if not key:
            raise BadSetting(f"RUSHES_BACKEND_KEY_FILE: {self.backend_key_file} is empty")
        return key

    def secret_files(self) -> list[Path]:
        """Return the files that hold what proves to the backend who asks."""
        tables = [given for given in (self.backend_headers, self.backend_cookies) if given]
        texts = [table.get_secret_value().strip() for table in tables]
        files = [Path(text) for text in texts if text and not text.startswith("{")]
        return files + ([self.backend_key_file] if self.backend_key_file else [])

    def about(self) -> str:
        """Return the operator's own words for the About page; raises BadSetting."""
        return read_text("RUSHES_ABOUT_FILE", self.about_file) if self.about_file else ""

    def headers(self) -> dict[str, str]:
        """Return the headers that the backend wants of every request; raises BadSetting."""
        return _secret_table("RUSHES_BACKEND_HEADERS", self.backend_headers)

    def cookies(self) -> dict[str, str]:
        """Return the cookies that the backend wants of every request; raises BadSetting."""
        return _secret_table("RUSHES_BACKEND_COOKIES", self.backend_cookies)

    def hashed_password(self) -> str:
        """Return what was put where the password's hash belongs, if anything; raises BadSetting."""
        if self.password_file is None:
            return self.password_hash.get_secret_value().strip() if self.password_hash else ""
        return _first_text_line("RUSHES_PASSWORD_FILE", self.password_file)

    def admin_password(self) -> str:
        """Return the first administrator's first password; empty if none is set."""
        return _first_text_line("RUSHES_ADMIN_PASSWORD_FILE", self.admin_password_file)

    def proxy_secret(self) -> str:
        """Return what the proxy proves itself by; empty if it need not."""
        return _first_text_line("RUSHES_PROXY_SECRET_FILE", self.proxy_secret_file)

    def require_safe_bind(self) -> None:
        """Refuse to listen beyond this machine while nobody has to sign in."""
        if self.allow_public_bind or self.auth != "open" or is_loopback(self.host):
            return
        raise BadSetting(
            f"RUSHES_HOST={self.host} would let anybody on the network spend your backend's money: "
            "set RUSHES_AUTH=password, or keep 127.0.0.1 and put a proxy with sign-in in front, "
            "or set RUSHES_ALLOW_PUBLIC_BIND=yes if you know that the network is yours alone"
        )


def load_settings(env_file: Path | None = ENV_FILE, **given: Any) -> Settings:  # noqa: ANN401
    """Read the settings; values `given` (from the command line) win. Raises BadSetting.

    Secrets leave the environment, so that no child process and no crash dump inherits them.
    """
    in_file = dict(dotenv_values(env_file)) if env_file else {}
    _refuse_strangers([*os.environ, *in_file])
    wanted = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(_env_file=env_file, **wanted)
    except ValidationError as error:
        raise BadSetting(_first_line(error)) from error
    settings._env_file.update(in_file)
    settings._origins.update(_origins(wanted, in_file))
    for secret in ("BACKEND_KEY", "BACKEND_HEADERS", "BACKEND_COOKIES", "PASSWORD_HASH"):
        os.environ.pop(f"{PREFIX}{secret}", None)
    return settings


def plain_address(value: str) -> str:
    """Return an http address without a closing slash; raises ValueError for what is none."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must look like http://host or https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user, no query and no fragment")
    return value.rstrip("/")


def read_text(setting: str, file: Path) -> str:
    """Return what a file holds; raises BadSetting, which names the setting and the file."""
    try:
        return file.read_text(encoding="utf-8-sig")  # editors may put a mark of byte order first
    except OSError as error:
        raise BadSetting(f"{setting} cannot be read: {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSetting(f"{setting} cannot be read: {file} is not UTF-8") from error


def _first_text_line(setting: str, file: Path | None) -> str:
    lines = read_text(setting, file).splitlines() if file is not None else []
    return lines[0].strip() if lines else ""


def setting_names() -> list[str]:
    """Return every environment variable that means something here."""
    return [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def _refuse_strangers(names: Iterable[str]) -> None:
    known = setting_names()
    for name in names:
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise BadSetting(f"there is no setting {name}{hint}")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    return "" if value is None else str(value)


def _origins(wanted: Iterable[str], in_file: Mapping[str, str | None]) -> dict[str, str]:
    """Return where each setting came from, the strongest word last."""
    by_strength = (
        (ENV_FILE.name, in_file),
        ("environment", os.environ),
        ("command line", [f"{PREFIX}{name.upper()}" for name in wanted]),
    )
    return {
        name.removeprefix(PREFIX).lower(): origin
        for origin, names in by_strength
        for name in names
        if name.startswith(PREFIX)
    }


def _secret_table(name: str, given: SecretStr | None) -> dict[str, str]:
    """Read a JSON object of texts, or the file of one; what was given is never repeated."""
    text = given.get_secret_value().strip() if given else "{}"
    try:
        table = json.loads(text if text.startswith("{") else _private_text(name, Path(text)))
    except (OSError, ValueError):
        raise BadSetting(f"{name} is no JSON object and no file that holds one") from None
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise BadSetting(f"{name} must be a JSON object in which every value is a text")
    return table


def _private_text(name: str, path: Path) -> str:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSetting(f"the file of {name} can be read by others: chmod 600 it")
    return path.read_text(encoding="utf-8")


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = f"{PREFIX}{first['loc'][0]}".upper() if first["loc"] else "settings"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}" if first["loc"] else message


def _is_nearly_everybody(networks: Iterable[IPvAnyNetwork]) -> bool:
    """Whether networks hold more public addresses than any proxies have, all together."""
    public = [net for net in map(_as_ipv4, networks) if not net.is_private]
    of_ipv4 = collapse_addresses(net for net in public if isinstance(net, IPv4Network))
    of_ipv6 = collapse_addresses(net for net in public if isinstance(net, IPv6Network))
    return (
        sum(net.num_addresses for net in of_ipv4) > IPV4_MOST
        or sum(net.num_addresses for net in of_ipv6) > IPV6_MOST
    )


def _as_ipv4(network: IPvAnyNetwork) -> IPvAnyNetwork:
    """Return what a network means that holds IPv4 addresses in the clothes of IPv6."""
    if network.version == 4 or not network.overlaps(IPV4_IN_IPV6):
        return network
    prefix = max(network.prefixlen - IPV4_IN_IPV6.prefixlen, 0)
    return IPv4Network((int(network.network_address) & 0xFFFFFFFF, prefix), strict=False)


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own, whoever asks."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
