"""Alembic runs this; the connection, and the transaction that it is in, come from `server.migrate`."""

from __future__ import annotations

from alembic import context

from discord_achievements.server.stores.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
