"""What an answer means to a backend in code, where no profile says how its errors look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from rushes.backends.classifying import MESSAGE_MAX, MESSAGE_PLACES, kind_of_status
from rushes.backends.language.files import reason_of
from rushes.backends.language.pointers import find_text
from rushes.backends.language.reasons import place_of
from rushes.backends.pauses import read_retry_after
from rushes.backends.speaking import MAYBE_EXECUTED, as_kind, readable
from rushes.domain import Stage, utc_now
from rushes.errors import (
    BackendError,
    Forbidden,
    Misconfigured,
    ModelUnavailable,
    OutcomeUnknown,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from rushes.backends import SettingNames
    from rushes.net import Answer, Redactor

    Options = TypeVar("Options", bound=BaseModel)


def error_of(
    answer: Answer, stage: Stage, redactor: Redactor, settings: SettingNames
) -> BackendError:
    """Return the error that an answer without success tells of, with its own words, cleaned."""
    document = readable(answer)
    said = document if isinstance(document, str) else find_text(document, MESSAGE_PLACES)
    error = kind_of_status(answer.status, stage)(
        f"the backend answered {answer.status}",
        said=redactor.clean(said or "", MESSAGE_MAX),
        retry_after=read_retry_after(answer.headers, utc_now()),
        detail=answer.detail,
    )
    setting = {
        Unauthorized: settings.key,
        Forbidden: settings.key,
        ModelUnavailable: settings.url,
    }.get(type(error))
    if setting is not None:
        error.detail = f"{setting}: {answer.detail} · run `rushes check`"
    return error


def refusal_of(answer: Answer, redactor: Redactor, settings: SettingNames) -> BackendError:
    """Say what a refused submit means: certainly not executed, or nobody can tell."""
    error = error_of(answer, Stage.SUBMIT, redactor, settings)
    if answer.status == 503 and error.retry_after is not None:
        return error
    if answer.status >= 500 or answer.status in MAYBE_EXECUTED:
        return as_kind(OutcomeUnknown, error)
    return error


def read_options(kind: type[Options], options: Mapping[str, object]) -> Options:
    """Return a backend's own options; raises Misconfigured."""
    try:
        return kind.model_validate(dict(options))
    except ValidationError as invalid:
        flaws = [
            (("options", *place_of(error)), reason_of(error, kind)) for error in invalid.errors()
        ]
        raise Misconfigured(*flaws) from invalid
