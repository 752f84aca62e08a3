"""What the courier's thread runs, and what becomes of a call for which there is no thread."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from discord_achievements.client.worker.courier import Returned, ThreadCourier
from discord_achievements.domain.errors import TransportError
from tests.support.managers import PATIENCE_S


@pytest.fixture
def returned() -> SimpleQueue[object]:
    return SimpleQueue()


@pytest.fixture
def courier(returned: SimpleQueue[object]) -> ThreadCourier:
    return ThreadCourier(returned.put)


def test_what_a_call_returns_or_raises_is_posted(courier: ThreadCourier, returned: SimpleQueue[object]) -> None:
    error = KeyboardInterrupt()

    def fail() -> None:
        raise error

    courier.run(1, lambda: "value")
    assert returned.get(timeout=PATIENCE_S) == Returned(1, "value", None)
    courier.run(2, fail)
    assert returned.get(timeout=PATIENCE_S) == Returned(2, None, error)
    courier.stop()


def test_a_call_for_which_no_thread_can_be_started_has_failed(
    courier: ThreadCourier, returned: SimpleQueue[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        courier.run(1, lambda: "value")
    failed = returned.get_nowait()
    assert isinstance(failed, Returned)
    assert failed.number == 1
    assert isinstance(failed.error, TransportError)
    courier.run(2, lambda: "value")
    assert returned.get(timeout=PATIENCE_S) == Returned(2, "value", None)
    courier.stop()
