"""Durations as people write them: `30d`, `12h`, `1.5h`, or plain seconds."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,6})?)\s*([smhd]?)", re.IGNORECASE)
FORMS = "seconds, or a number with s, m, h or d, such as 30d"


def parse_duration(text: str) -> float:
    """Return a duration in seconds; raises `ValueError`."""
    hit = _DURATION.fullmatch(text.strip())
    if hit is None:
        raise ValueError(f"expected {FORMS}, got {text!r}")
    return float(hit[1]) * _UNITS[hit[2].lower() or "s"]


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit that divides it."""
    for unit, length in reversed(_UNITS.items()):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
