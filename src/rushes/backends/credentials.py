"""What a profile says of credentials, filled in from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from rushes.backends.language.grammar import close_to
from rushes.backends.language.templating import fill, names_in
from rushes.errors import Misconfigured
from rushes.net import Credentials, Secret, is_sendable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rushes.backends import BackendConfig
    from rushes.backends.language.sections import Auth


def credentials(auth: Auth, config: BackendConfig) -> Credentials:
    """Return headers and cookies for the backend's origin; raises Misconfigured.

    Without a key, what is made of it is left out: many servers of one's own ask for none. An
    extra that the profile names must be there. The operator's own headers win. A fixed text is no
    credential.
    """
    known = dict(config.extras)
    if config.key is not None:
        known["key"] = config.key
    if flaws := list(_flaws(auth, config)):
        raise Misconfigured(*flaws)
    own = {name.lower() for name in config.headers}
    made = {n: v for n, v in _filled(auth.headers, known).items() if n.lower() not in own}
    usual = {n: made.pop(n) for n in list(made) if not any(names_in(auth.headers[n]))}
    asked = _filled(auth.query, known).values()
    in_addresses = [Secret(quote(secret.reveal(), safe="")) for secret in asked]
    return Credentials(
        headers=made | dict(config.headers),
        cookies=_filled(auth.cookies, known) | dict(config.cookies),
        secrets=(*config.secrets, *in_addresses),
        usual=usual,
    )


def query_credentials(auth: Auth, config: BackendConfig) -> dict[str, Secret]:
    """Return what goes into the addresses of calls to the backend's origin."""
    known = dict(config.extras) | ({"key": config.key} if config.key is not None else {})
    return _filled(auth.query, known)


def _flaws(auth: Auth, config: BackendConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the extras that are not there, and those that no header can carry."""
    in_headers = _names(auth.headers) | _names(auth.cookies)
    for name in sorted((in_headers | _names(auth.query)) - config.extras.keys() - {"key"}):
        yield ("extras",), f"the profile {config.profile} needs {name!r}{close_to(name, ['key'])}"
    for name in sorted(in_headers & config.extras.keys()):
        if not is_sendable(config.extras[name].reveal()):
            yield ("extras", name), "has a character that no header can carry"


def _names(templates: Mapping[str, str]) -> set[str]:
    return set(names_in(list(templates.values())))


def _filled(templates: Mapping[str, str], known: Mapping[str, Secret]) -> dict[str, Secret]:
    values = {name: secret.reveal() for name, secret in known.items()}
    filled = {name: fill(text, values) for name, text in templates.items()}
    return {name: Secret(text) for name, text in filled.items() if text is not None}
