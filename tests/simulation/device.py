"""The game on one device: its files, its process, and its death before any call that reaches out of the process."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from discord_achievements import Result, UserAchievement
from discord_achievements.testing import InlineManager
from discord_achievements.testing.inline import NotYet
from tests.support.disks import longest_file

from .checks import Call, Checks, Killed, Process
from .faults import FAULTS, NONE, Fault
from .network import Line, Network
from .steps import ALICE
from .time_and_chance import DeviceClock

APP = 461618159171141643
_DATABASE, _SAVED = "achievements.sqlite3", ".saved"
_BASE_URL = "https://service.invalid/api/v10"
_SYSTEM = frozenset({"posix", "nt", "fcntl", "msvcrt", "io", "_io", "mmap", "_struct", "sqlite3"})


class Game(InlineManager):
    """The client, which can be killed."""

    @property
    def due_at(self) -> float:
        """When its worker has work; infinite if only others can give it some."""
        return math.inf if self._next_at is None else self._next_at

    def vanish(self) -> None:
        """Drop everything as it is, like the end of a killed process."""
        self._lifetime.in_forked_child()
        with suppress(Exception):
            self._storage.database.close()
        if self._storage.journal is not None:
            self._storage.journal.close(remove=False)  # which unlocks it, as the end of a process does

    def queued(self) -> int:
        """Return how many messages are queued for the game and for the worker."""
        return len(self._inbox) + self._worker.inbox.qsize()


def _reaches_out(function: Any) -> bool:
    """Return whether a C function calls the operating system or SQLite, or writes into mapped memory."""
    return function.__module__ in _SYSTEM or type(function.__self__).__module__ in _SYSTEM


class SignIn:
    """The device's token object. While it is `blocked` it does not return, while it is `broken` it raises."""

    def __init__(self, current: Callable[[int], str], user_id: int, *, knows_the_user: bool) -> None:
        self._current = partial(current, user_id)
        self.is_blocked = False
        self.is_broken = False
        self.knows_the_user = knows_the_user
        self.given = ""
        if knows_the_user:
            self.user_id = user_id

    def get_token(self) -> str:
        if self.is_blocked:
            raise NotYet(math.inf)
        if self.is_broken:
            raise OSError("the sign-in cannot be reached")
        self.given = self._current()
        return self.given

    refresh = get_token


class Machine:
    """What the processes on one machine share: the data folder, the disk and the clock.

    `twins` are the devices on it: each of them is one process of the game at most.
    """

    def __init__(self, name: str, root: Path, clock: DeviceClock) -> None:
        self.clock = clock
        self.is_disk_full = False
        self.twins: list[Device] = []
        self._root = root
        self._name = name
        self._images = 0

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self._image(self._images)

    def take_image(self) -> None:
        """Go on with a copy of the files as they are now."""
        before = self.folder
        self._images += 1
        if before.exists():
            with longest_file(None):
                shutil.copytree(before, self.folder)

    def drop_old_image(self) -> None:
        """Delete what the copy was made from, once no process uses it any more."""
        if self._images:
            shutil.rmtree(self._image(self._images - 1), ignore_errors=True)

    def _image(self, number: int) -> Path:
        return self._root / f"{self._name}-{number}"


class Device:
    """One process of the game on a machine, as the player `user`; `users` are all who were ever signed in."""

    def __init__(
        self,
        number: int,
        user: int,
        machine: Machine,
        network: Network,
        checks: Checks,
        current: Callable[[int], str],
    ) -> None:
        self.number = number
        self.user = user
        self.users = {user}
        self._current = current
        self.machine = machine
        self.clock = machine.clock
        machine.twins.append(self)
        self.sign_in = SignIn(current, user, knows_the_user=user == ALICE)
        self.game: Game | None = None
        self.process: Process | None = None
        self.faults: deque[tuple[str, str]] = deque()
        self.kill_after: int | None = None
        self._is_interrupted = False
        self._network = network
        self._checks = checks
        self.line: Line | None = None
        self._is_awake = False
        self.recognised_by = ""  # the token with which the service has said whose it is
        self._is_settled = False  # whether it has said so since the game started, or since somebody signed in

    @property
    def folder(self) -> Path:
        """The game's data folder."""
        return self.machine.folder

    @property
    def due_at(self) -> float:
        """When its game has work; infinite if only others can give it some."""
        return math.inf if self.game is None else self.game.due_at

    # What the player does

    def start(self) -> None:
        """Start the game and fetch the list, unless it is running."""
        if self.game is None:
            self._is_settled = False
            self.line = line = Line(self._network, self._next_fault, self._wake)
            self._in_process(lambda: self._start(line))

    def start_interrupted(self, after: int) -> None:
        """Start the game; Ctrl+C interrupts the start at its `after`-th call out of the process, if it gets so far."""
        if self.game is None:
            self.kill_after, self._is_interrupted = after, True
            self.start()
            self.kill_after, self._is_interrupted = None, False

    def _start(self, line: Line) -> None:
        self.game = Game(
            APP,
            base_url=_BASE_URL,
            token=self.sign_in,
            data_dir=self.folder,
            transport=line,
            clock=self.clock,
            locale="en-US",
        )
        self.process = process = self._checks.started(self)

        def on_update(achievement: UserAchievement) -> None:
            if self.process is process:
                self._checks.event(process, achievement)

        self.game.on_user_achievement_update = on_update
        self.game.on_connection_change = process.connection.append
        self._fetch(self.game, process)

    def set(self, achievement_id: int, percent: int) -> None:
        """Set an achievement."""
        game, process = self.game, self.process
        if game is not None and process is not None:
            call = self._checks.calls(process, achievement_id, percent)

            def call_it() -> None:
                game.set_user_achievement(achievement_id, percent, self._callback(call))
                error = game.storage_error
                if not self.machine.is_disk_full and (error is None or "in memory and in the journal" in error):
                    self._checks.recorded(call)

            self._in_process(call_it)

    def fetch(self) -> None:
        """Fetch the list."""
        game, process = self.game, self.process
        if game is not None and process is not None:
            self._in_process(lambda: self._fetch(game, process))

    def _fetch(self, game: Game, process: Process) -> None:
        game.fetch_user_achievements(self._callback(self._checks.calls(process, 0, 0)))

    def mend_sign_in(self) -> None:
        """Let the sign-in work again; a call that has been blocked returns."""
        self.sign_in.is_broken = self.sign_in.is_blocked = False
        self._wake()

    def change_player(self, user: int, *, knows_the_user: bool) -> None:
        """Let another player sign in, unless it is still unknown to whom the progress of the present one belongs."""
        is_ambiguous = len(self.machine.twins) > 1 or not (self._is_settled or self.sign_in.knows_the_user)
        if user == self.user or is_ambiguous:
            return
        if self.clock.off_s or self.users & self._checks.users_with_wrong_clocks:
            self._checks.users_with_wrong_clocks |= {*self.users, user}
        self.user, self._is_settled = user, False
        self.users.add(user)
        self.sign_in = sign_in = SignIn(self._current, user, knows_the_user=knows_the_user)
        game, process = self.game, self.process
        if game is not None and process is not None:
            process.best.clear()  # a player who is not recognised yet begins with nothing

            def sign_in_and_show() -> None:
                game.set_token(sign_in)
                game.settle()  # a set before that would still be shown as the former player's

            self._in_process(sign_in_and_show)

    def close(self) -> None:
        """Close the game."""
        game, process = self.game, self.process
        if game is not None and process is not None:

            def end() -> None:
                process.is_closing = True
                game.close()
                self._checks.closed(process)
                self.game = self.process = None

            self._in_process(end)

    def kill(self, after: int) -> None:
        """Kill the game before its `after`-th call out of the process from now on; 0 kills it at once.

        If it is not running, counting begins with its next start.
        """
        if after:
            self.kill_after = after
        elif self.game is not None:
            self._take_image()
            self._vanish()

    # What other programs do to its files

    def save_files(self) -> None:
        """Copy the database, like a tool that synchronises or backs up folders."""
        for path in self._database_files():
            shutil.copyfile(path, path.with_name(f"{path.name}{_SAVED}"))

    def replace_files(self, how: str) -> None:
        """Replace the database's files with the saved copy (`older`) or with `rubbish`, or leave them `deleted`.

        `truncated`: the database itself loses its second half, its log nothing.
        """
        saved = list(self.folder.glob(f"{_DATABASE}*{_SAVED}"))
        if not self.folder.exists() or self._hidden.exists() or (how == "older" and not saved):
            return
        self._checks.lost_files(self.users)
        for twin in self.machine.twins:
            twin.forget_recognition()
        for twin in self.machine.twins:
            if twin.process is not None and (how == "truncated" or len(self.machine.twins) > 1):
                twin.process.may_forget = True
        if how == "truncated":
            path = self.folder / _DATABASE
            if path.exists():
                os.truncate(path, path.stat().st_size // 2)
            return
        for path in self._database_files():
            path.unlink()
        if how == "rubbish":
            (self.folder / _DATABASE).write_bytes(b"no database " * 500)
        elif how == "older":
            for path in saved:
                shutil.copyfile(path, path.with_name(path.name.removesuffix(_SAVED)))

    def forget_recognition(self) -> None:
        """The files no longer say whose the token is."""
        self.recognised_by, self._is_settled = "", False

    def hide_files(self) -> None:
        """Move the database's files away, and put in their place something that SQLite cannot open."""
        if not self.folder.exists() or self._hidden.exists():
            return
        paths = self._database_files()
        self._hidden.mkdir()
        for path in paths:
            path.rename(self._hidden / path.name)
        (self.folder / _DATABASE).mkdir()

    def show_files(self) -> None:
        """Move the files back."""
        if self._hidden.exists():
            (self.folder / _DATABASE).rmdir()
            for path in self._hidden.iterdir():
                path.rename(self.folder / path.name)
            self._hidden.rmdir()

    @property
    def _hidden(self) -> Path:
        return self.folder / "hidden"

    def _database_files(self) -> list[Path]:
        paths = self.folder.glob(f"{_DATABASE}*")
        return [path for path in paths if path.suffix not in (_SAVED, ".lock") and path.is_file()]

    # What happens automatically

    def _wake(self) -> None:
        self._is_awake = True

    def work(self) -> None:
        """Run a frame if the worker has something to do."""
        game, process = self.game, self.process
        is_due = self._is_awake or self.due_at <= self._network.time.now()
        if game is not None and process is not None and is_due:

            def frame() -> None:
                self._is_awake = False
                game.settle()
                self._checks.frame(process, game)

            self._in_process(frame)

    def _callback(self, call: Call) -> Callable[[Result], None]:
        def callback(result: Result) -> None:
            if self.process is call.process:
                self._checks.answered(call, result)
                if result is Result.OK and not call.achievement_id and call.user == self.user:
                    self.recognised_by = self.sign_in.given
                    self._is_settled = True

        return callback

    def _next_fault(self, method: str) -> Fault:
        for position, (name, applies_to) in enumerate(self.faults):
            if applies_to in ("any", method):
                del self.faults[position]
                return FAULTS[name]
        return NONE

    # Its death

    def _in_process(self, call: Callable[[], None]) -> None:
        """Run `call` in the game's process, which may be killed meanwhile."""
        self._is_awake = True
        with longest_file(0) if self.machine.is_disk_full else nullcontext():
            if self.kill_after is None:
                call()
                return
            sys.setprofile(self._count)
            try:
                call()
            except Killed:
                self._vanish()
            finally:
                sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "c_call" or self.kill_after is None or not _reaches_out(argument):
            return
        self.kill_after -= 1
        if self.kill_after <= 0:
            sys.setprofile(None)
            self._take_image()
            raise Killed

    def _take_image(self) -> None:
        """Keep the files as they are now."""
        self.kill_after = None
        is_alone = all(twin is self or twin.game is None for twin in self.machine.twins)
        if self._is_interrupted or not is_alone:
            return  # an interrupted process runs its handlers; the files of another process cannot be exchanged
        self.machine.take_image()

    def _vanish(self) -> None:
        if self.process is not None:
            self._checks.killed(self.process)
        if self.line is not None:
            self.line.close()
        if self.game is not None:
            self.game.vanish()
        self.game = self.process = None
        self.machine.drop_old_image()
