"""The service's log on stderr: text for people on a terminal, otherwise one JSON object per line."""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO


def log_to_stderr(level: str, log_format: str) -> None:
    """Send the log of this process to stderr: ours and uvicorn's from `level` on, other libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(log_format, sys.stderr))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("discord_achievements", "uvicorn.error"):
        logging.getLogger(name).setLevel(level.upper())


def formatter(log_format: str, stream: TextIO) -> logging.Formatter:
    """Return how a record is written: `log_format` is text, json, or auto for what suits `stream`."""
    if log_format == "text" or (log_format == "auto" and stream.isatty()):
        return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
    return _JsonLines()


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
