"""Answers of the API, errors included, as they are sent."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ...domain import wire
from ...domain.errors import ApiError
from ...domain.ratelimit import refusal_headers
from .asgi import Send

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")
UNAVAILABLE_RETRY_S = 1.0
"""Seconds after which a client may repeat what was answered with 503."""


class Answer(NamedTuple):
    """One whole response."""

    status: int
    headers: Headers
    body: bytes = b""


def error_answer(error: ApiError, headers: Headers) -> Answer:
    """Return the answer for `error`."""
    written = [JSON, *headers]
    if error.retry_after_s is not None:
        refusal = refusal_headers(error.retry_after_s)
        if error.status != 429:
            refusal = {"Retry-After": refusal["Retry-After"]}  # the others belong to a limit
        written.extend((name.lower().encode(), value.encode()) for name, value in refusal.items())
    return Answer(error.status, written, msgspec.json.encode(wire.encode_error(error)))


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer."""
    headers = answer.headers
    if answer.status not in (204, 304):
        headers = [*headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
