"""Everything that can go wrong, as one tree, parted by who must act.

RushesError
  x RequestError            the caller asked for something we cannot do
      InvalidRequest        a field has a value that cannot be used
      NotAllowed            this viewer may not do that
        AccountClosed       their account was closed
      JobNotFound           no such job, or not this viewer's
      ClipNotFound          the job has no clip, or it was removed
      ClipNotReady          the clip has not begun to arrive
      ShareNotFound         no such link, or it shows nothing any more
      JobConflict           the job is in a state that forbids the move
      LimitReached          somebody has asked for more than the operator allows
        QueueFull           too many jobs wait, of everybody together
        PersonalQueueFull   too many of one person's jobs wait
        DailyLimitReached   one person has asked for too many jobs in a day
        DailyTotalReached   everybody together has
  x BackendError            the backend let us down; `retryable` decides what happens next
      NotSent               nothing left this machine: refused, unresolved, untrusted
        WrongScheme         https was asked for, and plain http is spoken
      OutcomeUnknown        a submit left, no clear answer came
      RefusedByBackend      a field, size or length the backend does not take
      RejectedByModeration  the prompt or the result broke the backend's content rules
      Unauthorized          the backend does not accept our key
      Forbidden             the key is known but may not do this
      QuotaExhausted        the balance or the daily cap is used up
      RateLimited           too many requests, wait
      ConcurrencyLimited    too many running jobs over there, wait
      ModelUnavailable      no such model or address at the backend
      RemoteJobNotFound     the backend no longer knows the job
      ResultExpired         the clip is no longer where the backend put it
      GenerationFailed      the backend tried and failed
      BackendUnavailable    unreachable, overloaded or broken
      BackendTimeout        our deadline passed; it may still be running there
      BadBackendResponse    an answer that cannot be read
      ClipUnusable          a file came, but it is no playable video
      ResultLost            made, perhaps billed, lost on the way here
      ClipTooLarge          more bytes than the operator allows
      NotConfigured         the setting for this backend is missing or wrong
        Misconfigured       keys of its table are, each with the reason
  x StorageError            our own disk or database
      StorageFull           no space left for clips
      LeaseLost             another worker carries the job now

HTTP status codes are not known here; `rushes.web.errors` holds the one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


class RushesError(Exception):
    """Never raised itself; `kind` is the stable name that APIs and catalogues use."""

    kind: ClassVar[str] = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class RequestError(RushesError):
    """The caller asked for something we cannot do."""

    kind = "request"


class InvalidRequest(RequestError):
    """A field has a value that cannot be used; `field` names it when one is to blame.

    `sentence` is English with `{names}` for the `values`, so that pages can translate it.
    """

    kind = "invalid_request"

    def __init__(self, sentence: str, *, field: str | None = None, **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.field = field
        self.sentence = sentence
        self.values = values

    def told(self, translate: Callable[[str], str]) -> str:
        """Return the message in the language that `translate` speaks."""
        sentence = translate(self.sentence)
        return sentence.format(**self.values) if self.values else sentence


class NotAllowed(RequestError):
    """The viewer may not do that."""

    kind = "not_allowed"


class AccountClosed(NotAllowed):
    """Whoever asks has an account here that was closed."""

    kind = "account_closed"


class JobNotFound(RequestError):
    """There is no such job, or it belongs to somebody else; the answer is the same."""

    kind = "job_not_found"


class ClipNotFound(RequestError):
    """The job has no clip, or it was removed."""

    kind = "clip_not_found"


class ClipNotReady(RequestError):
    """The clip has not begun to arrive."""

    kind = "clip_not_ready"


class ShareNotFound(RequestError):
    """There is no such link to a clip, or it has ended; the answer is the same."""

    kind = "share_not_found"


class JobConflict(RequestError):
    """The job is in a state that forbids the move, or it changed under the caller."""

    kind = "job_conflict"


class LimitReached(RequestError):
    """Somebody has asked for more than the operator allows; nothing was kept.

    `retry_after` is when the same may be asked for again, where that is known.
    """

    kind = "limit_reached"

    def __init__(
        self, message: str = "", *, limit: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after = retry_after


class QueueFull(LimitReached):
    """Too many jobs wait, of everybody together."""

    kind = "queue_full"


class PersonalQueueFull(LimitReached):
    """Too many of one person's jobs wait."""

    kind = "personal_queue_full"


class DailyLimitReached(LimitReached):
    """One person has asked for too many jobs in a day."""

    kind = "daily_limit_reached"


class DailyTotalReached(LimitReached):
    """Everybody together has asked for too many jobs in a day."""

    kind = "daily_total_reached"


class BackendError(RushesError):
    """The backend let us down.

    `retryable` says whether the same step may be tried again without any risk of paying twice.
    `said` is in the backend's own words, cut and cleaned of secrets: pages quote it. `message` is
    the same, or where the backend said nothing a sentence of ours in English, for operators.
    """

    kind = "backend"
    retryable: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        said: str = "",
        retryable: bool | None = None,
        retry_after: timedelta | None = None,
        remote_code: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(said or message)
        self.said = said
        if retryable is not None:
            self.retryable = retryable
        self.retry_after = retry_after
        self.remote_code = remote_code
        self.detail = detail
        """What an operator needs: setting, host, status, the first safe characters received."""


class NotSent(BackendError):
    """Nothing left this machine: refused, unresolved, untrusted."""

    kind = "not_sent"
    retryable = True


class WrongScheme(NotSent):
    """Https was asked for, and plain http is spoken there: no request was made."""


class OutcomeUnknown(BackendError):
    """A submit left, no clear answer came; it may be running and may be billed."""

    kind = "outcome_unknown"


class RefusedByBackend(BackendError):
    """A field, size or length the backend does not take."""

    kind = "refused_by_backend"


class RejectedByModeration(BackendError):
    """The prompt or the result broke the backend's content rules."""

    kind = "rejected_by_moderation"


class Unauthorized(BackendError):
    """The backend does not accept our key."""

    kind = "unauthorized"


class Forbidden(BackendError):
    """The key is known but may not do this."""

    kind = "forbidden"


class QuotaExhausted(BackendError):
    """The balance or the daily cap is used up."""

    kind = "quota_exhausted"


class RateLimited(BackendError):
    """Too many requests; nothing was executed."""

    kind = "rate_limited"
    retryable = True


class ConcurrencyLimited(BackendError):
    """Too many running jobs over there; nothing was executed."""

    kind = "concurrency_limited"
    retryable = True


class ModelUnavailable(BackendError):
    """There is no such model or address at the backend."""

    kind = "model_unavailable"


class RemoteJobNotFound(BackendError):
    """The backend no longer knows the job."""

    kind = "job_not_found"


class ResultExpired(BackendError):
    """The clip is no longer where the backend put it."""

    kind = "result_expired"


class GenerationFailed(BackendError):
    """The backend tried and failed."""

    kind = "generation_failed"


class BackendUnavailable(BackendError):
    """The backend is unreachable, overloaded or broken."""

    kind = "backend_unavailable"
    retryable = True


class BackendTimeout(BackendError):
    """Our deadline passed; it may still be running there."""

    kind = "timeout"


class BadBackendResponse(BackendError):
    """An answer that cannot be read."""

    kind = "bad_backend_response"


class ClipUnusable(BackendError):
    """A file came, but it is no playable video."""

    kind = "clip_unusable"


class ResultLost(BackendError):
    """Made, perhaps billed, lost on the way here."""

    kind = "result_lost"


class ClipTooLarge(BackendError):
    """More bytes than the operator allows."""

    kind = "clip_too_large"


class NotConfigured(BackendError):
    """The setting for this backend is missing or wrong."""

    kind = "not_configured"


class Misconfigured(NotConfigured):
    """Keys of a backend's configuration are missing or wrong.

    Each of the `flaws` is a place in it, such as `("headers", "X-Team")`, and the reason. The place
    is named by whoever knows how the operator wrote it down.
    """

    def __init__(self, *flaws: tuple[tuple[int | str, ...], str]) -> None:
        super().__init__("\n".join(f"{'.'.join(map(str, at))}: {why}" for at, why in flaws))
        self.flaws = flaws


class StorageError(RushesError):
    """Our own disk or database."""

    kind = "storage"


class StorageFull(StorageError):
    """No space is left for clips."""

    kind = "storage_full"


class LeaseLost(StorageError):
    """Another worker carries the job now; whatever this one still holds must be dropped."""

    kind = "lease_lost"
