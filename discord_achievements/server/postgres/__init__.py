"""Everything that needs PostgreSQL: its store, and events between processes by NOTIFY."""
