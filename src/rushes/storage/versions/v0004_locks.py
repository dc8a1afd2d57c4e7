"""Under which lock a token was made; and each owner's newest change, found without looking far."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column and an index; of a token that is there already the lock is not known."""
    op.add_column("tokens", sa.Column("lock", sa.Text))
    op.create_index("ix_jobs_owner", "jobs", ["owner", "revision"])
