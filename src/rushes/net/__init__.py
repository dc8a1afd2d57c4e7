"""The one way out: every request that leaves this machine is made here, and only here.

`GuardedClient` speaks to one configured origin. What a peer may do to us is bounded: addresses are
checked as they are dialled, time, size and pace are capped, redirects and encodings refused, and
the credentials travel to that origin and nowhere else. httpx errors end here.
"""

from rushes.net.answers import Answer, Exchange
from rushes.net.client import GuardedClient, Patience, Upload
from rushes.net.credentials import Credentials, is_sendable
from rushes.net.guard import AddressRefused, is_public
from rushes.net.incoming import Incoming
from rushes.net.redaction import Redactor, Secret
from rushes.net.websocket import SocketLimits, WebSocket

__all__ = [
    "AddressRefused",
    "Answer",
    "Credentials",
    "Exchange",
    "GuardedClient",
    "Incoming",
    "Patience",
    "Redactor",
    "Secret",
    "SocketLimits",
    "Upload",
    "WebSocket",
    "is_public",
    "is_sendable",
]
