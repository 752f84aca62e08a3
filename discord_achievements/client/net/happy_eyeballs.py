"""Connects to whichever of a host's addresses answers first, so that a dead one costs a moment and not a time-out.

Many networks announce IPv6 and then drop it. Source: RFC 8305, Happy Eyeballs, for blocking sockets: without its
asynchronous look-up of names.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

_NEXT_AFTER_S = 0.25


class Address(NamedTuple):
    """One of a host's addresses, as `socket.getaddrinfo` returns it."""

    family: socket.AddressFamily
    kind: socket.SocketKind
    protocol: int
    canonical_name: str
    address: Any


def connect(host: str, port: int, timeout_s: float | None, options: Iterable[tuple[Any, ...]] = ()) -> socket.socket:
    """Return a connected socket with that time-out; `options` are arguments of `setsockopt`.

    Raises `socket.gaierror` if the name is unknown, `TimeoutError`, or the `OSError` of the last address. **Blocks**
    for `timeout_s` at most, after the look-up of the name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = in_turns([Address(*one) for one in found])
    if len(addresses) == 1:
        return _connect_to_one(addresses[0], timeout_s, options)
    with selectors.DefaultSelector() as selector, _Attempts(selector, options) as attempts:
        return attempts.first_of(addresses, timeout_s)


def in_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return addresses with those of the first one's family and the others alternating, each in their order."""
    first = [one for one in addresses if one.family == addresses[0].family]
    others = [one for one in addresses if one.family != addresses[0].family]
    return [one for pair in zip_longest(first, others) for one in pair if one is not None]


def _connect_to_one(address: Address, timeout_s: float | None, options: Iterable[tuple[Any, ...]]) -> socket.socket:
    sock = _new_socket(address, options)
    try:
        sock.settimeout(timeout_s)
        sock.connect(address.address)
    except BaseException:
        sock.close()
        raise
    return sock


def _new_socket(address: Address, options: Iterable[tuple[Any, ...]]) -> socket.socket:
    sock = socket.socket(address.family, address.kind, address.protocol)
    try:
        for option in options:
            sock.setsockopt(*option)
    except BaseException:
        sock.close()
        raise
    return sock


class _Attempts:
    """Connections that are being opened; those that are left over are closed at the end."""

    def __init__(self, selector: selectors.BaseSelector, options: Iterable[tuple[Any, ...]]) -> None:
        self._selector = selector
        self._options = list(options)
        self._error: OSError | None = None

    def __enter__(self) -> _Attempts:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            self._give_up(key.fileobj)

    def first_of(self, addresses: Sequence[Address], timeout_s: float | None) -> socket.socket:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        left = list(addresses)
        while left or self._selector.get_map():
            if left:
                self._begin(left.pop(0))
            wait_s = None if deadline is None else deadline - time.monotonic()
            if wait_s is not None and wait_s <= 0:
                raise TimeoutError(f"none of {len(addresses)} addresses answered within {timeout_s:g} s")
            if left:
                wait_s = _NEXT_AFTER_S if wait_s is None else min(wait_s, _NEXT_AFTER_S)
            if (sock := self._wait(wait_s)) is not None:
                sock.settimeout(timeout_s)
                return sock
        raise self._error or OSError("there is no address to connect to")

    def _begin(self, address: Address) -> None:
        try:
            sock = _new_socket(address, self._options)
        except OSError as exc:  # this machine may lack the family
            self._error = exc
            return
        self._selector.register(sock, selectors.EVENT_WRITE)
        sock.setblocking(False)
        try:
            sock.connect(address.address)
        except BlockingIOError:
            pass  # the selector says when it is connected
        except OSError as exc:
            self._failed(sock, exc)

    def _wait(self, wait_s: float | None) -> socket.socket | None:
        """Return a socket that is connected, None if one has failed or the time is over."""
        if not self._selector.get_map():
            return None
        for key, _ in self._selector.select(wait_s):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error == 0:
                self._selector.unregister(sock)
                return sock
            self._failed(sock, OSError(error, os.strerror(error)))
        return None

    def _failed(self, sock: socket.socket, exc: OSError) -> None:
        self._error = exc
        self._give_up(sock)

    def _give_up(self, sock: Any) -> None:
        self._selector.unregister(sock)
        sock.close()
