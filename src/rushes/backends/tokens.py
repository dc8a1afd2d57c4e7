"""Credentials of a backend in code: the key as a bearer token, and the operator's own headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.net import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushes.backends import BackendConfig


def bearer_credentials(
    config: BackendConfig, cookies: Mapping[str, Secret] | None = None
) -> Credentials:
    """Return what goes to the backend's own origin; the operator's headers and cookies win.

    `cookies` are those that the backend itself gave us. Everything named here is hidden wherever
    it is met, extras too.
    """
    given = dict(cookies or {})
    headers = dict(config.headers)
    if config.key is not None and "authorization" not in {name.lower() for name in headers}:
        headers["Authorization"] = Secret(f"Bearer {config.key.reveal()}")
    secrets = (*config.secrets, *given.values())
    return Credentials(headers, given | dict(config.cookies), secrets)
