"""People, their tokens and share links, who may watch a clip, and what operators did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns and tables; what is there already belongs to the one local person."""
    op.add_column("jobs", sa.Column("expected_at", sa.BigInteger))
    op.add_column("jobs", sa.Column("shared_with", sa.Text))
    op.create_index("ix_jobs_backend", "jobs", ["backend", "created_at"])
    op.create_index("ix_jobs_shared_with", "jobs", ["shared_with", "created_at"])
    op.create_index(
        "ix_jobs_submitted_at",
        "jobs",
        ["backend", "owner", "submitted_at"],
        sqlite_where=sa.text("submitted_at IS NOT NULL"),
        postgresql_where=sa.text("submitted_at IS NOT NULL"),
    )
    _let_sessions_have_owners()
    _create_people()
    _create_shares()
    _create_what_operators_do()


def _let_sessions_have_owners() -> None:
    op.execute("ALTER TABLE sessions RENAME TO ownerless")
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.execute("INSERT INTO sessions SELECT digest, ends_at, 'local' FROM ownerless")
    op.drop_table("ownerless")


def _create_people() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("password", sa.Text),
        sa.Column("is_operator", sa.Boolean, nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("disabled_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
    )
    op.create_index("ix_tokens_owner", "tokens", ["owner"])


def _create_shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("with_prompt", sa.Boolean, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("digest", name="uq_shares_digest"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_shares_job_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_shares_job_id", "shares", ["job_id"])


def _create_what_operators_do() -> None:
    numbered = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit",
        sa.Column("id", numbered, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_table(
        "holds",
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("backend", name="pk_holds"),
    )
