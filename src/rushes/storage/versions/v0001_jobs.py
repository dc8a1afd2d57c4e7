"""Jobs, their events, and the revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create what the first version had."""
    _create_jobs()
    _index_jobs()
    _create_events()
    counter = op.create_table("counter", sa.Column("revision", sa.BigInteger, nullable=False))
    op.bulk_insert(counter, [{"revision": 0}])


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("submit_token", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("progress", sa.Integer),
        sa.Column("remote", sa.Text),
        sa.Column("download", sa.Text),
        sa.Column("clip", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("setback", sa.Text),
        sa.Column("cancel_outcome", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("deadline_at", sa.BigInteger),
        sa.Column("submitted_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("cancel_requested_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("starred", sa.Boolean, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("searched", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("owner", "submit_token", "place", name="uq_jobs_owner"),
    )


def _index_jobs() -> None:
    op.create_index("ix_jobs_newest", "jobs", ["owner", "created_at", "place", "id"])
    op.create_index("ix_jobs_created_at", "jobs", ["created_at", "place", "id"])
    op.create_index("ix_jobs_revision", "jobs", ["revision"])
    op.create_index("ix_jobs_next_at", "jobs", ["next_at"])
    op.create_index("ix_jobs_status", "jobs", ["status", "backend"])
    op.create_index("ix_jobs_batch", "jobs", ["batch"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_events_job_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_events_job_id", "events", ["job_id", "id"])
