"""Every setting of the service: its name, its default, its meaning.

Each is read from the environment variable `DISCORD_ACHIEVEMENTS_` + its name in capitals; an option of the command line
takes precedence. `discord-achievements serve --show-settings` prints them all.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..domain.errors import ConfigurationError
from .dsn import check_database, check_redis, is_postgresql, redacted, sqlite_url
from .duration import FORMS, format_duration, parse_duration

if TYPE_CHECKING:
    from ..domain.routes import Limit

PREFIX = "DISCORD_ACHIEVEMENTS_"
OTHER_VARIABLES = ("APPLICATION", "BOT_TOKEN", "URL")
"""Variables with the same prefix that are no settings: the other commands and games read them."""

_LIMIT = re.compile(r"([a-z_]+)=([0-9]{1,9})/([0-9].*)")
_LIMIT_WINDOW_S = (0.001, 86400.0)
_HOUR_S, _DAY_S = 3600.0, 86400.0
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@,\sA-Z]+")
_BOOLS = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}


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


class Range(NamedTuple):
    """The least and the greatest value that a setting may have."""

    least: float
    most: float


class WrongSetting(ConfigurationError):
    """A setting's value cannot be used; `problem` says what was expected, without the name of the `setting`."""

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        self.problem = problem
        super().__init__(f"{PREFIX}{setting.upper()}: {problem}")


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


def _number(default: float, least: float, most: float, help: str) -> Any:
    """Return a field for a number; a float is a duration in seconds."""
    return field(default=default, metadata={"help": help, "range": Range(least, most)})


def _choice(default: str, choices: tuple[str, ...], help: str) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service runs. Usually made by `from_environment`; times are in seconds, sizes in bytes.

    Raises `WrongSetting` if a value cannot be used.
    """

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _number(8000, 0, 65535, "Port to listen on; 0 picks a free one.")
    workers: int = _number(1, 1, 64, "Number of processes; more than one needs PostgreSQL or Redis.")
    database: str = field(
        default_factory=default_database,
        metadata={"help": "sqlite:///path or postgresql://user:password@host/name."},
    )
    redis: str = _setting("", "redis://host:port/0 (or Valkey) for shared limits and events.")
    rate_limits: str = _setting("", "off, or changed limits: route=requests/duration, comma-separated.")
    cors_origins: str = _setting("", "Web origins allowed to call, comma-separated, or *.")
    max_body_bytes: int = _number(512 * 1024, 1024, 64 * 1024 * 1024, "Largest request body in bytes.")
    header_timeout_s: float = _number(10.0, 0.1, _HOUR_S, "How long a client may take to send a request's headers.")
    body_timeout_s: float = _number(15.0, 0.1, _HOUR_S, "How long a client may take to send a request body.")
    write_timeout_s: float = _number(
        30.0, 0.1, _HOUR_S, "How long a client may leave its answer unread before it is cut off."
    )
    keep_alive_s: float = _number(75.0, 1.0, _HOUR_S, "How long an idle connection is kept open.")
    max_connections: int = _number(
        20_000, 1, 1_000_000, "Open connections per process; beyond that, the answer is 503."
    )
    streams_per_user: int = _number(5, 1, 10_000, "Event streams of one player in each process.")
    streams_total: int = _number(10_000, 1, 1_000_000, "Event streams of all players in each process.")
    stream_comment_s: float = _number(15.0, 0.1, _HOUR_S, "Time between comments on an idle event stream.")
    stream_resync_s: float = _number(
        600.0, 1.0, 7 * _DAY_S, "Time between forced refetches, which make up for lost events."
    )
    replay_s: float = _number(7 * _DAY_S, 1.0, 365 * _DAY_S, "Longest absence after which a stream can resume.")
    graceful_timeout_s: float = _number(10.0, 1.0, _HOUR_S, "How long requests may take to finish after SIGTERM.")
    write_batch_max: int = _number(500, 1, 10_000, "Updates in one transaction; 1 commits each on its own.")
    writes_waiting_max: int = _number(
        5000, 1, 1_000_000, "Updates waiting for their commit; beyond that, the answer is 503."
    )
    metrics: bool = _setting(True, "Whether GET /metrics answers.")
    log_level: str = _choice("info", ("debug", "info", "warning", "error"), "Lowest level logged.")
    log_format: str = _choice("auto", ("auto", "text", "json"), "auto is text on a terminal, otherwise JSON.")

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if "range" in setting.metadata:
                _check_range(setting, value, str(value))
            elif value not in setting.metadata.get("choices", (value,)):
                raise _wrong(setting.name, value, f"one of {allowed_values(setting)}")
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
            raise WrongSetting(
                "workers",
                f"expected 1 with SQLite, got {self.workers}: the processes could not notify one another of changes;"
                f" use PostgreSQL, set {PREFIX}REDIS, or set it to 1",
            )
        if self.rate_limits:
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
                values[setting.name] = _parse(setting, text)
        return cls(**values)

    def limits(self) -> dict[str, Limit]:
        """Return the rate limit of each limited route by the route's name; an empty dict if limits are off."""
        if self.rate_limits.strip().lower() == "off":
            return {}
        from ..domain.routes import ROUTES, Limit

        limits = {route.name: route.limit for route in ROUTES if route.limit is not None}
        for part in filter(None, (part.strip() for part in self.rate_limits.split(","))):
            hit = _LIMIT.fullmatch(part)
            try:
                window_s = parse_duration(hit[3]) if hit else 0.0
            except ValueError:
                window_s = 0.0
            least, most = _LIMIT_WINDOW_S
            if hit is None or hit[1] not in limits or not int(hit[2]) or not least <= window_s <= most:
                raise _wrong(
                    "rate_limits",
                    part,
                    f"off, or route=requests/duration with a duration up to 1d and a route of {', '.join(limits)}",
                )
            limits[hit[1]] = Limit(int(hit[2]), window_s)
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
            if setting.name in ("database", "redis"):
                value = redacted(value)
            meaning = setting.metadata["help"]
            if allowed := allowed_values(setting):
                meaning = f"{meaning.removesuffix('.')} ({allowed})."
            lines.append(f"{PREFIX}{setting.name.upper()}={shown_value(setting, value)}  # {meaning}")
        return "\n".join(lines)


def allowed_values(setting: Field[Any]) -> str:
    """Return what a setting may be, such as `1s to 7d` or `auto, text, json`; "" if that is not so easily said."""
    allowed: Range | None = setting.metadata.get("range")
    if allowed is None:
        return ", ".join(setting.metadata.get("choices", ()))
    shown = format_duration if setting.type == "float" else str
    return f"{shown(allowed.least)} to {shown(allowed.most)}"


def shown_value(setting: Field[Any], value: Any) -> str:
    """Return a value as `from_environment` reads it."""
    if setting.type == "float":
        return format_duration(value)
    return str(value).lower() if setting.type == "bool" else str(value)


def range_of(name: str) -> Range:
    """Return the least and the greatest value of the setting `name`."""
    allowed: Range = _metadata(name)["range"]
    return allowed


def choices_of(name: str) -> tuple[str, ...]:
    """Return the values that the setting `name` may have."""
    choices: tuple[str, ...] = _metadata(name)["choices"]
    return choices


def _metadata(name: str) -> Mapping[str, Any]:
    return next(setting.metadata for setting in fields(Settings) if setting.name == name)


def check_names(environment: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` for variables that have our prefix and nobody reads: they are misspelt."""
    known = [*(setting.name.upper() for setting in fields(Settings)), *OTHER_VARIABLES]
    problems = []
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if name != variable and name not in known:
            import difflib

            close = difflib.get_close_matches(name, known, 1)
            problems.append(variable + (f" (did you mean {PREFIX}{close[0]}?)" if close else ""))
    if problems:
        raise ConfigurationError(
            f"no setting is called {' or '.join(problems)}; correct the name or unset the variable;"
            " `serve --show-settings` lists all settings"
        )


def _parse(setting: Field[Any], text: str) -> Any:
    parsers: dict[Any, Callable[[str], Any]] = {
        "str": str, "int": int, "float": parse_duration, "bool": _parse_bool,
    }  # fmt: skip
    try:
        value = parsers[setting.type](text)
    except ValueError as exc:
        expected = {"int": "an integer", "float": FORMS, "bool": "true or false"}[str(setting.type)]
        raise _wrong(setting.name, text, expected) from exc
    if "range" in setting.metadata:
        _check_range(setting, value, text)
    return value


def _parse_bool(text: str) -> bool:
    if text.lower() not in _BOOLS:
        raise ValueError(text)
    return _BOOLS[text.lower()]


def _check_url(name: str, url: str, check: Callable[[str], None]) -> None:
    try:
        check(url)
    except ValueError as exc:
        raise _wrong(name, redacted(url), str(exc)) from None


def _check_range(setting: Field[Any], value: float, text: str) -> None:
    allowed: Range = setting.metadata["range"]
    if not allowed.least <= value <= allowed.most:
        kind = "a duration" if setting.type == "float" else "an integer"
        raise _wrong(setting.name, text, f"{kind} from {allowed_values(setting)}")


def _wrong(name: str, value: str, expected: str) -> WrongSetting:
    return WrongSetting(name, f"expected {expected}, got {value!r}")
