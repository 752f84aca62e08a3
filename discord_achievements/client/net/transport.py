"""The one boundary to the network: a request goes in, a whole answer or a `TransportError` comes out.

Everything that replaces the network, in tests or in a browser, replaces it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

MAX_BODY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `headers` may carry the player's token, so they never appear in a repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Response:
    """One whole HTTP answer; the names in `headers` are lower-case, `body` is already decompressed."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


class Stream(Protocol):
    """An answer that continues: `response` has status and headers (and the whole body unless the status is 200).

    Iterating yields bytes as they arrive and ends when the other side ends. It raises `TransportError` when the
    connection breaks or is silent for longer than the request's `timeout_s`.
    """

    @property
    def response(self) -> Response:
        """The status and headers, and the body of an answer that is not a stream."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Yield what arrives."""
        ...

    def close(self) -> None:
        """End the stream; a read that is waiting returns soon. **Thread**: any."""
        ...


@runtime_checkable
class Transport(Protocol):
    """Sends requests. `send` and `open_stream` may be called from two threads at once, each from one at a time."""

    def send(self, request: Request) -> Response:
        """Return the answer, of whatever status; redirects are not followed. Raises `TransportError`.

        **Blocks** for at most about three times `request.timeout_s`: to connect, and twice for the answer.
        """
        ...

    def open_stream(self, request: Request) -> Stream:
        """Send a request and return its answer once the headers have arrived. Raises `TransportError`.

        **Blocks** for at most about three times `request.timeout_s`: to connect, and twice for the answer.
        """
        ...

    def close(self) -> None:
        """Cancel everything that is under way and close all connections, for good. **Thread**: any."""
        ...
