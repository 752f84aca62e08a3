"""Every exception of the package, and Discord's error bodies as data.

    DiscordAchievementsError
    ├── ConfigurationError   an argument or an environment variable cannot be used (also a ValueError)
    │   ├── WrongSetting      server.settings: the value of a setting of the service
    │   └── DatabaseUnusable  server.stores.base: the database is not this program's, or its file cannot be created
    ├── CatalogueError       the catalogue file has mistakes, all of them listed (also a ValueError)
    ├── ResultError          a getter has nothing to return; carries the `Result`
    ├── TransportError       no answer came: connection, time-out, TLS, or a body that broke off
    ├── WireError            an answer is not what the protocol says
    ├── ApiError             the service answered with an error; carries status, code, message, errors
    ├── ClockError           domain.snowflake: the clock cannot be right, so no id is made
    ├── NotSignedInError     client.worker.session: there is no token to ask the service with
    ├── DiscordException     gamesdk.results: the old spellings' exceptions, one subclass for each `Result`
    ├── NotOfferedError      gamesdk.absent: a part of the GameSDK other than achievements (also NotImplementedError)
    │   ├── NotOfferedAttributeError     when it is used (also an AttributeError)
    │   └── NotOfferedImportError        when it is imported (also an ImportError)
    ├── StoreUnavailable     server.stores.base: the database does not answer
    ├── AchievementDeleted   server.stores.base: progress was to be written on an achievement that was deleted
    ├── TooManyAchievements  server.stores.base: the application has the maximum already
    └── AlreadyExists        server.stores.base: the id is taken

Not in the tree: `client.disk.database.DamagedError`, a `sqlite3.DatabaseError`; `testing.UnscriptedRequestError`, an
`AssertionError`; `testing.inline.NotYet`, which is a signal. Messages say what failed, with which value, what was
expected and what to do. None ever contains a token.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from .result import Result


class DiscordAchievementsError(Exception):
    """The root of every exception that this package raises on purpose."""


class ConfigurationError(DiscordAchievementsError, ValueError):
    """An argument or environment variable cannot be used; the message says which, and what was expected."""


class CatalogueError(DiscordAchievementsError, ValueError):
    """The catalogue file has mistakes; `problems` lists all of them."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"{source} has {count} {'mistake' if count == 1 else 'mistakes'}:"
        super().__init__("\n  ".join([heading, *self.problems]))


class ResultError(DiscordAchievementsError):
    """A getter has nothing to return; `result` says why (`NOT_FETCHED` or `NOT_FOUND`)."""

    def __init__(self, result: Result, message: str) -> None:
        self.result = result
        super().__init__(message)


class TransportError(DiscordAchievementsError):
    """No whole answer came from the service; `timed_out` is whether the time for one ran out."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        self.timed_out = timed_out
        super().__init__(message)


class WireError(DiscordAchievementsError):
    """An answer is not what the protocol promises."""


class ErrorCode(Enum):
    """Discord's documented error answers that this protocol uses: HTTP status, JSON code and message."""

    UNAUTHORIZED = (401, 0, "401: Unauthorized")
    ROUTE_NOT_FOUND = (404, 0, "404: Not Found")
    METHOD_NOT_ALLOWED = (405, 0, "405: Method Not Allowed")
    UNKNOWN_APPLICATION = (404, 10002, "Unknown Application")
    UNKNOWN_USER = (404, 10013, "Unknown User")
    BOTS_NOT_ALLOWED = (403, 20001, "Bots cannot use this endpoint")
    NOT_AUTHORIZED = (403, 20012, "You are not authorized to perform this action on this application")
    REQUEST_TIMEOUT = (408, 0, "408: Request Timeout")
    PAYLOAD_TOO_LARGE = (413, 40005, "Request entity too large")
    UNSUPPORTED_MEDIA_TYPE = (415, 0, "415: Unsupported Media Type")
    MISSING_ACCESS = (403, 50001, "Missing Access")
    APPLICATION_MISMATCH = (403, 50025, "Invalid OAuth2 access token provided")
    INVALID_FORM_BODY = (400, 50035, "Invalid Form Body")
    INVALID_API_VERSION = (400, 50041, "Invalid API version provided")
    INVALID_JSON = (400, 50109, "The request body contains invalid JSON.")
    UNKNOWN_ACHIEVEMENT = (404, 990001, "Unknown Achievement")
    TOO_MANY_ACHIEVEMENTS = (400, 990002, "Maximum number of achievements reached (1000)")
    INTERNAL_ERROR = (500, 0, "500: Internal Server Error")
    UNAVAILABLE = (503, 0, "503: Service Unavailable")

    def __init__(self, status: int, code: int, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message


class ApiError(DiscordAchievementsError):
    """An error answer of the service, as data.

    `status` is the HTTP status, `code` Discord's JSON code (0 if it has none, None if the body was not in Discord's
    error format, so that a proxy or another server answered), `errors` the tree of field errors, `retry_after_s` the
    seconds that the service asked to wait, `is_global` whether a 429 applies to all routes.
    """

    def __init__(
        self,
        status: int,
        code: int | None,
        message: str,
        *,
        errors: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
        is_global: bool = False,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.retry_after_s = retry_after_s
        self.is_global = is_global
        super().__init__(f"HTTP {status}, code {code}: {message}")

    @classmethod
    def of(
        cls, known: ErrorCode, *, errors: Mapping[str, Any] | None = None, retry_after_s: float | None = None
    ) -> ApiError:
        """Return the documented error `known`, optionally with a tree of field errors or a time to wait."""
        return cls(known.status, known.code, known.message, errors=errors, retry_after_s=retry_after_s)


class FieldErrors:
    """Collects what is wrong with a body, so that all mistakes are reported together, each under its field."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}

    def add(self, path: Sequence[str], code: str, message: str) -> None:
        """Note one mistake; `path` leads to its field, for example `("name", "default")`."""
        node = self._tree
        for name in path:
            node = node.setdefault(name, {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def include(self, error: ApiError) -> None:
        """Note the mistakes of a 400 about fields in which none was found so far."""
        self._tree |= error.errors or {}

    def error(self) -> ApiError | None:
        """Return the 400 with all mistakes, None if there are none."""
        return ApiError.of(ErrorCode.INVALID_FORM_BODY, errors=self._tree) if self._tree else None


def field_error(path: Sequence[str], code: str, message: str) -> ApiError:
    """Return the 400 for one wrong field."""
    errors = FieldErrors()
    errors.add(path, code, message)
    return errors.error() or ApiError.of(ErrorCode.INVALID_FORM_BODY)


def shown(value: object) -> str:
    """Return a value as a message shows it: at most 40 characters, however long or deeply nested it is."""
    try:
        return reprlib.repr(value)[:40]
    except ValueError:  # Python does not print integers of more than 4300 digits
        return "a number with thousands of digits"


def rate_limited(retry_after_s: float) -> ApiError:
    """Return the 429 of a limit that lets requests through again in `retry_after_s` seconds."""
    # Rounded up, as in the headers: a client that comes back at that time must not be refused.
    return ApiError(429, 0, "You are being rate limited.", retry_after_s=math.ceil(retry_after_s * 1000) / 1000)
