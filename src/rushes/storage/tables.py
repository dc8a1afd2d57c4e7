"""The tables, in types that sort, compare and read back alike on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from rushes.domain import (
    CancelOutcome,
    Clip,
    Download,
    Failure,
    JobStatus,
    RemoteJob,
    TokenScope,
    VideoRequest,
)

if TYPE_CHECKING:
    from enum import StrEnum

    from sqlalchemy import Dialect

T = TypeVar("T")
W = TypeVar("W", bound="StrEnum")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970 in UTC; refuses one without a zone."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment that `to_micros` was given."""
    return EPOCH + micros * MICROSECOND


class Moment(TypeDecorator[datetime]):
    """A time as an integer of microseconds: exact, and in order on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Write."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        """Read."""
        return None if value is None else from_micros(value)


class Word(TypeDecorator[W]):
    """A word of a closed list, as text."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[W]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: W | None, _dialect: Dialect) -> str | None:
        """Write."""
        return None if value is None else value.value

    def process_result_value(self, value: str | None, _dialect: Dialect) -> W | None:
        """Read."""
        return None if value is None else self.words(value)


class Document(TypeDecorator[T]):
    """A value of the domain as JSON text: kept and given back, never searched."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[T]) -> None:
        super().__init__()
        self.kind = kind
        self._adapter = TypeAdapter(kind)

    def process_bind_param(self, value: T | None, _dialect: Dialect) -> str | None:
        """Write."""
        return None if value is None else self._adapter.dump_json(value).decode()

    def process_result_value(self, value: str | None, _dialect: Dialect) -> T | None:
        """Read."""
        return None if value is None else self._adapter.validate_json(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# Every field of domain.Job is a column of the same name.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("batch", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("request", Document(VideoRequest), nullable=False),
    Column("submit_token", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("origin", Text),
    Column("status", Word(JobStatus), nullable=False),
    Column("progress", Integer),
    Column("remote", Document(RemoteJob)),
    Column("download", Document(Download)),
    Column("clip", Document(Clip)),
    Column("failure", Document(Failure)),
    Column("setback", Document(Failure)),
    Column("cancel_outcome", Word(CancelOutcome)),
    Column("attempt", Integer, nullable=False),
    Column("next_at", Moment),
    Column("deadline_at", Moment),
    Column("submitted_at", Moment),
    Column("finished_at", Moment),
    Column("fence", BigInteger, nullable=False),
    Column("cancel_requested_at", Moment),
    Column("deleted_at", Moment),
    Column("starred", Boolean, nullable=False),
    Column("title", Text),
    Column("revision", BigInteger, nullable=False),
    # What only the store knows of a job.
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("searched", Text, nullable=False),  # prompt and title, case folded
    # Of the job again: what later versions added stands last, as a step puts it.
    Column("expected_at", Moment),
    Column("shared_with", Text),
    UniqueConstraint("owner", "submit_token", "place"),
    Index("ix_jobs_newest", "owner", "created_at", "place", "id"),
    Index("ix_jobs_created_at", "created_at", "place", "id"),
    Index("ix_jobs_revision", "revision"),
    Index("ix_jobs_next_at", "next_at"),
    Index("ix_jobs_status", "status", "backend"),
    Index("ix_jobs_batch", "batch"),
    Index("ix_jobs_backend", "backend", "created_at"),
    Index("ix_jobs_shared_with", "shared_with", "created_at"),
    Index("ix_jobs_owner", "owner", "revision"),
    Index(
        "ix_jobs_submitted_at",
        "backend",
        "owner",
        "submitted_at",
        # Partial, so that it serves only who asks for starts, and no search is led astray.
        sqlite_where=text("submitted_at IS NOT NULL"),
        postgresql_where=text("submitted_at IS NOT NULL"),
    ),
)

events = Table(
    "events",
    metadata,
    # SQLite numbers rows by itself only for its own INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("what", Text, nullable=False),
    Column("kind", Text),
    Index("ix_events_job_id", "job_id", "id"),
)

# One row; each writing transaction raises it and so waits for the one before.
counter = Table("counter", metadata, Column("revision", BigInteger, nullable=False))

# The digest of a session's token is all that is known of it.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("ends_at", Moment, nullable=False),
    Column("owner", Text, nullable=False),
)

guesses = Table(
    "guesses",
    metadata,
    Column("who", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
)

# Every field of domain.Account is a column of the same name.
accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("password", Text),
    Column("is_operator", Boolean, nullable=False),
    Column("groups", Document(frozenset[str]), nullable=False),
    Column("seen_at", Moment),
    Column("disabled_at", Moment),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("scope", Word(TokenScope), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    Column("lock", Text),
    Index("ix_tokens_owner", "owner"),
)

shares = Table(
    "shares",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("with_prompt", Boolean, nullable=False),
    Column("revoked_at", Moment),
    Index("ix_shares_job_id", "job_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("about", Text, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("backend", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("since", Moment, nullable=False),
)

# The name and shape are Alembic's, which reads and writes this table too.
schema_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
