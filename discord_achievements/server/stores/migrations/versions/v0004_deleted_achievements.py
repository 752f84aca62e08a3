"""Marks of deleted achievements: nobody makes progress on one any more, and what there was is deleted to the end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deleted_achievements",
        sa.Column("application_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("is_swept", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("application_id", "id", name="pk_deleted_achievements"),
    )
