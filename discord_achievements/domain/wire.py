"""The JSON objects of Discord's documented HTTP: reading and writing them.

Discord's page shows two shapes of an Achievement. Its tables (API v10) have `name` as a string beside
`name_localizations`; its samples (v6 to v9) have `name` as `{"default": …, "localizations": {…}}`. Reading accepts
either, with unknown fields and without optional ones; writing takes the shape as an argument.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple, TypeGuard
from urllib.parse import parse_qs

from .errors import ApiError, WireError, field_error, shown
from .models import Achievement
from .progress import COMPLETE, MAX_SECONDS_SINCE_UNLOCK, NO_PROGRESS, Progress, is_percent
from .snowflake import MAX_SNOWFLAKE, format_snowflake, parse_snowflake

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_FIRST_CODE = 10001
_ICON_HASH = re.compile(r"[0-9a-f]{32}")
USER_ACHIEVEMENT_UPDATE = "USER_ACHIEVEMENT_UPDATE"
RESYNC = "RESYNC"
STARTED = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}
"""What the query parameter `started` may be."""
HISTORY_HEADER = "X-Achievements-History"
"""Names the history to which an answer belongs: an id made with the service's database, and renewed by a restore."""
CURSOR_HEADER = "X-Achievements-Cursor"
"""Sent with a player's list: what to put into `since` when asking for what has changed since this answer."""
SINCE = "since"
"""The query parameter that asks for what has changed in a player's list since an earlier answer."""
SINCE_HEADER = "X-Achievements-Since"
"""Repeats the cursor of the request if the answer is what has changed since; without it the list is whole."""


class Shape(Enum):
    """The two shapes of an Achievement."""

    OBJECTS = "v6 to v9: name is an object with default and localizations"
    STRINGS = "v10: name is a string, next to name_localizations"

    @classmethod
    def of(cls, version: int) -> Shape:
        """Return the shape that an API version answers in."""
        return cls.STRINGS if version >= 10 else cls.OBJECTS


class Record(NamedTuple):
    """One entry of a player's list as a service sends it; what it omits is None.

    `progress` is None in an answer of definitions only (as Discord's sample prints it), `definition` None in an
    answer of records only (as the native SDK read it).
    """

    achievement_id: int
    user_id: int | None
    progress: Progress | None
    revision: int | None
    definition: Achievement | None


def decode_started(query: str) -> bool:
    """Return whether a list's query asks only for achievements with a record; raises the `ApiError` to answer with."""
    given = parse_qs(query, keep_blank_values=True).get("started", ["false"])
    if len(given) != 1 or given[0] not in STARTED:
        raise field_error(("started",), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
    return STARTED[given[0]]


def decode_since(query: str) -> str:
    """Return the cursor that a list's query names, empty if there is none or more than one."""
    given = parse_qs(query).get(SINCE, [])
    return given[0] if len(given) == 1 else ""


def format_time(at_us: int) -> str:
    """Return microseconds since the epoch as ISO 8601 in UTC with microseconds."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")


def is_time(at_us: int) -> bool:
    """Return whether `format_time` can write it: the year is 1 to 9999."""
    try:
        format_time(at_us)
    except OverflowError:
        return False
    return True


def parse_time(text: str) -> int:
    """Return ISO 8601 as microseconds since the epoch; without an offset it is UTC.

    Raises `ValueError`, or `OverflowError` if the year in UTC is not 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return to_us(moment.astimezone(UTC))


def to_us(at: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch."""
    return (at - _EPOCH) // _US


def encode_achievement(achievement: Achievement, shape: Shape) -> dict[str, Any]:
    """Return an Achievement as JSON in the given shape."""
    encoded: dict[str, Any] = {
        "application_id": format_snowflake(achievement.application_id),
        "id": format_snowflake(achievement.id),
        "secret": achievement.secret,
        "secure": achievement.secure,
        "icon_hash": achievement.icon_hash,
    }
    for field, text, localizations in (
        ("name", achievement.name, achievement.name_localizations),
        ("description", achievement.description, achievement.description_localizations),
    ):
        if shape is Shape.STRINGS:
            encoded[field] = text
            encoded[f"{field}_localizations"] = dict(localizations) if localizations else None
        else:
            encoded[field] = {"default": text}
            if localizations:
                encoded[field]["localizations"] = dict(localizations)
    return encoded


def decode_achievement(data: object) -> Achievement:
    """Read an Achievement in either shape. Raises `WireError`."""
    fields = _mapping(data)
    name, name_localizations = _text(fields, "name")
    description, description_localizations = _text(fields, "description")
    return Achievement(
        application_id=_id(fields, "application_id"),
        id=_id(fields, "id"),
        name=name,
        description=description,
        secret=fields.get("secret") is True,
        secure=fields.get("secure") is True,
        icon_hash=icon_hash if _ICON_HASH.fullmatch(icon_hash := str(fields.get("icon_hash"))) else "",
        name_localizations=name_localizations,
        description_localizations=description_localizations,
    )


def encode_record(
    achievement: Achievement, user_id: int, progress: Progress, revision: int, shape: Shape
) -> dict[str, Any]:
    """Return the superset object: the Achievement, plus this player's progress on it."""
    return encode_achievement(achievement, shape) | encode_progress(user_id, achievement.id, progress, revision)


def encode_progress(user_id: int, achievement_id: int, progress: Progress, revision: int) -> dict[str, Any]:
    """Return the player's part of a superset object."""
    return {
        "user_id": format_snowflake(user_id),
        "achievement_id": format_snowflake(achievement_id),
        "percent_complete": progress.percent,
        "unlocked_at": None if progress.unlocked_at_us is None else format_time(progress.unlocked_at_us),
        "revision": revision,
    }


def decode_record(data: object) -> Record:
    """Read an entry of a player's list, or an event's data: superset, record only or definition only."""
    fields = _mapping(data)
    definition = decode_achievement(fields) if "name" in fields else None
    achievement_id = definition.id if definition else _id(fields, "achievement_id")
    user_id = None if fields.get("user_id") is None else _id(fields, "user_id")
    revision = fields.get("revision")
    if revision is not None and not _is_revision(revision):
        raise WireError(f"revision: expected an integer from 0 to 2**63-1, got {shown(revision)}")
    return Record(achievement_id, user_id, _progress(fields), revision, definition)


def encode_event(application_id: int, user_id: int, record: Record) -> dict[str, Any]:
    """Return the data of a `USER_ACHIEVEMENT_UPDATE` event."""
    progress = record.progress or NO_PROGRESS
    own = encode_progress(user_id, record.achievement_id, progress, record.revision or 0)
    return {"application_id": format_snowflake(application_id), **own}


def format_event(event_id: int, event: str, data: Mapping[str, Any]) -> bytes:
    """Return one event as the stream carries it. Source: HTML Living Standard, server-sent events."""
    return f"id: {event_id}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()


def matches_etag(if_none_match: str, etag: str) -> bool:
    """Return whether an `If-None-Match` header names `etag`. Source: RFC 9110, weak comparison."""
    named = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in named or "*" in named


def encode_update(percent: int, seconds_since_unlock: int | None) -> dict[str, Any]:
    """Return the body of an update of one player's progress."""
    body: dict[str, Any] = {"percent_complete": percent}
    if seconds_since_unlock is not None:
        body["seconds_since_unlock"] = seconds_since_unlock
    return body


def decode_update(data: object) -> tuple[int, float]:
    """Read that body: the percent, and the age of the unlock in seconds (0 if it has nothing usable).

    Raises the `ApiError` to answer with.
    """
    if not isinstance(data, Mapping):
        raise field_error((), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    path = ("percent_complete",)
    if "percent_complete" not in data:
        raise field_error(path, "BASE_TYPE_REQUIRED", "This field is required")
    percent = data["percent_complete"]
    if not isinstance(percent, int) or isinstance(percent, bool):
        raise field_error(path, "NUMBER_TYPE_COERCE", f"Value {shown(percent)} is not an int.")
    if percent < 0:
        raise field_error(path, "NUMBER_TYPE_MIN", "int value should be greater than or equal to 0.")
    if percent > COMPLETE:
        raise field_error(path, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {COMPLETE}.")
    age_s = data.get("seconds_since_unlock")
    if not isinstance(age_s, int | float) or isinstance(age_s, bool) or not age_s > 0:
        return percent, 0.0
    return percent, float(min(age_s, MAX_SECONDS_SINCE_UNLOCK))


def encode_error(error: ApiError) -> dict[str, Any]:
    """Return an error's body as Discord documents it."""
    if error.status == 429:
        return {"message": error.message, "retry_after": error.retry_after_s or 0.0, "global": error.is_global}
    body: dict[str, Any] = {"message": error.message, "code": error.code or 0}
    if error.errors is not None:
        body["errors"] = error.errors
    return body


def decode_error(status: int, data: object, retry_after_s: float | None = None) -> ApiError:
    """Read an error's body; one that is not in Discord's format becomes an `ApiError` whose code is None."""
    if isinstance(data, Mapping):
        code, message, errors = data.get("code"), data.get("message"), data.get("errors")
        if isinstance(message, str):
            return ApiError(
                status,
                # The body of a 429 has no code.
                code if _is_discords(code) else (0 if status == 429 else None),
                message[:200],
                errors=errors if isinstance(errors, Mapping) else None,
                retry_after_s=retry_after_s,
                is_global=data.get("global") is True,
            )
    return ApiError(status, None, "the answer is not in Discord's error format", retry_after_s=retry_after_s)


def _mapping(data: object) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    raise WireError(f"expected a JSON object, got {shown(data)}")


def _id(fields: Mapping[str, Any], name: str) -> int:
    try:
        return parse_snowflake(fields.get(name))
    except ValueError as exc:
        raise WireError(f"{name}: {exc}") from exc


def _text(fields: Mapping[str, Any], name: str) -> tuple[str, Mapping[str, str] | None]:
    value: object = fields.get(name)
    localizations: object = fields.get(f"{name}_localizations")
    if isinstance(value, Mapping):
        localizations = value.get("localizations")
        value = value.get("default")
    if not _is_text(value):
        raise WireError(f"{name}: expected a string or an object with a default, got {shown(value)}")
    if not isinstance(localizations, Mapping):
        return value, None
    texts = {locale: text for locale, text in localizations.items() if _is_text(locale) and _is_text(text)}
    return value, texts or None


def _is_discords(code: object) -> TypeGuard[int]:
    """Return whether Discord can have made an error code: it is 0 or has five digits or more.

    Other servers answer in a similar form, with the HTTP status or a code of their framework.
    """
    return isinstance(code, int) and not isinstance(code, bool) and (code == 0 or code >= _FIRST_CODE)


def _is_revision(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SNOWFLAKE


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether `value` is a string without half of a surrogate pair, which JSON allows and UTF-8 does not."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _progress(fields: Mapping[str, Any]) -> Progress | None:
    percent = fields.get("percent_complete")
    if percent is None:
        return None
    if not is_percent(percent):
        raise WireError(f"percent_complete: expected an integer from 0 to 100, got {shown(percent)}")
    unlocked_at = fields.get("unlocked_at")
    if percent < COMPLETE or not unlocked_at:
        return Progress(percent, None)
    try:
        return Progress(percent, parse_time(unlocked_at))
    except (TypeError, ValueError, OverflowError) as exc:
        raise WireError(f"unlocked_at: expected ISO 8601, got {shown(unlocked_at)}") from exc
