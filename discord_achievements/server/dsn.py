"""The URLs of databases and of Redis: which ones are accepted, and how one is shown without its password."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

SQLITE = "sqlite:///path"
POSTGRESQL = "postgresql://user:password@host:5432/name"
REDIS = "redis://host:6379/0, rediss://... or unix:///path"

_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:,/?#@\s]*)(?::[0-9]*)?"
_AUTHORITY = rf"//(?:[^\[\]/?#@\s]*@)?{_HOST}(?:,{_HOST})*"  # PostgreSQL takes several hosts
_POSTGRESQL = re.compile(rf"postgresql:{_AUTHORITY}(?:[/?][^#\s]*)?")
_REDIS = re.compile(rf"rediss?:{_AUTHORITY}(?:[/?][^#\s]*)?|unix://[^#\s]+")
_ESCAPES = "in a password, write @ : / ? # [ ] % as %40 %3A %2F %3F %23 %5B %5D %25"

_PASSWORD = re.compile(r"^([^:/?#]+://[^:/?#@]*):.*@", re.DOTALL)
_PASSWORD_PARAMETER = re.compile(r"([?&]\w*password=)[^&]*", re.IGNORECASE)


def sqlite_url(path: str) -> str:
    """Return the URL of a SQLite file; `path` is separated by slashes."""
    return f"sqlite:///{quote(path, safe='/:')}"


def sqlite_path(url: str) -> str:
    """Return the path of a SQLite file; raises `ValueError` with what was expected."""
    path = unquote(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or not path or path == ":memory:" or "\0" in path:
        raise ValueError(f"{SQLITE} with the path of a file")
    if "?" in url or "#" in url:
        raise ValueError(f"{SQLITE} without parameters; in a path, write ? and # as %3F and %23")
    return path


def is_postgresql(url: str) -> bool:
    """Tell whether the URL is PostgreSQL's; otherwise it is SQLite's."""
    return url.startswith("postgresql:")


def check_database(url: str) -> None:
    """Raise `ValueError` with what was expected, unless the URL can be a database's."""
    if url.startswith("sqlite:"):
        sqlite_path(url)
    elif not is_postgresql(url):
        raise ValueError(f"{SQLITE} or {POSTGRESQL}")
    elif not _POSTGRESQL.fullmatch(url):
        raise ValueError(f"{POSTGRESQL}; {_ESCAPES}")


def check_redis(url: str) -> None:
    """Raise `ValueError` with what was expected, unless the URL can be Redis's."""
    if not _REDIS.fullmatch(url):
        raise ValueError(f"{REDIS}; {_ESCAPES}")


def redacted(url: str) -> str:
    """Return a URL, or what was meant to be one, with its passwords masked."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
