"""The game's thread touches neither disk nor network and takes no lock, whichever method of the manager it calls.

Three things are watched while the manager has the thread: Python's audit events (files, sockets, databases, imports),
the C functions that are called, and the Python functions, of which none may hold a `with` statement. The last is
stricter than necessary, because `with lock:` leaves no other trace.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import json
import logging
import os
import queue
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from discord_achievements import AchievementManager, ResultError
from discord_achievements.client.net.transport import Response
from discord_achievements.testing import FakeService, InProcessTransport, ManualClock
from tests.support.managers import (
    APPLICATION_ID,
    ENTRIES,
    PATIENCE_S,
    PLAIN,
    SECRET,
    SECURE,
    WALK,
    WIN,
    GameLoop,
    write_catalogue,
)
from tests.support.waiting import until

UNKNOWN = 999
AUDITED = (
    "fcntl.", "ftplib.", "glob.", "http.", "import", "mmap.", "msvcrt.", "open", "os.", "pathlib.", "shutil.",
    "socket.", "sqlite3.", "subprocess.", "tempfile.", "urllib.",
)  # fmt: skip
BLOCKING_MODULES = {"_io", "_socket", "_sqlite3", "_ssl", "io", "nt", "posix", "select", "socket", "sqlite3", "ssl"}
JOURNAL_CALLS = {"pwrite"} if sys.platform == "darwin" else set()  # there the journal is not mapped
BLOCKING_NAMES = {"acquire", "acquire_lock", "__enter__", "sleep"}


class Watch:
    """Collects what a thread did while it was watched, and should not have done."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._thread: int | None = None
        sys.addaudithook(self._audit)  # which stays for as long as the process lives

    @contextlib.contextmanager
    def on_this_thread(self) -> Iterator[None]:
        self._thread = threading.get_ident()
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._thread = None

    def take(self) -> list[str]:
        """Return what was found since the last call."""
        found, self.found = self.found, []
        return found

    def _audit(self, event: str, _: object) -> None:
        if self._thread is not None and self._thread == threading.get_ident() and event.startswith(AUDITED):
            self.found.append(f"audit event {event}")

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call":
            owner = type(getattr(arg, "__self__", None))
            modules = {str(getattr(arg, "__module__", None)), owner.__module__}
            if arg.__name__ in BLOCKING_NAMES or (modules & BLOCKING_MODULES and arg.__name__ not in JOURNAL_CALLS):
                self.found.append(f"{arg.__qualname__} called by {frame.f_code.co_qualname}")
        elif event == "call" and has_with(frame.f_code) and frame.f_code is not LEAVING:
            self.found.append(f"a with statement in {frame.f_code.co_qualname}")


LEAVING = contextlib._GeneratorContextManager.__exit__.__code__


@functools.cache
def has_with(code: CodeType) -> bool:
    return any(
        instruction.opname == "BEFORE_WITH" or instruction.argrepr == "__enter__"
        for instruction in dis.get_instructions(code)
    )


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


class Watched:
    """A manager whose methods and properties are watched while a game uses them."""

    def __init__(self, manager: AchievementManager, watch: Watch) -> None:
        self._manager = manager
        self._watch = watch

    def __call__(self, verb: str, *arguments: object) -> None:
        """Call a method; a ResultError is fine."""
        with self._watch.on_this_thread():
            try:
                getattr(self._manager, verb)(*arguments)
            except ResultError:
                return

    def read(self, name: str) -> None:
        with self._watch.on_this_thread():
            getattr(self._manager, name)

    def assign(self, name: str, handler: Callable[[Any], object] | None) -> None:
        with self._watch.on_this_thread():
            setattr(self._manager, name, handler)

    def until(self, condition: Callable[[], object]) -> None:
        """Run callbacks until `condition` is true."""

        def turned() -> object:
            self("run_callbacks")
            return condition()

        until(turned, "what the game waits for", PATIENCE_S)


def start(tmp_path: Path, **more: Any) -> AchievementManager:
    return AchievementManager(APPLICATION_ID, data_dir=tmp_path / "data", **more)


def play(ask: Watched, game: GameLoop) -> None:
    """Call every method with right and wrong arguments."""
    results = game.results
    ask("fetch_user_achievements", results.append)
    ask.until(lambda: results)
    for achievement_id in (WALK, WIN, SECRET, SECURE, UNKNOWN, 0, "x"):
        for percent in (10, 5, 100, 101, None):
            ask("set_user_achievement", achievement_id, percent, results.append)
            ask("run_callbacks", 0.001)
    ask("set_user_achievement", WALK, 50)
    ask.until(lambda: len(results) == 1 + 7 * 5)
    ask("fetch_user_achievements")
    ask("fetch_user_achievements", results.append)
    ask.until(lambda: len(results) == 2 + 7 * 5)
    for index in (-1, 0, 1, 2, 99):
        ask("get_user_achievement_at", index)
    for achievement_id in (WALK, SECRET, UNKNOWN, "x"):
        for verb in ("get_user_achievement", "get_achievement", "get_icon"):
            ask(verb, achievement_id)
    ask("count_user_achievements")
    ask("__repr__")
    for name in ("pending_count", "is_online", "storage_error", "on_user_achievement_update", "on_connection_change"):
        ask.read(name)
    for handler in (print, None):
        ask.assign("on_user_achievement_update", handler)
        ask.assign("on_connection_change", handler)


GERMAN = {"de": "Gehe"}


def test_in_local_mode_the_game_thread_does_not_wait(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "walk.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    walk = PLAIN | {"name_localizations": GERMAN, "icon": "walk.png"}
    catalogue = write_catalogue(tmp_path, [*ENTRIES[:-1], walk])
    with start(tmp_path, achievements=catalogue, locale="de") as manager:
        game = GameLoop(manager)
        manager.run_callbacks()  # the first one starts the worker
        ask = Watched(manager, watch)
        play(ask, game)
        manager.close()
        ask("set_user_achievement", WALK, 60, game.results.append)
        ask("fetch_user_achievements", game.results.append)
        ask("run_callbacks")
        ask("get_icon", WALK)
    assert watch.take() == []
    assert [event.achievement_id for event in game.events] == [WALK, WALK, WIN, WIN, SECRET]


def test_in_service_mode_the_game_thread_does_not_wait(tmp_path: Path, watch: Watch) -> None:
    clock = ManualClock()
    service = FakeService(APPLICATION_ID, clock=clock)
    service.add_player("ann", 1)
    service.add_player("bob", 2)
    for entry in ENTRIES:
        secret, secure = entry.get("secret", False), entry.get("secure", False)
        service.add_achievement(entry["id"], secret=secret, secure=secure, name_localizations=GERMAN)
    transport = InProcessTransport(service)
    with start(
        tmp_path, base_url="https://host.invalid/api", token="ann", transport=transport, clock=clock, locale="de"
    ) as manager:
        game = GameLoop(manager)
        manager.run_callbacks()
        ask = Watched(manager, watch)
        play(ask, game)
        ask.until(lambda: manager.get_icon(WALK))

        service.grant(1, SECURE, 100)  # a change elsewhere
        ask("fetch_user_achievements")
        ask.until(lambda: manager.get_user_achievement(SECURE).unlocked)

        transport.intercept = lambda request: (
            Response(403, {}, b'{"message": "no", "code": 20012}') if request.method == "PUT" else None
        )
        service.reset(1, WALK)
        ask.until(lambda: not manager.get_user_achievement(WALK).percent_complete)
        ask("set_user_achievement", WALK, 70)  # refused
        ask.until(lambda: [event.percent_complete for event in game.events[-2:]] == [70, 0])

        transport.go_down()
        ask("set_user_achievement", WALK, 80)
        ask.until(lambda: game.connection == [False])
        transport.intercept = None
        transport.come_back()
        clock.advance(200)
        ask.until(lambda: game.connection == [False, True])

        ask("set_token", "bob")
        ask.until(lambda: manager.get_user_achievement(WALK).user_id == 2)
    assert watch.take() == []
    assert service.progress(1)[WALK].percent == 80


# Proof that each kind of violation is found


LOCK = threading.Lock()


def takes_a_lock() -> None:
    with LOCK:
        pass


def acquires_a_lock() -> None:
    lock = threading.RLock()
    lock.acquire()
    lock.release()


def uses_a_queue() -> None:
    queue.Queue[int]().put(1)


def logs() -> None:
    logging.getLogger("discord_achievements").warning("x")


def opens_a_file() -> None:
    os.close(os.open(os.devnull, os.O_RDONLY))


def reads_a_file() -> None:
    Path(__file__).read_text("utf-8")


def lists_a_folder() -> None:
    os.listdir()


def asks_for_a_file() -> None:
    os.path.exists(__file__)


def opens_a_socket() -> None:
    socket.socket().close()


def opens_a_database() -> None:
    sqlite3.connect(":memory:").close()


def sleeps() -> None:
    time.sleep(0)


DATABASE = sqlite3.connect(":memory:", check_same_thread=False)


def asks_a_database() -> None:
    DATABASE.execute("SELECT 1")


def imports() -> None:
    sys.modules.pop("this_module_is_not_there", None)
    with contextlib.suppress(ImportError):
        __import__("this_module_is_not_there")


MISDEEDS = [
    takes_a_lock,
    acquires_a_lock,
    uses_a_queue,
    logs,
    opens_a_file,
    reads_a_file,
    lists_a_folder,
    asks_for_a_file,
    opens_a_socket,
    opens_a_database,
    asks_a_database,
    sleeps,
    imports,
]


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda misdeed: misdeed.__name__)
def test_a_call_that_may_wait_is_found(tmp_path: Path, watch: Watch, misdeed: Callable[[], None]) -> None:
    with start(tmp_path, achievements=write_catalogue(tmp_path)) as manager:
        manager.run_callbacks()
        manager.on_user_achievement_update = lambda _: misdeed()
        manager.set_user_achievement(WALK, 10)
        Watched(manager, watch)("run_callbacks")
    assert watch.take()


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda misdeed: misdeed.__name__)
def test_other_threads_are_not_watched(watch: Watch, misdeed: Callable[[], None]) -> None:
    go, gone = threading.Event(), threading.Event()

    def other() -> None:
        go.wait(PATIENCE_S)
        misdeed()
        gone.set()

    thread = threading.Thread(target=other)
    thread.start()
    is_gone, let_go = gone.is_set, go.set
    with watch.on_this_thread():
        watch.take()
        json.dumps(1)
    let_go()
    while not is_gone():
        with watch.on_this_thread():
            pass
    thread.join()
    assert watch.take() == []
