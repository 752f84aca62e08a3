"""Ending a connection on which another thread is waiting."""

from __future__ import annotations

import socket
import threading

import pytest

from discord_achievements.client.net.sockets import cut


def read_until_cut() -> bytes:
    """Return what a thread reads from a connection that is cut meanwhile."""
    ours, theirs = socket.socketpair()
    read: list[bytes] = []

    def wait() -> None:
        try:
            read.append(ours.recv(10))
        except OSError:
            read.append(b"")  # how Windows says it

    thread = threading.Thread(target=wait)
    thread.start()
    cut(ours)
    thread.join(10)
    assert not thread.is_alive()
    ours.close()
    theirs.close()
    return read[0]


def test_a_waiting_read_returns_at_once() -> None:
    assert read_until_cut() == b""


def test_a_connection_that_is_closed_already_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    cut(ours)
    theirs.close()


def test_a_library_may_have_replaced_the_class_of_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = socket.socketpair()

    class Cooperative:
        """As gevent does, while connections of the plain class are open."""

        def shutdown(self, how: int) -> None:
            raise AttributeError("'socket' object has no attribute 'hub'")

    monkeypatch.setattr(socket, "socket", Cooperative)
    cut(pair[0])
    monkeypatch.undo()
    assert pair[1].recv(10) == b""
    for one in pair:
        one.close()
