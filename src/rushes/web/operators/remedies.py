"""The lines that mend a proxy, for each thing that can be wrong with the way through it."""

from __future__ import annotations

from enum import StrEnum


class Proxy(StrEnum):
    """A proxy that may stand in front."""

    NGINX = "nginx"
    CADDY = "Caddy"
    APACHE = "Apache"
    HAPROXY = "HAProxy"
    TRAEFIK = "Traefik"


SILENT = (Proxy.HAPROXY, Proxy.TRAEFIK)
"""These do not sign what passes through them."""


def proxies_in_front(server: str, *, is_proxied: bool) -> tuple[Proxy, ...]:
    """Return the proxy that signs its answers with `server`, else those that never sign."""
    word = server.partition("/")[0].strip().lower()
    named = tuple(proxy for proxy in Proxy if proxy.value.lower() == word)
    return named or (SILENT if is_proxied else ())


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
    "identity headers": "the proxy must drop identity headers that a sender brings",
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
        "scheme": "proxy_set_header X-Forwarded-Proto $scheme;",
        "prefix": "location /video/ { proxy_pass http://rushes; }",
        "sender": "proxy_set_header X-Forwarded-For $remote_addr;",
        "identity headers": 'proxy_set_header Remote-User "";',
        "redirects": "proxy_redirect off;",
        "cookies": "proxy_cookie_path off; proxy_cookie_domain off;",
        "static files": "location ^~ /video/ {",
        "compression": "gzip off;",
        "events": "proxy_buffering off;",
        "ranges": "proxy_set_header Range $http_range; proxy_cache off;",
        "uploads": "client_max_body_size 32m;",
    },
    Proxy.CADDY: {
        "host": "take out `header_up Host`",
        "scheme": "take out `header_up X-Forwarded-Proto`",
        "prefix": "handle /video/* { reverse_proxy 127.0.0.1:8000 }",
        "sender": "take out `header_up X-Forwarded-For` and `trusted_proxies`",
        "identity headers": "request_header -Remote*",
        "redirects": "take out `header_down Location`",
        "cookies": "take out `header_down Set-Cookie`",
        "static files": "handle /video/* {",
        "compression": "take out `encode`",
        "events": "flush_interval -1",
        "ranges": "take out `header_up -Range`",
        "uploads": "request_body { max_size 32MB }",
    },
    Proxy.APACHE: {
        "host": "ProxyPreserveHost On",
        "scheme": 'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"',
        "prefix": "ProxyPass /video/ http://127.0.0.1:8000/video/",
        "sender": 'RequestHeader set X-Forwarded-For "expr=%{REMOTE_ADDR}"',
        "identity headers": "RequestHeader unset Remote-User early",
        "redirects": "take out `ProxyPassReverse`",
        "cookies": "take out `ProxyPassReverseCookiePath` and `Header edit Set-Cookie`",
        "static files": "take out `ProxyPass /video/static/ !`",
        "compression": "SetEnv no-gzip 1",
        "events": "ProxyPass ... flushpackets=on",
        "ranges": "take out `RequestHeader unset Range`",
        "uploads": "LimitRequestBody 33554432",
    },
    Proxy.HAPROXY: {
        "host": "take out `http-request set-header Host`",
        "scheme": "http-request set-header X-Forwarded-Proto https",
        "prefix": "take out `http-request replace-path`",
        "sender": "http-request set-header X-Forwarded-For %[src]",
        "identity headers": "http-request del-header ^remote[^a-z0-9] -m reg",
        "redirects": "take out `http-response replace-header Location`",
        "cookies": "take out `http-response replace-header Set-Cookie`",
        "static files": "use_backend rushes if { path_beg /video/ }",
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
        "identity headers": 'customRequestHeaders: { Remote-User: "" }',
        "redirects": "take out `customResponseHeaders: { Location }`",
        "cookies": "take out `customResponseHeaders: { Set-Cookie }`",
        "static files": "rule: Host(`example.org`) && PathPrefix(`/video/`)",
        "compression": "compress: { excludedContentTypes: [text/event-stream] }",
        "events": "take out the middleware `buffering`",
        "ranges": "take out `customRequestHeaders: { Range }`",
        "uploads": "take out `buffering: { maxRequestBodyBytes }`",
    },
}


def remedy(subject: str, proxies: tuple[Proxy, ...]) -> str:
    """Return what to do, and the very line for each proxy that may stand in front."""
    lines = (f"in {proxy}: {LINES[proxy][subject]}" for proxy in proxies if subject in LINES[proxy])
    return "; ".join([ADVICE[subject], *lines])
