"""Applications, tokens, definitions, icons, progress."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_applications"),
    )
    op.create_table(
        "tokens",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("application_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.Column("expires_at_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("key", name="pk_tokens"),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_tokens_applications"),
    )
    op.create_index("ix_tokens_application_id_kind", "tokens", ["application_id", "kind"])
    op.create_table(
        "achievements",
        sa.Column("application_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_localizations", sa.Text),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("description_localizations", sa.Text),
        sa.Column("secret", sa.Boolean, nullable=False),
        sa.Column("secure", sa.Boolean, nullable=False),
        sa.Column("icon_hash", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("application_id", "id", name="pk_achievements"),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_achievements_applications"),
    )
    op.create_table(
        "icons",
        sa.Column("application_id", sa.BigInteger, nullable=False),
        sa.Column("achievement_id", sa.BigInteger, nullable=False),
        sa.Column("icon_hash", sa.String(32), nullable=False),
        sa.Column("media_type", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("png", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("application_id", "achievement_id", name="pk_icons"),
    )
    op.create_table(
        "progress",
        sa.Column("application_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("achievement_id", sa.BigInteger, nullable=False),
        sa.Column("percent", sa.SmallInteger, nullable=False),
        sa.Column("unlocked_at_us", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("application_id", "user_id", "achievement_id", name="pk_progress"),
        sqlite_with_rowid=False,
    )
    generation = op.create_table(
        "generation",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_generation"),
    )
    op.bulk_insert(generation, [{"id": 1, "value": 1}])
