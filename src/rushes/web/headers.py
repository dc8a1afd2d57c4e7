"""The headers that every answer carries, errors included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = "rushes-script"
SEE_OTHER, NO_CONTENT = 303, 204

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types rushes",
    )
)

# Not `sandbox`: Chromium then refuses to play a clip that is opened in its own tab.
CLIP_POLICY = "; ".join(
    (
        "default-src 'none'",
        "media-src 'self'",
        "style-src 'unsafe-inline'",
        "frame-ancestors 'none'",
    )
)

ALWAYS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def complete(headers: MutableHeaders, request_id: str) -> None:
    """Add whatever an answer has not decided for itself."""
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    # With no-store, a browser that goes back to a page forgets what was typed there.
    is_page = headers.get("Content-Type", "").startswith("text/html")
    headers.setdefault("Cache-Control", "private, no-cache" if is_page else "no-store")
    headers["X-Request-ID"] = request_id


class Scripted:
    """Tells scripts of success without a redirect: to them, a portal's looks the same as ours."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request; in place of `See Other` a script reads `No Content`."""
        is_asked = scope["type"] == "http" and scope["method"] == "POST"
        if not (is_asked and SCRIPT in Headers(scope=scope)):
            await self.app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == SEE_OTHER:
                headers = MutableHeaders(scope=message)
                del headers["Location"], headers["Content-Length"]
                message["status"] = NO_CONTENT
            await send(message)

        await self.app(scope, receive, told)


class ResponseHeaders:
    """Completes the headers of every answer that passes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request; look at the answer's head."""

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                complete(MutableHeaders(scope=message), scope["state"]["request_id"])
            await send(message)

        await self.app(scope, receive, completed if scope["type"] == "http" else send)
