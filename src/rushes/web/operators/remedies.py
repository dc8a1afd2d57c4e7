"""The lines that mend a proxy, for each thing that can be wrong with the way through it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Proxy(StrEnum):
    """A proxy that may stand in front."""

    NGINX = "nginx"
    CADDY = "Caddy"
    APACHE = "Apache"
    HAPROXY = "HAProxy"
    TRAEFIK = "Traefik"


EACH = re.compile(r"\[([^][|]*<header>[^][|]*)\|([^][|]*)\]")
SILENT = (Proxy.HAPROXY, Proxy.TRAEFIK)
"""These do not sign what passes through them."""


def proxies_in_front(server: str, *, is_proxied: bool) -> tuple[Proxy, ...]:
    """Return the proxy that signs its answers with `server`, else those that never sign."""
    word = server.partition("/")[0].strip().lower()
    named = tuple(proxy for proxy in Proxy if proxy.value.lower() == word)
    return named or (SILENT if is_proxied else ())


@dataclass(frozen=True, slots=True)
class Way:
    """The proxies that may stand in front, and what is written in their files for this server."""

    proxies: tuple[Proxy, ...] = ()
    headers: tuple[str, ...] = ("Remote-User",)
    """Those that a sender could make up."""
    prefix: str = ""
    scheme: str = "https"
    host: str = "example.org"
    inside: str = "127.0.0.1:8000"
    """Where we listen, as a proxy reaches it."""

    def lines(self, template: str) -> str:
        """Return a line of ours with this server's own words.

        What stands in `[it|between]` is said for each header, with that between them.
        """
        words = {"prefix": self.prefix, "scheme": self.scheme, "host": self.host}
        for name, word in (words | {"inside": self.inside}).items():
            template = template.replace(f"<{name}>", word)
        return EACH.sub(self._for_each_header, template)

    def _for_each_header(self, part: re.Match[str]) -> str:
        line, between = part.groups()
        return between.join(line.replace("<header>", header) for header in self.headers)


ADVICE = {
    "reachable": (
        "check that both run and that the proxy has our address and port right; "
        "through a portal that asks people to sign in, open /admin/doctor in a browser instead"
    ),
    "host": "the proxy must pass Host on as it came, or RUSHES_ALLOWED_HOSTS must have that name",
    "scheme": "the proxy must say in X-Forwarded-Proto how it was asked",
    "public address": "set RUSHES_PUBLIC_URL to the address that people type",
    "prefix": "RUSHES_PUBLIC_URL must end in the path that the proxy serves Rushes under",
    "sender": "the proxy must write X-Forwarded-For itself, never pass it on as it came",
    "identity headers": (
        "the proxy must drop identity headers that a sender brings, wherever it hands requests on"
    ),
    "sign-in": "set RUSHES_AUTH=password",
    "redirects": "the proxy must pass Location on as it is",
    "cookies": "the proxy must pass Set-Cookie on as it is",
    "static files": "the proxy must pass everything below the prefix on, /static/ too",
    "compression": "the proxy must not compress text/event-stream",
    "events": "the proxy must not hold back what is sent from /events",
    "ranges": "the proxy must pass Range on, and must not compress or cache clips",
    "uploads": "the proxy must let bodies of 32 MB through: pictures are sent to /jobs",
}
LINES: dict[Proxy, dict[str, str]] = {
    Proxy.NGINX: {
        "host": "proxy_set_header Host $http_host;",
        "scheme": "proxy_set_header X-Forwarded-Proto <scheme>;",
        "prefix": "proxy_pass http://<inside>; # in location <prefix>/",
        "sender": "proxy_set_header X-Forwarded-For $remote_addr;",
        "identity headers": '[proxy_set_header <header> "";| ]',
        "redirects": "proxy_redirect off;",
        "cookies": "proxy_cookie_path off; proxy_cookie_domain off;",
        "static files": "location ^~ <prefix>/ { # and no other location below it",
        "compression": "gzip off;",
        "events": "proxy_buffering off;",
        "ranges": "proxy_set_header Range $http_range; proxy_cache off;",
        "uploads": "client_max_body_size 32m;",
    },
    Proxy.CADDY: {
        "host": "take out `header_up Host`",
        "scheme": "take out `header_up X-Forwarded-Proto`",
        "prefix": "handle <prefix>/* { reverse_proxy <inside> }",
        "sender": "take out `header_up X-Forwarded-For` and `trusted_proxies`",
        "identity headers": "[request_header -<header>|, then ]",
        "redirects": "take out `header_down Location`",
        "cookies": "take out `header_down Set-Cookie`",
        "static files": "handle <prefix>/* {",
        "compression": "take out `encode`",
        "events": "flush_interval -1",
        "ranges": "take out `header_up -Range`",
        "uploads": "request_body { max_size 32MB }",
    },
    Proxy.APACHE: {
        "host": "ProxyPreserveHost On",
        "scheme": "RequestHeader set X-Forwarded-Proto <scheme>",
        "prefix": "ProxyPass <prefix>/ http://<inside><prefix>/",
        "sender": 'RequestHeader set X-Forwarded-For "expr=%{REMOTE_ADDR}"',
        "identity headers": "[RequestHeader unset <header> early|, then ]",
        "redirects": "take out `ProxyPassReverse`",
        "cookies": "take out `ProxyPassReverseCookiePath` and `Header edit Set-Cookie`",
        "static files": "take out `ProxyPass <prefix>/static/ !`",
        "compression": "SetEnv no-gzip 1",
        "events": "ProxyPass ... flushpackets=on",
        "ranges": "take out `RequestHeader unset Range`",
        "uploads": "LimitRequestBody 33554432",
    },
    Proxy.HAPROXY: {
        "host": "take out `http-request set-header Host`",
        "scheme": "http-request set-header X-Forwarded-Proto <scheme>",
        "prefix": "take out `http-request replace-path`",
        "sender": "http-request set-header X-Forwarded-For %[src]",
        "identity headers": "[http-request del-header <header>|, then ]",
        "redirects": "take out `http-response replace-header Location`",
        "cookies": "take out `http-response replace-header Set-Cookie`",
        "static files": "use_backend rushes if { path_beg <prefix>/ }",
        "compression": "take out `compression type text/event-stream`",
        "events": "option http-no-delay",
        "ranges": "take out `http-request del-header Range`",
        "uploads": "take out `http-request deny if { req.body_size ... }`",
    },
    Proxy.TRAEFIK: {
        "host": "loadBalancer: { passHostHeader: true }",
        "scheme": "take out `forwardedHeaders` and `customRequestHeaders: { X-Forwarded-Proto }`",
        "prefix": "take out the middlewares `addPrefix` and `replacePath`",
        "sender": "take out `forwardedHeaders: { insecure: true }`",
        "identity headers": 'customRequestHeaders: { [<header>: ""|, ] }',
        "redirects": "take out `customResponseHeaders: { Location }`",
        "cookies": "take out `customResponseHeaders: { Set-Cookie }`",
        "static files": "rule: Host(`<host>`) && PathPrefix(`<prefix>/`)",
        "compression": "compress: { excludedContentTypes: [text/event-stream] }",
        "events": "take out the middleware `buffering`",
        "ranges": "take out `customRequestHeaders: { Range }`",
        "uploads": "take out `buffering: { maxRequestBodyBytes }`",
    },
}


def remedy(subject: str, way: Way) -> str:
    """Return what to do, and the very line for each proxy that may stand in front."""
    lines = (
        f"in {proxy}: {way.lines(LINES[proxy][subject])}"
        for proxy in way.proxies
        if subject in LINES[proxy]
    )
    return "; ".join([ADVICE[subject], *lines])
