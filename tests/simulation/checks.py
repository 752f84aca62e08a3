"""What must be true at every step, and at the end once the world has calmed down."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from discord_achievements import Achievement, Result, UserAchievement
from discord_achievements.domain.progress import COMPLETE, Progress
from discord_achievements.server.stores.base import Key, Write, Written

if TYPE_CHECKING:
    from .device import Device, Game

QUEUED_MAX = 400
REQUESTS_MAX = {"GET": (60.0, 20), "PUT": (10.0, 16), "STREAM": (60.0, 14)}
HURRIED_MAX = {"GET": (5.0, 16), "PUT": (10.0, 30)}
"""Per kind of request: a window in seconds, and the most requests within it.

The client respects the service's limits, which are 24 lists in 60 s (a few less here, since events alone must not
exhaust them) and 10 updates in 10 s; those that never reach the service are repeated after 0, 1, 2, 4 … s, and a stream
that ends is opened again after 5 s. `HURRIED_MAX`: if a game wants the list again and again, then whatever the service
says there are ten at once and then one a second, and as many further tries to send updates.
"""
_OUTAGES = frozenset(
    {"fault", "network_down", "kill_service", "restore", "renew_token", "break_sign_in", "block_sign_in"}
)
_UNREADABLE = frozenset(
    {
        "truncated",
        "empty",
        "portal",
        "portal without a text",
        "nothing",
        "queued",
        "another program's JSON",
        "another achievement's record",
    }
)
_CAUSES: Mapping[Result, frozenset[str]] = {
    Result.SERVICE_UNAVAILABLE: _OUTAGES,
    Result.INTERNAL_ERROR: _UNREADABLE | {"fill_disk", "hide_files"},
    Result.OAUTH2_ERROR: frozenset({"break_sign_in", "block_sign_in"}),
    Result.INVALID_ACCESS_TOKEN: frozenset({"renew_token"}),
    Result.NOT_AUTHENTICATED: frozenset({"sign_in"}),
    Result.INVALID_PERMISSIONS: frozenset({"proxy's 403", "empty", "truncated"}),  # the service's own without its body
    Result.INVALID_COMMAND: frozenset({"proxy's 404", "empty", "truncated"}),
    Result.INVALID_PAYLOAD: frozenset({"proxy's 407"}),
}
"""What must have happened before a call gets a result that says neither that progress is stored nor that it is refused.

The service's own limits explain `RATE_LIMITED`, and the end of a game `TRANSACTION_ABORTED`.
"""
_ROUNDED_US = 2_000_000
_UNDER_WAY_US = 100_000_000
"""By how much an unlock may seem earlier, since its age is sent in whole seconds, and later, since an update may take
that long to arrive."""


class Killed(BaseException):
    """The process has been killed."""


class Wrong(AssertionError):
    """A rule is broken: `rule` names it."""

    def __init__(self, rule: str, details: str) -> None:
        super().__init__(f"{rule}: {details}")
        self.rule = rule


class Call:
    """One call of the game that has a callback; a fetch has the achievement id 0."""

    def __init__(self, process: Process, achievement_id: int, percent: int) -> None:
        self.process = process
        self.user = process.device.user
        self.achievement_id = achievement_id
        self.percent = percent
        self.results: list[Result] = []


class Process:
    """What the checks know about one run of a game.

    `may_forget`: its file is damaged, or not the one that another process on the machine uses. Then its list may lack
    something until the service's list has come, and show as not synced what the other process has sent.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.calls: list[Call] = []
        self.last_event: dict[tuple[int, int], int] = {}
        self.repeats: Counter[tuple[int, int]] = Counter()
        self.connection: list[bool] = []
        self.best: Counter[tuple[int, int]] = Counter()
        self.is_closing = False
        self.may_forget = False

    def __str__(self) -> str:
        return f"device {self.device.number}"


class Checks:
    """The expectations, by player and achievement.

    `least` is what was recorded and must arrive, `most` the highest value ever asked for, `held` the last value that
    the service committed, `peak` the highest that it ever held. `plain` are the achievements that everybody sees and
    players may set, `secret` those that appear once unlocked, `secure` those that only a bot may grant, `changing`
    those whose definitions change, so that they may disappear and come back. `happened` are the names of the steps and
    faults so far.
    """

    def __init__(
        self, plain: Sequence[int], secret: Sequence[int], secure: Sequence[int], changing: Sequence[int]
    ) -> None:
        self._plain = frozenset(plain)
        self._secret = frozenset(secret)
        self._secure = frozenset(secure)
        self._changing = frozenset(changing)
        self.least: Counter[tuple[int, int]] = Counter()
        self.most: Counter[tuple[int, int]] = Counter()
        self.peak: Counter[tuple[int, int]] = Counter()
        self.held: Counter[tuple[int, int]] = Counter()
        self.may_fall: set[tuple[int, int]] = set()
        self.happened: set[str] = set()
        self.users_with_wrong_clocks: set[int] = set()
        self._undone: dict[tuple[int, int], bool] = {}  # what was reset: whether somebody has asked for it again
        self._times_undone: Counter[tuple[int, int]] = Counter()
        self._first_asked_us: dict[tuple[int, int], int] = {}
        self._first_recorded_us: dict[tuple[int, int], int] = {}
        self._unlocked_by: dict[tuple[int, int], set[Process | None]] = {}
        self._misdated = ""
        self.errors = LoggedErrors()
        self._recorded: dict[tuple[int, int], Counter[int]] = {}

    # What happens

    def started(self, device: Device) -> Process:
        """A game has started."""
        return Process(device)

    def calls(self, process: Process, achievement_id: int, percent: int) -> Call:
        """The game is about to call."""
        call = Call(process, achievement_id, percent)
        process.calls.append(call)
        if achievement_id not in self._secure:
            self._asked((call.user, achievement_id), percent, process.device.clock.true_us(), process)
        return call

    def _asked(self, key: tuple[int, int], percent: int, at_us: int, by: Process | None = None) -> None:
        self.most[key] = max(self.most[key], percent)
        if self._undone.get(key) is False:
            self._undone[key] = True
            self._times_undone[key] += 1
        if percent == COMPLETE:
            self._first_asked_us.setdefault(key, at_us)
            self._unlocked_by.setdefault(key, set()).add(by)

    def recorded(self, call: Call) -> None:
        """The call has returned: from now on its value must not be lost."""
        key = (call.user, call.achievement_id)
        if call.achievement_id in self._plain | self._secret and key not in self.may_fall:
            self.least[key] = max(self.least[key], call.percent)
            if call.percent == COMPLETE:
                self._first_recorded_us.setdefault(key, call.process.device.clock.true_us())

    def granted(self, user: int, achievement_id: int, percent: int, at_us: int) -> None:
        """The bot raises a player's progress."""
        self._asked((user, achievement_id), percent, at_us)

    def was_reset(self, user: int, achievement_id: int) -> None:
        """The bot resets a player's progress, or at least tries to."""
        self.may_fall.add((user, achievement_id))
        self._undone[user, achievement_id] = False
        self.least[user, achievement_id] = 0
        self._first_recorded_us.pop((user, achievement_id), None)

    def restored(self, users: Iterable[int]) -> None:
        """The service's database has been restored from a backup, in which a reset may not have happened yet."""
        for key in self.may_fall:
            self._times_undone[key] += 1
        for user in users:
            self.may_fall |= {(user, id_) for id_ in self._secure}  # what only a bot can grant, no device sends again

    def lost_files(self, users: Container[int]) -> None:
        """Files of a device are replaced or deleted: what was only in them is lost, what is set afterwards is not."""
        for key in self.least:
            if key[0] in users:
                self.least[key] = min(self.least[key], self.held[key])
                self._first_recorded_us.pop(key, None)

    def written(self, written: Mapping[Key, Written]) -> None:
        """The service has committed."""
        for key, change in written.items():
            if change.after is not None:
                where = (key.user_id, key.achievement_id)
                if where in self._undone and change.after.progress.percent > self.held[where]:
                    self._times_undone[where] += not self._undone.pop(
                        where
                    )  # sent late, by somebody who had asked before
                self.held[where] = change.after.progress.percent
                self.peak[where] = max(self.peak[where], self.held[where])
                if self.held[where] == COMPLETE and where not in self.may_fall:
                    self._unlocked(where, change.after.progress.unlocked_at_us or 0)

    def _unlocked(self, key: tuple[int, int], at_us: int) -> None:
        """Check the time of an unlock of one game that is still running: no clock that is set can have changed it.

        Another process on the same files may be what sends it; that one knows only the clock. So does this one if it
        must send it again after a restore, when it has taken over the service's date.
        """
        processes = self._unlocked_by.get(key, set())
        by = next(iter(processes)) if len(processes) == 1 else None
        is_sent_once = "restore" not in self.happened
        if by is not None and by.device.process is by and len(by.device.machine.twins) == 1 and is_sent_once:
            late_s = (at_us - self._first_asked_us[key]) / 1e6
            if not -_ROUNDED_US <= late_s * 1e6 <= _UNDER_WAY_US:
                self._misdated = f"{by}: {key[1]} is unlocked {late_s} s after the set, of the same run"

    # What must be true

    def answered(self, call: Call, result: Result) -> None:
        """A callback has run: only once, OK only for what the service has stored, and no unfounded refusal."""
        call.results.append(result)
        if len(call.results) > 1:
            raise Wrong("each callback once", f"{call.process}: {call.results} for one call")
        key = (call.user, call.achievement_id)
        if result is Result.OK and call.achievement_id and self.peak[key] < call.percent:
            raise Wrong(
                "OK only for what is stored",
                f"{call.process}: OK for {call.percent} % of {call.achievement_id}, stored were {self.peak[key]} %",
            )
        allowed = {weak for weak, causes in _CAUSES.items() if causes & self.happened} | {Result.RATE_LIMITED}
        if call.process.is_closing:
            allowed.add(Result.TRANSACTION_ABORTED)
        if call.achievement_id in self._secure:
            allowed.add(Result.UNAUTHORIZED_FOR_ACHIEVEMENT)
        if call.achievement_id not in self._plain | self._secret | self._secure | {0}:
            allowed.add(Result.NOT_FOUND)
        if result is not Result.OK and result not in allowed:
            raise Wrong("no result without a cause", f"{call.process}: {result.name} for {call.achievement_id}")

    def event(self, process: Process, new: UserAchievement) -> None:
        """An update event has reached the game: it must carry a value that the last one did not.

        A game may miss that a value was reset, if it has been reached again since. And while a list is under way to
        another process on the same files, a secret that is missing from it may be unlocked by this one.
        """
        id_, percent = new.achievement_id, new.percent_complete
        key = (new.user_id or process.device.user, id_)
        has_twin = any(twin.game is not None for twin in process.device.machine.twins if twin is not process.device)
        may_repeat = process.may_forget or id_ in self._changing or (id_ in self._secret and has_twin)
        if process.last_event.get(key) == percent and not may_repeat:
            process.repeats[key] += 1
            if process.repeats[key] > self._times_undone[key]:
                raise Wrong("no event twice", f"{process}: {percent} % of {id_} again")
        process.last_event[key] = percent

    def frame(self, process: Process, game: Game) -> None:
        """A frame has ended: the list must be possible, and queues and request rates within their bounds."""
        for one in game.user_achievements():
            key, percent = (one.user_id or process.device.user, one.achievement_id), one.percent_complete
            if one.synced and percent > self.peak[key]:
                raise Wrong(
                    "synced is on the service", f"{process}: {one}, the service never had more than {self.peak[key]}"
                )
            if key not in self.may_fall and one.achievement_id not in self._changing:
                if percent < process.best[key] and not process.may_forget:
                    raise Wrong("nothing falls", f"{process}: {one} after {process.best[key]} %")
                process.best[key] = percent
            if percent > self.most[key]:
                raise Wrong("nothing is invented", f"{process}: {one}, the most ever asked for is {self.most[key]} %")
        if game.queued() > QUEUED_MAX:
            raise Wrong("queues are bounded", f"{process}: {game.queued()} messages are waiting")
        if process.device.line is not None:
            self._rate(process, process.device.line.requests)
        self.no_errors()

    def _rate(self, process: Process, requests: list[tuple[float, str]]) -> None:
        if not requests:
            return
        now = requests[-1][0]
        bounds = REQUESTS_MAX | (HURRIED_MAX if "fetch_often" in self.happened else {})
        for what, (window_s, most) in bounds.items():
            count = 0
            for at, asked in reversed(requests):
                if at <= now - window_s:
                    break
                count += asked == what
            if count > most:
                raise Wrong("requests are bounded", f"{process}: {count} {what} within {window_s:g} s")

    def closed(self, process: Process) -> None:
        """A game has been closed: each callback must have run."""
        for call in process.calls:
            if len(call.results) != 1:
                raise Wrong("each callback once", f"{process}: {call.results} for a set of {call.achievement_id}")

    def killed(self, process: Process) -> None:
        """A game has been killed: the callbacks that have not run never will."""
        process.calls.clear()

    def no_errors(self) -> None:
        """No error may have been logged: that is how the client reports an exception that it did not expect."""
        if self._misdated:  # found in the service, which would take the exception for one of its own
            raise Wrong("unlocks keep their time", self._misdated)
        if self.errors.found:
            raise Wrong("no error in the log", self.errors.found[0])

    def calm(
        self,
        device: Device,
        records: Mapping[int, Progress],
        defined: Iterable[Achievement],
        *,
        is_early: bool = False,
    ) -> None:
        """Everything works again, and enough time has passed: the device and the service must agree.

        `is_early`: the device may not have fetched its list since then. So it may lack changed definitions, and what
        another process on the machine has delivered may still count as not synced.
        """
        game, user = device.game, device.user
        assert game is not None
        if game.pending_count:
            raise Wrong("all arrives", f"device {device.number}: {game.pending_count} updates are still pending")
        stored = {id_: progress.percent for id_, progress in records.items()}
        shown = {one.achievement_id: one.percent_complete for one in game.user_achievements()}
        definitions = list(defined)
        orphaned = stored.keys() - {one.id for one in definitions}
        if orphaned:
            raise Wrong("progress goes with its achievement", f"{sorted(orphaned)} were deleted and are still stored")
        expected = {one.id: stored.get(one.id, 0) for one in definitions if not one.secret or stored.get(one.id) == 100}
        if is_early:
            for id_ in self._changing:
                shown.pop(id_, None)
                expected.pop(id_, None)
        is_partial = is_early and "strange entry" in self.happened  # until the next list, ten minutes later
        if shown != expected and not is_partial:
            raise Wrong("device and service agree", f"device {device.number} shows {shown}, the service has {expected}")
        for one in definitions:
            if one.id in shown and one.name != (name := game.get_achievement(one.id).name):
                raise Wrong("device and service agree", f"device {device.number}: {name!r} is {one.name!r} by now")
        unsynced = [one.achievement_id for one in game.user_achievements() if not one.synced]
        may_lag = is_early or (device.process is not None and device.process.may_forget)
        if unsynced and not (may_lag and len(device.machine.twins) > 1):
            raise Wrong("all arrives", f"device {device.number}: {unsynced} count as not synced")
        for id_, percent in stored.items():
            key = (user, id_)
            if not self.least[key] <= percent <= self.most[key]:
                raise Wrong(
                    "nothing recorded is lost",
                    f"{percent} % of {id_} are stored; {self.least[key]} to {self.most[key]} % were asked for",
                )
        for id_, progress in records.items():
            self._dated((user, id_), progress, device.clock.true_us())
        if game.storage_error is not None and "Progress is kept" in game.storage_error:
            raise Wrong("files are used again", f"device {device.number}: {game.storage_error}")
        for (owner, id_), least in self.least.items():
            if owner == user and stored.get(id_, 0) < least:
                raise Wrong("nothing recorded is lost", f"{stored.get(id_, 0)} of {least} % of {id_}")

    def _dated(self, key: tuple[int, int], progress: Progress, now_us: int) -> None:
        """Check the time of an unlock: not in the future, and that of the set if no clock of the player was wrong."""
        at_us = progress.unlocked_at_us
        if at_us is None:
            return
        if at_us > now_us:
            raise Wrong("unlocks keep their time", f"{key[1]} is unlocked in the future, by {(at_us - now_us) / 1e6} s")
        if key[0] in self.users_with_wrong_clocks:
            return
        first_us = self._first_asked_us.get(key, 0)
        if at_us < first_us - _ROUNDED_US:
            raise Wrong("unlocks keep their time", f"{key[1]} is unlocked {(first_us - at_us) / 1e6} s before the set")
        recorded_us = self._first_recorded_us.get(key, at_us)
        if at_us > recorded_us + _UNDER_WAY_US:
            raise Wrong(
                "unlocks keep their time", f"{key[1]} is unlocked {(at_us - recorded_us) / 1e6} s after the set"
            )


class Watched:
    """A mixin for stores that reports each commit to the checks."""

    checks: Checks

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        written: dict[Key, Written] = super().write(writes, at_us)  # type: ignore[misc]
        self.checks.written(written)
        return written


class LoggedErrors(logging.Handler):
    """Keeps what is logged as an error, except the simulated deaths of processes."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not Killed:
            self.found.append(self.format(record))
