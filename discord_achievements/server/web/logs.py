"""The service's log: one JSON object per line on stderr."""

from __future__ import annotations

import json
import logging
import sys


def log_to_stderr(level: str) -> None:
    """Send the log of this process to stderr: ours and uvicorn's from `level` on, other libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("discord_achievements", "uvicorn.error"):
        logging.getLogger(name).setLevel(level.upper())


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
