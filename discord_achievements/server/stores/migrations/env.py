"""Run by Alembic; the connection and its transaction come from `stores.migrate`."""

from __future__ import annotations

from alembic import context

from discord_achievements.server.stores.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
