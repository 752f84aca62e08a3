"""What must be true at every step, and at the end once the world has calmed down."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from discord_achievements import Achievement, Result, UserAchievement
from discord_achievements.server.stores.base import Key, Write, Written

if TYPE_CHECKING:
    from .device import Device, Game

QUEUED_MAX = 400
REQUESTS_MAX = {"GET": (60.0, 20), "PUT": (10.0, 16), "STREAM": (60.0, 14)}
"""Per kind of request: a window in seconds, and the most requests within it; about twice what a usual run needs."""
_WEAK = frozenset(
    {
        Result.SERVICE_UNAVAILABLE,
        Result.RATE_LIMITED,
        Result.TRANSACTION_ABORTED,
        Result.INTERNAL_ERROR,
        Result.OAUTH2_ERROR,
        Result.INVALID_ACCESS_TOKEN,
        Result.INVALID_PERMISSIONS,
        Result.INVALID_COMMAND,
        Result.INVALID_PAYLOAD,
    }
)
"""Results that say neither that progress is stored nor that it is refused."""


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
        self.achievement_id = achievement_id
        self.percent = percent
        self.results: list[Result] = []


class Process:
    """What the checks know about one run of a game."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.calls: list[Call] = []
        self.last_event: dict[int, int] = {}
        self.connection: list[bool] = []
        self.best: Counter[int] = Counter()

    def __str__(self) -> str:
        return f"device {self.device.number}"


class Checks:
    """The expectations, by player and achievement.

    `least` is what was recorded and must arrive, `most` the highest value ever asked for, `held` the last value that
    the service committed, `peak` the highest that it ever held. `plain` are the achievements that everybody sees and
    players may set, `secret` those that appear once unlocked, `secure` those that only a bot may grant, `changing`
    those whose definitions change, so that they may disappear and come back.
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
        key = (process.device.user, achievement_id)
        if achievement_id not in self._secure:
            self.most[key] = max(self.most[key], percent)
        return call

    def recorded(self, call: Call) -> None:
        """The call has returned: from now on its value must not be lost."""
        key = (call.process.device.user, call.achievement_id)
        if call.achievement_id in self._plain | self._secret and key not in self.may_fall:
            self.least[key] = max(self.least[key], call.percent)

    def granted(self, user: int, achievement_id: int, percent: int) -> None:
        """The bot raises a player's progress."""
        key = (user, achievement_id)
        self.most[key] = max(self.most[key], percent)

    def was_reset(self, user: int, achievement_id: int) -> None:
        """The bot resets a player's progress, or at least tries to."""
        self.may_fall.add((user, achievement_id))
        self.least[user, achievement_id] = 0

    def lost_files(self, user: int) -> None:
        """Files of a device are replaced or deleted: what was only in them is lost, what is set afterwards is not."""
        for key in self.least:
            if key[0] == user:
                self.least[key] = min(self.least[key], self.held[key])

    def written(self, written: Mapping[Key, Written]) -> None:
        """The service has committed."""
        for key, change in written.items():
            if change.after is not None:
                where = (key.user_id, key.achievement_id)
                self.held[where] = change.after.progress.percent
                self.peak[where] = max(self.peak[where], self.held[where])

    # What must be true

    def answered(self, call: Call, result: Result) -> None:
        """A callback has run: only once, OK only for what the service has stored, and no unfounded refusal."""
        call.results.append(result)
        if len(call.results) > 1:
            raise Wrong("each callback once", f"{call.process}: {call.results} for one call")
        key = (call.process.device.user, call.achievement_id)
        if result is Result.OK and call.achievement_id and self.peak[key] < call.percent:
            raise Wrong(
                "OK only for what is stored",
                f"{call.process}: OK for {call.percent} % of {call.achievement_id}, stored were {self.peak[key]} %",
            )
        allowed = set(_WEAK)
        if call.achievement_id in self._secure:
            allowed.add(Result.UNAUTHORIZED_FOR_ACHIEVEMENT)
        if call.achievement_id not in self._plain | self._secret | self._secure | {0}:
            allowed.add(Result.NOT_FOUND)
        if result is not Result.OK and result not in allowed:
            raise Wrong("no refusal of what is right", f"{call.process}: {result.name} for {call.achievement_id}")

    def event(self, process: Process, new: UserAchievement) -> None:
        """An update event has reached the game: it must carry a value that the last one did not."""
        id_, percent = new.achievement_id, new.percent_complete
        if process.last_event.get(id_) == percent and id_ not in self._changing:
            raise Wrong("no event twice", f"{process}: {percent} % of {id_} again")
        process.last_event[id_] = percent

    def frame(self, process: Process, game: Game) -> None:
        """A frame has ended: the list must be possible, and queues and request rates within their bounds."""
        user = process.device.user
        for one in game.user_achievements():
            key, percent = (user, one.achievement_id), one.percent_complete
            if one.synced and percent > self.peak[key]:
                raise Wrong(
                    "synced is on the service", f"{process}: {one}, the service never had more than {self.peak[key]}"
                )
            if key not in self.may_fall and one.achievement_id not in self._changing:
                if percent < process.best[one.achievement_id]:
                    raise Wrong("nothing falls", f"{process}: {one} after {process.best[one.achievement_id]} %")
                process.best[one.achievement_id] = percent
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
        for what, (window_s, most) in REQUESTS_MAX.items():
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
        if self.errors.found:
            raise Wrong("no error in the log", self.errors.found[0])

    def calm(
        self,
        device: Device,
        stored: Mapping[int, int],
        defined: Iterable[Achievement],
        *,
        definitions_may_differ: bool = False,
    ) -> None:
        """Everything works again, and enough time has passed: the device and the service must agree.

        `definitions_may_differ`: the device may not have received changed definitions yet.
        """
        game, user = device.game, device.user
        assert game is not None
        if game.pending_count:
            raise Wrong("all arrives", f"device {device.number}: {game.pending_count} updates are still pending")
        shown = {one.achievement_id: one.percent_complete for one in game.user_achievements()}
        definitions = list(defined)
        orphaned = stored.keys() - {one.id for one in definitions}
        if orphaned:
            raise Wrong("progress goes with its achievement", f"{sorted(orphaned)} were deleted and are still stored")
        expected = {one.id: stored.get(one.id, 0) for one in definitions if not one.secret or stored.get(one.id) == 100}
        if definitions_may_differ:
            for id_ in self._changing:
                shown.pop(id_, None)
                expected.pop(id_, None)
        if shown != expected:
            raise Wrong("device and service agree", f"device {device.number} shows {shown}, the service has {expected}")
        unsynced = [one.achievement_id for one in game.user_achievements() if not one.synced]
        if unsynced:
            raise Wrong("all arrives", f"device {device.number}: {unsynced} count as not synced")
        for id_, percent in stored.items():
            key = (user, id_)
            if not self.least[key] <= percent <= self.most[key]:
                raise Wrong(
                    "nothing recorded is lost",
                    f"{percent} % of {id_} are stored; {self.least[key]} to {self.most[key]} % were asked for",
                )
        if game.storage_error is not None and "Progress is kept" in game.storage_error:
            raise Wrong("files are used again", f"device {device.number}: {game.storage_error}")
        for (owner, id_), least in self.least.items():
            if owner == user and stored.get(id_, 0) < least:
                raise Wrong("nothing recorded is lost", f"{stored.get(id_, 0)} of {least} % of {id_}")


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
