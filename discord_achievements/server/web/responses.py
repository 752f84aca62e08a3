"""Answers: what goes out, and how errors become answers."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from ...domain import wire
from ...domain.errors import ApiError
from .asgi import Send

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")


class Answer(NamedTuple):
    """One whole response."""

    status: int
    headers: Headers
    body: bytes = b""


def json_answer(status: int, body: bytes, headers: Headers) -> Answer:
    """Return an answer whose body is JSON already."""
    return Answer(status, [JSON, *headers], body)


def error_answer(error: ApiError, headers: Headers) -> Answer:
    """Return the answer that tells `error`."""
    told = [JSON, *headers]
    if error.retry_after_s is not None:
        told.append((b"retry-after", b"%d" % math.ceil(error.retry_after_s)))
    if error.status == 429:
        told.append((b"x-ratelimit-scope", b"user"))
    return Answer(error.status, told, msgspec.json.encode(wire.encode_error(error)))


async def send_answer(answer: Answer, send: Send) -> None:
    """Send it."""
    headers = answer.headers
    if answer.status not in (204, 304):
        headers = [*headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
