"""The time of each record's last change: a resumed event stream finds there what it has missed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("progress", sa.Column("changed_at_us", sa.BigInteger, nullable=False, server_default="0"))
