"""Everything that needs Redis: events between processes, and rate limits that they share."""
