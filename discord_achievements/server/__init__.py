"""The service: Discord's documented achievements HTTP on SQLite or PostgreSQL. Needs the extra [server]."""
