"""The tables. Migrations create them; a test checks that both agree.

`progress` is keyed by player first and refers to nothing, so that an engine that shards by `user_id` can take it, and
no unlock locks a row that players share (with a foreign key it would: PostgreSQL locks the row that it points to).
A write to `progress` looks into `deleted_achievements` instead, which is written only when an achievement is deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

applications = Table(
    "applications",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("application_id", BigInteger, nullable=False),
    Column("user_id", BigInteger),
    Column("created_at_us", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger),
    ForeignKeyConstraint(["application_id"], ["applications.id"]),
    Index(None, "application_id", "kind"),
)

# Translations are stored as JSON text: they are only read whole, and SQLite has no type for them.
achievements = Table(
    "achievements",
    metadata,
    Column("application_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("name_localizations", Text),
    Column("description", Text, nullable=False),
    Column("description_localizations", Text),
    Column("secret", Boolean, nullable=False),
    Column("secure", Boolean, nullable=False),
    Column("icon_hash", String(32), nullable=False),
    ForeignKeyConstraint(["application_id"], ["applications.id"]),
)

# What was deleted, and whether its progress is gone too. A mark stays until a catalogue brings the id back: a process
# that has not heard of the deletion yet may write at any time.
deleted_achievements = Table(
    "deleted_achievements",
    metadata,
    Column("application_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("is_swept", Boolean, nullable=False),
)

icons = Table(
    "icons",
    metadata,
    Column("application_id", BigInteger, primary_key=True, autoincrement=False),
    Column("achievement_id", BigInteger, primary_key=True, autoincrement=False),
    Column("icon_hash", String(32), nullable=False),
    Column("media_type", String(32), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("png", LargeBinary, nullable=False),
)

progress = Table(
    "progress",
    metadata,
    Column("application_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("achievement_id", BigInteger, primary_key=True, autoincrement=False),
    Column("percent", SmallInteger, nullable=False),
    Column("unlocked_at_us", BigInteger),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

# One row; see `Store.history`.
history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", String(32), nullable=False),
)

# One row, whose value changes with each change of the other tables except `progress`; see `Store.generation`.
generation = Table(
    "generation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)
