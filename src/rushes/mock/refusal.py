"""How a dialect says no; each one dresses it in its own words."""

from __future__ import annotations

REJECTED = "content_policy_violation"
BUSY = "rate_limit_exceeded"
CROWDED = "concurrency_limit"
OVERLOADED = "overloaded"
NO_CREDIT = "insufficient_quota"
FORBIDDEN = "permission_denied"


class Refusal(Exception):
    """An answer that is an error: HTTP status, message, and what some dialects add."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
