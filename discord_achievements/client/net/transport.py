"""The one boundary to the network: a request goes in, a whole answer or a `TransportError` comes out.

Everything that stands in for a service, in tests or in a browser, is cut here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

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
    """An answer that goes on: `response` has status and headers (and the whole body unless the status is 200).

    Iterating yields bytes as they come and ends when the other side ends; raises `TransportError` when the
    connection breaks or stays silent for longer than the request's `timeout_s`.
    """

    @property
    def response(self) -> Response:
        """The status and headers, and the body of an answer that is not a stream."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Yield what arrives."""
        ...

    def close(self) -> None:
        """End it. **Thread**: any; a read that waits returns soon."""
        ...


class Transport(Protocol):
    """Sends requests. `send` and `open_stream` may run on two threads at once; each only on one."""

    def send(self, request: Request) -> Response:
        """Return the answer, of whatever status; redirects are not followed. Raises `TransportError`.

        **Blocks** for at most about `request.timeout_s`.
        """
        ...

    def open_stream(self, request: Request) -> Stream:
        """Send a request and return its answer once its headers are here. Raises `TransportError`.

        **Blocks** for at most about `request.timeout_s`.
        """
        ...

    def close(self) -> None:
        """Give up everything that is under way and all connections, for good. **Thread**: any."""
        ...
