"""Combinations of settings that would not be safe: each is refused with one line."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rushes.settings import BadSetting, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rushes.settings import Settings

HEADER = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
"""A header's name that no proxy changes on the way."""
TAKEN = re.compile(
    # clients write these
    r"(accept|access-control|content|if|sec|x-csrf|x-requested)(-.+)?"
    r"|authorization|cache-control|connection|cookie2?|date|dnt|expect|from|host|idempotency-key"
    r"|keep-alive|last-event-id|origin|pragma|priority|proxy-(authorization|connection)|range"
    r"|referer|save-data|te|trailer"
    r"|transfer-encoding|upgrade(-insecure-requests)?|user-agent|warning|x-http-method-override"
    # proxies write these, of every request
    r"|cdn-loop|cf-(?!access-).+|fastly-.+|forwarded|max-forwards|remote-addr|traceparent"
    r"|tracestate|true-client-ip|via|x-(b3|envoy)-.+|x-(cluster-)?client-ip|x-correlation-id"
    r"|x-original-(for|forwarded-for|host|method|proto|ur[il])|x-real-ip|x-request-(id|start)"
    r"|x-rewrite-url|x-forwarded(?!-(email|groups|preferred-username|user)$)(-.+)?"
    # and these mean something else here
    r"|x-proxy-secret|x-rushes-.+"
)
"""Headers that say no name. `X-Forwarded-User` and its like are what some portals call theirs."""
SECRET_LEAST = 16

ONLY_WITH = {
    "proxy": ("auth_header", "auth_groups_header", "admin_group", "proxy_secret_file"),
    "users": ("admin_password_file",),
}


def require_safe(settings: Settings) -> None:
    """Raise BadSetting for the first thing that would not be safe."""
    settings.require_safe_bind()
    rules = (_of_another_mode, _of_an_open_site, _of_a_proxy, _of_users)
    for line in chain.from_iterable(rule(settings) for rule in rules):
        raise BadSetting(line)


def _of_an_open_site(settings: Settings) -> Iterator[str]:
    """Behind a proxy the address that is listened on says nothing of who reaches the site."""
    if settings.auth != "open" or settings.allow_public_bind:
        return
    for sign in _signs_of_a_proxy(settings):
        yield (
            f"{sign} means that others reach this server, and with RUSHES_AUTH=open anybody who "
            "does would spend your backend's money: set RUSHES_AUTH=password, or "
            "RUSHES_ALLOW_PUBLIC_BIND=yes if you know that the network is yours alone"
        )


def _signs_of_a_proxy(settings: Settings) -> Iterator[str]:
    if settings.public_url and not is_loopback(urlsplit(settings.public_url).hostname or ""):
        yield f"RUSHES_PUBLIC_URL={settings.public_url}"
    if settings.trusted_proxies:
        yield "RUSHES_TRUSTED_PROXIES"
    for name in settings.allowed_hosts:
        if not is_loopback(name):
            yield f"RUSHES_ALLOWED_HOSTS={name}"


def _of_another_mode(settings: Settings) -> Iterator[str]:
    for mode, names in ONLY_WITH.items():
        for name in names:
            if settings.auth != mode and getattr(settings, name) is not None:
                yield (
                    f"RUSHES_{name.upper()} means nothing with RUSHES_AUTH={settings.auth}: "
                    f"set RUSHES_AUTH={mode}, or take it out"
                )
    if settings.admin_name is not None and settings.auth not in ONLY_WITH:
        yield "RUSHES_ADMIN_NAME means nothing while nobody has a name: set RUSHES_AUTH=users"
    if settings.logout_url is not None and settings.auth != "proxy":
        yield "RUSHES_LOGOUT_URL is a portal's: set RUSHES_AUTH=proxy, or take it out"


def _of_a_proxy(settings: Settings) -> Iterator[str]:
    if settings.auth != "proxy":
        return
    if not settings.trusted_proxies:
        yield (
            "RUSHES_AUTH=proxy without RUSHES_TRUSTED_PROXIES would let anybody say who they are: "
            "name the address of your proxy, such as 127.0.0.1"
        )
    if settings.auth_header is None:
        yield "RUSHES_AUTH=proxy needs RUSHES_AUTH_HEADER: in which header your proxy names people"
    if settings.admin_group is not None and settings.auth_groups_header is None:
        yield "RUSHES_ADMIN_GROUP needs RUSHES_AUTH_GROUPS_HEADER: the header that lists the groups"
    yield from _of_headers(settings)
    if settings.logout_url and urlsplit(settings.logout_url).scheme not in ("http", "https"):
        yield "RUSHES_LOGOUT_URL must begin with https:// or http://"
    if settings.proxy_secret_file and len(settings.proxy_secret()) < SECRET_LEAST:
        yield f"RUSHES_PROXY_SECRET_FILE must hold at least {SECRET_LEAST} characters"


def _of_headers(settings: Settings) -> Iterator[str]:
    given = {
        "RUSHES_AUTH_HEADER": (settings.auth_header or "").lower(),
        "RUSHES_AUTH_GROUPS_HEADER": (settings.auth_groups_header or "").lower(),
    }
    for name, header in given.items():
        if header and not HEADER.fullmatch(header):
            yield f"{name} must be a header's name of letters, digits and hyphens"
        if TAKEN.fullmatch(header):
            yield f"{name}={header} is a header that clients write or that means something else"
    if len(set(given.values())) == 1 and settings.auth_header is not None:
        yield "RUSHES_AUTH_HEADER and RUSHES_AUTH_GROUPS_HEADER must be two headers"


def _of_users(settings: Settings) -> Iterator[str]:
    if settings.auth != "users":
        return
    if (settings.admin_name is None) != (settings.admin_password_file is None):
        yield "RUSHES_ADMIN_NAME and RUSHES_ADMIN_PASSWORD_FILE belong together: set both or none"
