"""What a profile says of credentials, filled in from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from rushes.backends.language.templating import fill, names_in
from rushes.errors import NotConfigured
from rushes.net import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushes.backends import BackendConfig
    from rushes.backends.language.sections import Auth


def credentials(auth: Auth, config: BackendConfig) -> Credentials:
    """Return headers and cookies for the backend's origin; raises NotConfigured.

    Without a key, what is made of it is left out: many servers of one's own ask for none. An
    extra that the profile names must be there. The operator's own headers win.
    """
    known = dict(config.extras)
    if config.key is not None:
        known["key"] = config.key
    tables = (auth.headers, auth.cookies, auth.query)
    named = {name for table in tables for name in names_in(list(table.values()))}
    missing = named - known.keys() - {"key"}
    if missing:
        raise NotConfigured(f"the profile {config.profile} needs: {', '.join(sorted(missing))}")
    own = {name.lower() for name in config.headers}
    made = {n: v for n, v in _filled(auth.headers, known).items() if n.lower() not in own}
    asked = _filled(auth.query, known).values()
    in_addresses = [Secret(quote(secret.reveal(), safe="")) for secret in asked]
    return Credentials(
        headers=made | dict(config.headers),
        cookies=_filled(auth.cookies, known) | dict(config.cookies),
        secrets=(*config.secrets, *in_addresses),
    )


def query_credentials(auth: Auth, config: BackendConfig) -> dict[str, Secret]:
    """Return what goes into the addresses of calls to the backend's origin."""
    known = dict(config.extras) | ({"key": config.key} if config.key is not None else {})
    return _filled(auth.query, known)


def _filled(templates: Mapping[str, str], known: Mapping[str, Secret]) -> dict[str, Secret]:
    values = {name: secret.reveal() for name, secret in known.items()}
    filled = {name: fill(text, values) for name, text in templates.items()}
    return {name: Secret(text) for name, text in filled.items() if text is not None}
