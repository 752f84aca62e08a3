"""Every setting of the service: its name, its default, its meaning.

Each is read from the environment variable `DISCORD_ACHIEVEMENTS_` + its name in capitals; an option of the command line
takes precedence. `discord-achievements serve --show-settings` prints them all.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..domain.errors import ConfigurationError
from ..domain.routes import ROUTES, Limit
from .dsn import check_database, check_redis, is_postgresql, redacted, sqlite_url

PREFIX = "DISCORD_ACHIEVEMENTS_"
_LIMIT = re.compile(r"([a-z_]+)=([0-9]{1,9})/([0-9]{1,6}(?:\.[0-9]{1,3})?)")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@,\sA-Z]+")
_BOOLS = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
_LIMITED = {route.name: route.limit for route in ROUTES if route.limit is not None}


def default_database() -> str:
    """Return the URL of the SQLite file in the user's data folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        # The XDG Base Directory Specification says that a relative path there is invalid and must be ignored.
        configured = os.environ.get("XDG_DATA_HOME", "")
        base = configured if Path(configured).is_absolute() else str(Path.home() / ".local" / "share")
    return sqlite_url((Path(base) / "discord_achievements" / "service.sqlite3").as_posix())


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service runs. Usually made by `from_environment`; times are in seconds, sizes in bytes.

    Raises `ConfigurationError` if a value cannot be used.
    """

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on; 0 picks a free one.")
    workers: int = _setting(1, "Number of processes; more than one needs PostgreSQL or Redis.")
    database: str = field(
        default_factory=default_database,
        metadata={"help": "sqlite:///path or postgresql://user:password@host/name."},
    )
    redis: str = _setting("", "redis://host:port/0 (or Valkey) for shared limits and events.")
    rate_limits: str = _setting("", "off, or changed limits: route=requests/seconds, comma-separated.")
    cors_origins: str = _setting("", "Web origins allowed to call, comma-separated, or *.")
    max_body_bytes: int = _setting(512 * 1024, "Largest request body in bytes.")
    header_timeout_s: float = _setting(10.0, "Seconds a client may take to send a request's headers.")
    body_timeout_s: float = _setting(15.0, "Seconds a client may take to send a request body.")
    write_timeout_s: float = _setting(30.0, "Seconds a client may go without reading its answer before it is cut off.")
    keep_alive_s: float = _setting(75.0, "Seconds an idle connection is kept open.")
    max_connections: int = _setting(20_000, "Open connections per process; beyond that, the answer is 503.")
    streams_per_user: int = _setting(5, "Event streams of one player in each process.")
    streams_total: int = _setting(10_000, "Event streams of all players in each process.")
    stream_comment_s: float = _setting(15.0, "Seconds between comments on an idle event stream.")
    stream_resync_s: float = _setting(600.0, "Seconds between forced refetches, which make up for lost events.")
    replay_s: float = _setting(7 * 86400.0, "Longest absence in seconds after which a stream can resume.")
    graceful_timeout_s: float = _setting(10.0, "Seconds that requests may take to finish after SIGTERM.")
    write_batch_max: int = _setting(500, "Updates in one transaction; 1 commits each on its own.")
    writes_waiting_max: int = _setting(5000, "Updates waiting for their commit; beyond that, the answer is 503.")
    metrics: bool = _setting(True, "Whether GET /metrics answers.")
    log_level: str = _setting("info", "Lowest level logged: debug, info, warning or error.")

    def __post_init__(self) -> None:
        _check_choice("log_level", self.log_level, ("debug", "info", "warning", "error"))
        _check_range("port", self.port, 0, 65535)
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name != "port" and isinstance(value, int | float) and not isinstance(value, bool):
                _check_range(setting.name, value, 0.001 if isinstance(value, float) else 1, 10**9)
        if not self.host.strip():
            raise _wrong(
                "host", self.host, "an address of this machine such as 127.0.0.1, or 0.0.0.0 for all its addresses"
            )
        _check_url("database", self.database, check_database)
        if self.redis:
            _check_url("redis", self.redis, check_redis)
        for origin in self.origins():
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise _wrong("cors_origins", origin, "*, or scheme://host[:port] in lower case without a path")
        if self.workers > 1 and not is_postgresql(self.database) and not self.redis:
            raise ConfigurationError(
                f"{PREFIX}WORKERS: expected 1 with SQLite, got {self.workers}: the processes could not notify one"
                f" another of changes. Use PostgreSQL, set {PREFIX}REDIS, or set it to 1"
            )
        self.limits()  # raises if they are wrong

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **given: Any) -> Settings:
        """Return the settings of `environment`; values in `given` that are not None take precedence."""
        values: dict[str, Any] = {}
        for setting in fields(cls):
            text = environment.get(PREFIX + setting.name.upper())
            if given.get(setting.name) is not None:
                values[setting.name] = given[setting.name]
            elif text:
                values[setting.name] = _parse(setting.name, str(setting.type), text)
        return cls(**values)

    def limits(self) -> dict[str, Limit]:
        """Return the rate limit of each limited route by the route's name; an empty dict if limits are off."""
        if self.rate_limits.strip().lower() == "off":
            return {}
        limits = dict(_LIMITED)
        for part in filter(None, (part.strip() for part in self.rate_limits.split(","))):
            hit = _LIMIT.fullmatch(part)
            if hit is None or hit[1] not in limits or not int(hit[2]) or not float(hit[3]):
                expected = f"off, or route=requests/seconds with a route of {', '.join(limits)}"
                raise _wrong("rate_limits", part, expected)
            limits[hit[1]] = Limit(int(hit[2]), float(hit[3]))
        return limits

    def origins(self) -> list[str]:
        """Return the origins of web pages that may call."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    def to_environment(self) -> dict[str, str]:
        """Return the environment from which a worker process gets the same settings."""
        return {PREFIX + setting.name.upper(): str(getattr(self, setting.name)) for setting in fields(self)}

    def show(self) -> str:
        """Return all settings as lines of `VARIABLE=value  # meaning`; passwords are masked."""
        lines = []
        for setting in fields(self):
            value = getattr(self, setting.name)
            text = redacted(value) if setting.name in ("database", "redis") else str(value)
            lines.append(f"{PREFIX}{setting.name.upper()}={text}  # {setting.metadata['help']}")
        return "\n".join(lines)


def _parse(name: str, kind: str, text: str) -> Any:
    parsers: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float, "bool": _parse_bool}
    try:
        return parsers[kind](text)
    except ValueError as exc:
        expected = {"int": "an integer", "float": "a number", "bool": "true or false"}[kind]
        raise _wrong(name, text, expected) from exc


def _parse_bool(text: str) -> bool:
    if text.lower() not in _BOOLS:
        raise ValueError(text)
    return _BOOLS[text.lower()]


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise _wrong(name, value, f"one of {', '.join(choices)}")


def _check_url(name: str, url: str, check: Callable[[str], None]) -> None:
    try:
        check(url)
    except ValueError as exc:
        raise _wrong(name, redacted(url), str(exc)) from None


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise _wrong(name, str(value), f"a number from {least} to {most}")


def _wrong(name: str, value: str, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{PREFIX}{name.upper()}: expected {expected}, got {value!r}")
