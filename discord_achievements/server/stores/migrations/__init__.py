"""Alembic's steps from one schema to the next. They are run by `server.migrate`, never by hand."""
