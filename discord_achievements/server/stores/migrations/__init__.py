"""Alembic's steps from one schema to the next. They are run by `server.stores.migrate`, never by hand."""
