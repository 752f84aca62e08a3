"""What a manager is told at the start: arguments, then environment variables, checked once."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard
from urllib.parse import urlsplit

from ..domain.errors import ConfigurationError
from ..domain.localization import LOCALES, same_language
from ..domain.snowflake import is_snowflake

URL_VARIABLE = "DISCORD_ACHIEVEMENTS_URL"
TOKEN_VARIABLE = "DISCORD_ACCESS_TOKEN"
LOCALE_VARIABLE = "DISCORD_CURRENT_LOCALE"
DEFAULT_LOCALE = "en-US"
_FOLDER = "discord_achievements"
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")
_log = logging.getLogger("discord_achievements")
_MAX_SECONDS = 24 * 3600.0


def checked_application_id(value: object) -> int:
    """Return a usable application id; raises `ConfigurationError`."""
    if is_snowflake(value):
        return value
    raise ConfigurationError(f"application_id is {value!r:.60}; allowed are whole numbers from 1 to 2^63-1")


def checked_base_url(
    value: object, *, allow_insecure_http: bool, name: str = "base_url", allowed_by: str = "allow_insecure_http=True"
) -> str:
    """Return the service's base URL without a trailing slash.

    `name` is where it comes from, `allowed_by` what has to be passed for http to another host.
    Raises `ConfigurationError`.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is {value!r:.40}; it has to be a text such as https://host/api/v10")
    # What is wrong with an address may be a password in it, so messages show host and scheme at most, and no cause.
    value = value.strip()
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{name} is not a URL: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"{name} has to look like https://host/api/v10; its scheme is {parts.scheme!r:.20}, its host {host!r:.80}"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{name} for {host} holds a user name or password; the token goes into token=")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{name} for {host} has a query or fragment; it ends as in /api/v10")
    if " " in value or not value.isprintable():
        raise ConfigurationError(f"{name} for {host!r:.80} has a space, a line break or the like in it")
    if parts.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        raise ConfigurationError(
            f"{name} is http to {host}: anybody on the way could read the token."
            f" Use https, or pass {allowed_by} for a network that you trust"
        )
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_timeout(name: str, value: object) -> float:
    """Return seconds above 0; raises `ConfigurationError`."""
    if _is_wait(value) and value > 0:
        return float(value)
    raise ConfigurationError(f"{name} is {value!r:.60}; allowed are seconds above 0, up to {_MAX_SECONDS:.0f}")


def checked_wait(name: str, value: object) -> float:
    """Return seconds, 0 for no wait at all; raises `ConfigurationError`."""
    if _is_wait(value):
        return float(value)
    raise ConfigurationError(f"{name} is {value!r:.60}; allowed are seconds from 0 to {_MAX_SECONDS:.0f}")


def _is_wait(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_SECONDS


def checked_locale(value: object) -> str:
    """Return a usable locale; raises `ConfigurationError`.

    A language that Discord does not have is usable: its players read the default text. What is no language tag at all
    is a mistake, and the log is told.
    """
    if isinstance(value, str):
        if not same_language(value, LOCALES) and not _TAG.fullmatch(value):
            _log.warning(
                "locale is %.60r, which is no locale, so all texts are in the default language; Discord's are %s",
                value,
                ", ".join(sorted(LOCALES)),
            )
        return value
    raise ConfigurationError(f"locale is {value!r:.60}; it has to be a text such as en-US or de")


def from_environment(variable: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the value of an environment variable; empty counts as absent."""
    return environ.get(variable) or None


def default_data_dir(application_id: int) -> Path:
    """Return the platform's folder for a user's data, and in it the one for this application.

    Raises `ConfigurationError` where this user has no home folder.
    """
    try:
        return _user_data_dir() / _FOLDER / str(application_id)
    except RuntimeError as exc:
        raise ConfigurationError(f"there is no folder for this user's data ({exc}); pass data_dir") from exc


def _user_data_dir() -> Path:
    platform = sys.platform  # under this name mypy checks every branch, on every platform
    if platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    # A relative path is invalid there, says the XDG Base Directory Specification, and is to be ignored.
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    return configured if configured.is_absolute() else Path.home() / ".local" / "share"
