"""What a manager is told at the start: arguments, then environment variables, checked once."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..domain.errors import ConfigurationError
from ..domain.snowflake import is_snowflake

URL_VARIABLE = "DISCORD_ACHIEVEMENTS_URL"
TOKEN_VARIABLE = "DISCORD_ACCESS_TOKEN"
LOCALE_VARIABLE = "DISCORD_CURRENT_LOCALE"
DEFAULT_LOCALE = "en-US"
_FOLDER = "discord_achievements"


def checked_application_id(value: object) -> int:
    """Return a usable application id; raises `ConfigurationError`."""
    if is_snowflake(value):
        return value
    raise ConfigurationError(f"application_id is {value!r:.60}; allowed are whole numbers from 1 to 2^63-1")


def checked_base_url(value: str, *, allow_insecure_http: bool) -> str:
    """Return the service's base URL without a trailing slash; raises `ConfigurationError`."""
    # What is wrong with an address may be a password in it, so messages show host and scheme at most.
    try:
        parts = urlsplit(value.strip())
        host, port = parts.hostname, parts.port
    except (AttributeError, ValueError) as exc:
        raise ConfigurationError(f"base_url cannot be read as a URL: {exc}") from exc
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"base_url has to look like https://host/api/v10; its scheme is {parts.scheme!r:.20}, its host {host!r:.80}"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"base_url for {host} holds a user name or password; the token goes into token=")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"base_url for {host} has a query or fragment; it ends as in /api/v10")
    if parts.scheme == "http" and not allow_insecure_http and not _is_loopback(host):
        raise ConfigurationError(
            f"base_url is http to {host}: anybody on the way could read the player's token."
            " Use https, or pass allow_insecure_http=True for a network that you trust"
        )
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_seconds(name: str, value: object) -> float:
    """Return a positive, finite number of seconds; raises `ConfigurationError`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
        return float(value)
    raise ConfigurationError(f"{name} is {value!r:.60}; allowed are seconds above 0")


def from_environment(variable: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the value of an environment variable; empty counts as absent."""
    return environ.get(variable) or None


def default_data_dir(application_id: int) -> Path:
    """Return the platform's folder for a user's data, and in it the one for this application."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / _FOLDER / str(application_id)
