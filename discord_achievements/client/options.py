"""What a manager is made with: arguments, then environment variables, checked once and frozen."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard
from urllib.parse import urlsplit

from ..domain.catalogue import Catalogue
from ..domain.errors import CatalogueError, ConfigurationError
from ..domain.localization import LOCALES, same_language
from ..domain.snowflake import is_snowflake
from .clock import Clock, SystemClock
from .disk.catalogue_file import png_paths, read_catalogue
from .net.hosts import is_loopback
from .net.transport import Transport
from .token import Credentials, TokenProvider, credentials, local_credentials

URL_VARIABLE = "DISCORD_ACHIEVEMENTS_URL"
TOKEN_VARIABLE = "DISCORD_ACCESS_TOKEN"
LOCALE_VARIABLE = "DISCORD_CURRENT_LOCALE"
DEFAULT_LOCALE = "en-US"
_FOLDER = "discord_achievements"
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")
_log = logging.getLogger("discord_achievements")
_MAX_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of a manager, checked. `base_url` is None in local mode, `transport` None for the default one."""

    application_id: int
    base_url: str | None
    credentials: Credentials
    catalogue: Catalogue | None
    icon_paths: Mapping[int, str]
    data_dir: Path
    locale: str
    transport: Transport | None
    clock: Clock
    timeout_s: float


def resolve(
    application_id: int,
    *,
    achievements: str | os.PathLike[str] | Catalogue | None,
    base_url: str | None,
    token: str | TokenProvider | None,
    data_dir: str | os.PathLike[str] | None,
    locale: str | None,
    transport: Transport | None,
    clock: Clock | None,
    timeout_s: float,
    allow_insecure_http: bool,
) -> Options:
    """Return the options for the arguments of `AchievementManager`, of which absent ones come from the environment.

    Raises `ConfigurationError` and `CatalogueError`. **Blocks** for the disk.
    """
    application_id = checked_application_id(application_id)
    locale = checked_locale(locale or from_environment(LOCALE_VARIABLE) or DEFAULT_LOCALE)
    timeout_s = checked_timeout("timeout_s", timeout_s)
    url_source = "base_url" if base_url else URL_VARIABLE
    base_url = base_url or from_environment(URL_VARIABLE)
    if base_url is not None:
        base_url = checked_base_url(base_url, allow_insecure_http=allow_insecure_http, name=url_source)
        token = token or from_environment(TOKEN_VARIABLE)
    elif achievements is None:
        raise ConfigurationError(
            "neither achievements nor base_url was given: pass achievements='achievements.toml' to work on this machine"
            " alone, or base_url='https://host/api/v10' to work with a service"
        )
    elif token:
        raise ConfigurationError("token was given without base_url: without a service nothing asks for a token")
    _check_kind("transport", transport, Transport, "an object with send(), open_stream() and close()")
    _check_kind("clock", clock, Clock, "an object with now() and at_us()")
    catalogue = _load(achievements, application_id)
    return Options(
        application_id,
        base_url,
        local_credentials() if base_url is None else credentials(token),
        catalogue,
        {} if catalogue is None else png_paths(catalogue),
        _absolute(default_data_dir(application_id) if data_dir is None else checked_data_dir(data_dir)),
        locale,
        transport,
        clock or SystemClock(),
        timeout_s,
    )


def _check_kind(name: str, value: object, kind: type, expected: str) -> None:
    if value is not None and (isinstance(value, type) or not isinstance(value, kind)):
        raise ConfigurationError(f"{name}: expected {expected}, got {value!r:.60}")


def _load(achievements: str | os.PathLike[str] | Catalogue | None, application_id: int) -> Catalogue | None:
    if achievements is None:
        return None
    catalogue = achievements if isinstance(achievements, Catalogue) else read_catalogue(achievements)
    if catalogue.application_id != application_id:
        raise CatalogueError(
            catalogue.source,
            [f"application_id is {catalogue.application_id}, but the manager was created for {application_id}"],
        )
    return catalogue


def checked_application_id(value: object) -> int:
    """Return a usable application id. Raises `ConfigurationError`."""
    if is_snowflake(value):
        return value
    hint = "; pass it as an int, without quotes" if isinstance(value, str) and value.isdecimal() else ""
    raise ConfigurationError(f"application_id: expected an integer from 1 to 2**63-1, got {value!r:.60}{hint}")


def checked_base_url(
    value: object, *, allow_insecure_http: bool, name: str = "base_url", allowed_by: str = "allow_insecure_http=True"
) -> str:
    """Return the service's base URL without a trailing slash.

    `name` is where it comes from, `allowed_by` what allows http to another host. Raises `ConfigurationError`.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}: expected a string such as 'https://host/api/v10', got {value!r:.40}")
    # What is wrong with an address may be a password in it, so messages show host and scheme at most, and no cause.
    value = value.strip()
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{name} is not a URL: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"{name}: expected a URL such as https://host/api/v10,"
            f" got scheme {parts.scheme!r:.20} and host {host!r:.80}"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"{name} for {host} contains a user name or password; remove them, the token is passed separately"
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{name} for {host} has a query or fragment; it must end as in /api/v10")
    if " " in value or not value.isprintable():
        raise ConfigurationError(f"{name} for {host!r:.80} contains a space, a line break or a similar character")
    if parts.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        raise ConfigurationError(
            f"{name} is http to {host}, so anybody on the way could read the token."
            f" Use https, or pass {allowed_by} for a network that you trust"
        )
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def checked_timeout(name: str, value: object) -> float:
    """Return a number of seconds above 0. Raises `ConfigurationError`."""
    if _is_wait(value) and value > 0:
        return float(value)
    raise ConfigurationError(f"{name}: expected seconds above 0, up to {_MAX_SECONDS:.0f}, got {value!r:.60}")


def checked_wait(name: str, value: object) -> float:
    """Return a number of seconds; 0 is no wait at all. Raises `ConfigurationError`."""
    if _is_wait(value):
        return float(value)
    raise ConfigurationError(f"{name}: expected seconds from 0 to {_MAX_SECONDS:.0f}, got {value!r:.60}")


def _is_wait(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_SECONDS


def checked_locale(value: object) -> str:
    """Return a usable locale. Raises `ConfigurationError`.

    A language that Discord does not have is usable: its players read the default text. What is not a language tag at
    all is a mistake, which the log reports.
    """
    if isinstance(value, str):
        if not same_language(value, LOCALES) and not _TAG.fullmatch(value):
            _log.warning(
                "locale is %.60r, which is not a locale, so all texts are in the default language; Discord's are %s",
                value,
                ", ".join(sorted(LOCALES)),
            )
        return value
    raise ConfigurationError(f"locale: expected a string such as 'en-US' or 'de', got {value!r:.60}")


def checked_data_dir(value: object) -> Path:
    """Return the path of a data folder. Raises `ConfigurationError`."""
    if isinstance(value, str | os.PathLike) and isinstance(path := os.fspath(value), str) and "\0" not in path:
        return Path(path)
    raise ConfigurationError(f"data_dir: expected the path of a folder, got {value!r:.60}")


def _absolute(path: Path) -> Path:
    """Return the path as it is meant now, since the game may change its working directory later."""
    try:
        return path.absolute()
    except OSError as exc:
        raise ConfigurationError(
            f"data_dir: {str(path)!r:.60} is relative, and the working directory cannot be determined ({exc})"
        ) from exc


def from_environment(variable: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the value of an environment variable; an empty one counts as absent."""
    return environ.get(variable) or None


def default_data_dir(application_id: int) -> Path:
    """Return the folder for this application within the platform's folder for user data.

    Raises `ConfigurationError` if this user has no home folder.
    """
    try:
        return _user_data_dir() / _FOLDER / str(application_id)
    except RuntimeError as exc:
        raise ConfigurationError(f"this user has no folder for data ({exc}); pass data_dir") from exc


def _user_data_dir() -> Path:
    platform = sys.platform  # under this name mypy checks every branch, on every platform
    if platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    # The XDG Base Directory Specification says that a relative path there is invalid and must be ignored.
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    return configured if configured.is_absolute() else Path.home() / ".local" / "share"
