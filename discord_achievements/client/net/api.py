"""The service's HTTP as the client uses it: the requests, and how to read the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from ...domain import ratelimit, routes, wire
from ...domain.errors import ApiError, ErrorCode, WireError
from ...domain.progress import Progress, seconds_since_unlock
from ...domain.retry import Verdict, is_strangers, judge
from .transport import Request, Response

_ME = "@me"
USER_AGENT = "discord_achievements (Python)"
_STREAM_SILENCE_S = 45.0  # three of the service's comments missed
_MAX_HEADER_CHARACTERS = 256
_NOT_FOLLOWED = "redirects are not followed; if that is where the service has moved, set base_url to its new address"
_SPACE = " \t\r\n"
# With these it may be the service, but at a different path.
_OTHER_PATH = (ErrorCode.ROUTE_NOT_FOUND, ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.INVALID_API_VERSION)
_decode_element = json.JSONDecoder().raw_decode


class Api:
    """Builds the requests of one player's client."""

    def __init__(self, application_id: int, base_url: str, timeout_s: float) -> None:
        self.application_id = application_id
        self._base_url = base_url
        self._timeout_s = timeout_s

    def fetch(self, token: str, etag: str | None, cursor: str | None) -> Request:
        """Return the request for the player's list, unless that is still the one that `etag` names.

        A service that knows `cursor` answers only what has changed since; one that does not sends the whole list.
        """
        path = routes.GET_USER_ACHIEVEMENTS.path(application_id=self.application_id)
        if cursor and is_sendable(cursor):
            path += f"?{wire.SINCE}={quote(cursor, safe='')}"
        return self._request("GET", path, token, {"If-None-Match": etag} if etag and is_sendable(etag) else {})

    def update(self, token: str, achievement_id: int, progress: Progress, at_us: int) -> Request:
        """Return the request that sends progress; an unlock carries its age, so that a late one keeps its own time."""
        path = routes.UPDATE_USER_ACHIEVEMENT.path(
            user_id=_ME, application_id=self.application_id, achievement_id=achievement_id
        )
        age_s = None if progress.unlocked_at_us is None else seconds_since_unlock(progress.unlocked_at_us, at_us)
        body = json.dumps(wire.encode_update(progress.percent, age_s)).encode()
        return self._request("PUT", path, token, {"Content-Type": "application/json"}, body)

    def stream(self, token: str, last_event_id: str) -> Request:
        """Return the request for the stream of changes, those since `last_event_id` first if that is not empty."""
        path = routes.USER_ACHIEVEMENT_EVENTS.path(application_id=self.application_id)
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        return self._request("GET", path, token, headers, timeout_s=max(self._timeout_s, _STREAM_SILENCE_S))

    def icon(self, achievement_id: int, icon_hash: str) -> Request:
        """Return the request for an icon. Icons are public, so it carries no token."""
        path = routes.icon_path(self.application_id, achievement_id, icon_hash)
        url = routes.asset_root(self._base_url) + path
        return Request("GET", url, {"User-Agent": USER_AGENT, "Accept": "image/png"}, timeout_s=self._timeout_s)

    def describe(self, outcome: Exception, *, has_worked: bool = False) -> str:
        """Return an outcome as one line for the log; `has_worked` is whether the service has answered here before."""
        said = str(outcome)
        if isinstance(outcome, ApiError) and outcome.errors:
            said += f" {json.dumps(outcome.errors)[:300]}"
        known = has_worked and is_strangers(outcome)
        wrong = None if known else wrong_address(self._base_url, outcome)
        return f"{wrong} ({said})" if wrong else said

    def _request(
        self,
        method: str,
        path: str,
        token: str,
        headers: dict[str, str],
        body: bytes | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Request:
        always = {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT, "Accept": "application/json"}
        return Request(method, self._base_url + path, always | headers, body, timeout_s or self._timeout_s)


def is_sendable(value: str) -> bool:
    """Return whether a value that the service has sent can be sent back to it in a header."""
    return len(value) <= _MAX_HEADER_CHARACTERS and value.isascii() and value.isprintable() and value == value.strip()


def check(response: Response, at_us: int | None = None, *, success: int = 200) -> None:
    """Raise the `ApiError` for an answer that is not a success, which has the status `success`.

    Another 2xx comes from something in between that queues, transforms or divides what passes: `WireError`. `at_us` is
    our clock, for an answer that says until which date to wait but has no `Date`.
    """
    if response.status == success:
        return
    if 200 <= response.status < 300:
        raise WireError(f"expected HTTP {success}, got {response.status}")
    if 300 <= response.status < 400 and (target := response.headers.get("location")):
        raise ApiError(response.status, None, f"redirected to {_without_query(target)!r:.200}; {_NOT_FOLLOWED}")
    data: object = None
    with suppress(ValueError, RecursionError):  # then it is not the service's own answer: decode_error says so
        data = json.loads(response.body.decode("utf-8-sig"))
    raise wire.decode_error(response.status, data, ratelimit.retry_after_s(response.headers, data, at_us))


def history_of(response: Response) -> str | None:
    """Return the id of the history that an answer belongs to, None if it does not say."""
    return response.headers.get(wire.HISTORY_HEADER.lower()) or None


def cursor_of(response: Response) -> str | None:
    """Return the cursor of a list, None if the service has none."""
    return response.headers.get(wire.CURSOR_HEADER.lower()) or None


def is_difference(response: Response, cursor: str | None) -> bool:
    """Return whether a list is only what has changed since `cursor`, with which it was asked for."""
    return cursor is not None and response.headers.get(wire.SINCE_HEADER.lower()) == cursor


def read_update(response: Response, application_id: int, achievement_id: int) -> wire.Record | None:
    """Return what the service holds after an update that it accepted, None if it answers `{}` as Discord documents it.

    Anything else is not the service's answer to this update. Raises `WireError`.
    """
    text = _json_text(response, "an update")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise WireError(f"expected JSON in answer to an update, got {text[:40]!r}") from exc
    if data == {}:
        return None
    if not isinstance(data, dict) or "percent_complete" not in data:
        raise WireError(f"expected {{}} or the achievement's record in answer to an update, got {text[:40]!r}")
    record = _read_record(data, application_id)
    if record.achievement_id != achievement_id:
        raise WireError(f"the answer to an update of achievement {achievement_id} is about {record.achievement_id}")
    return record


def read_list(
    response: Response,
    application_id: int,
    size: int,
    pause: Callable[[], None],
    unreadable: Callable[[WireError], None],
) -> Iterator[list[wire.Record]]:
    """Yield a list's entries, `size` at a time; pass those that are not what the protocol says to `unreadable`.

    These include an entry of another player than the first one's, and a second one of the same achievement.
    A long call holds the interpreter lock, and the game's frame waits for it. So there is no long call: the elements
    are decoded one by one, with a real pause after each slice. Raises `WireError` if the whole is not a list.
    """
    text = _json_text(response, "a list")
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise WireError(f"expected a JSON list, got {text[:40]!r}")
    records: list[wire.Record] = []
    user_id: int | None = None
    listed: set[int] = set()
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        element, position = _element(text, position)
        try:
            record = _read_record(element, application_id)
            user_id = user_id or record.user_id
            if record.user_id not in (None, user_id):
                raise WireError(f"user_id: expected {user_id} as before, got {record.user_id}")
            if record.achievement_id in listed:
                raise WireError(f"achievement {record.achievement_id} is listed twice")
            listed.add(record.achievement_id)
            records.append(record)
        except WireError as exc:
            unreadable(exc)
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            raise WireError(f"the list is cut off or malformed at character {position}")
        if len(records) == size:
            yield records
            records = []
            pause()
    if records:
        yield records


def _read_record(data: object, application_id: int) -> wire.Record:
    record = wire.decode_record(data)
    if record.definition is not None and record.definition.application_id != application_id:
        raise WireError(f"application_id: expected {application_id}, got {record.definition.application_id}")
    return record


def _json_text(response: Response, what: str) -> str:
    """Return the body of a success, with or without a byte order mark, if it says that it is JSON."""
    kind = response.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        body = response.body[:40]
        raise WireError(f"expected application/json in answer to {what}, got {kind!r:.60} and {body!r}")
    try:
        return response.body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise WireError(f"the answer to {what} is not UTF-8: {exc}") from exc


def _without_query(url: str) -> str:
    """Return a URL for the log: a query or a password may be somebody's secret."""
    with suppress(ValueError):
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return "an address that is no URL"


def _element(text: str, position: int) -> tuple[Any, int]:
    try:
        return _decode_element(text, position)
    except (ValueError, RecursionError) as exc:
        raise WireError(f"the list is not JSON at character {position}") from exc


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] in _SPACE and position < len(text):
        position += 1
    return position


def wrong_address(base_url: str, outcome: Exception, name: str = "base_url") -> str | None:
    """Return what is wrong with a base URL if something other than the service has answered, None if nothing is.

    `name` is where the user has set the URL.
    """
    if not isinstance(outcome, ApiError) or judge(outcome).verdict is not Verdict.MISCONFIGURED:
        return None
    if outcome.code is not None and (outcome.status, outcome.code) not in [(a.status, a.code) for a in _OTHER_PATH]:
        return None
    must = "be the address of one" if base_url.endswith("/api/v10") else "end in /api/v10"
    return f"{base_url} is not an achievements service: {name} must {must}"
