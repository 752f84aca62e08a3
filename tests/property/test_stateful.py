"""In any order of events nothing is lost, and every callback is called once.

Hypothesis puts sets, fetches, frames, faults, crashes, restarts, clock jumps, sign-ins, second processes and second
devices into any order. The managers run without threads: their worker does its work when a rule says so, so that a
failure can be reproduced and minimized.
"""

from __future__ import annotations

import gc
import logging
import shutil
import tempfile
import threading
import warnings
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from discord_achievements import AchievementManager, Result, UserAchievement
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.client.worker.start import new_worker
from discord_achievements.client.worker.thread import Worker
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import ByteStream, FakeService, InProcessTransport, ManualClock
from discord_achievements.testing.inline import InlineCourier

pytestmark = pytest.mark.any_python

APP = 461618159171141643
PLAIN = [580159119969878001, 580159119969878002]
SECRET = 580159119969878003
SECURE = 580159119969878004
UNKNOWN = 580159119969878005
DEFINED = [*PLAIN, SECRET, SECURE]
ALICE, BOB = 53908232506183680, 53908232506183681
USERS = {"alice-1": ALICE, "alice-2": ALICE, "bob-1": BOB}
FOLDERS = ["this device", "another device"]
MOST_PROCESSES = 3
LONG_S = 130.0  # longer than any wait of the retry table

ids = st.sampled_from([*DEFINED, UNKNOWN])
percents = st.one_of(st.just(100), st.integers(0, 100))
tokens = st.sampled_from(list(USERS))
which = st.integers(0, MOST_PROCESSES - 1)


class Clock(ManualClock):
    """A clock on which no thread waits, so there is none to wake."""

    def on_jump(self, wake: Callable[[], None]) -> None:
        pass


class InlineManager(AchievementManager):
    """A manager whose worker has no thread: `work` does what it would have done by now."""

    def _new_worker(self, to_game: Callable[[object], None]) -> Worker:
        courier = InlineCourier(self._to_worker.put)
        return new_worker(self._options, self._storage, self._to_worker, self._inbox, to_game, courier)

    def _start(self) -> None:
        pass

    def work(self) -> None:
        while True:
            wait_s = self._worker.turn(0.0)
            for thread in threading.enumerate():
                if thread.name == "discord_achievements events":
                    thread.join()  # this test's streams end at once
            if wait_s != 0.0 and self._worker.inbox.empty():
                return


class Network:
    """The network between all managers and the service; `refused` are ids whose updates the service refuses."""

    def __init__(self, service: FakeService, on_refusal: Callable[[int, int], None]) -> None:
        self.weather = "fine"
        self.refused: set[int] = set()
        self._service = service
        self._on_refusal = on_refusal

    def intercept(self, request: Request) -> Response | None:
        if self.weather == "offline":
            raise TransportError("no network")
        if self.weather == "failing":
            return Response(503, {}, b"<h1>503</h1>")
        if self.weather == "limited":
            return Response(429, {"retry-after": "20"}, b'{"message": "slow down", "retry_after": 20, "global": true}')
        if request.method != "PUT":
            return None
        achievement_id = int(urlsplit(request.url).path.rpartition("/")[2])
        if achievement_id in self.refused:
            self._on_refusal(USERS[request.headers["Authorization"].removeprefix("Bearer ")], achievement_id)
            return Response(403, {}, b'{"message": "no", "code": 20012}')
        if self.weather == "answers get lost":
            self._service.handle(request)
            raise TransportError("the connection broke")
        return None


class Transport(InProcessTransport):
    """Its event streams end after the events at hand, so that no thread waits for more."""

    def open_stream(self, request: Request) -> ByteStream:
        stream = super().open_stream(request)
        stream.end()
        return stream


class Call:
    """One call with a callback, and the Results that the callback got."""

    def __init__(self, process: Process, achievement_id: int, percent: int) -> None:
        self.user = process.user
        self.achievement_id = achievement_id
        self.percent = percent
        self.may_be_anothers = False
        self.results: list[Result] = []
        process.calls.append(self)


class Process:
    """What is known of one process of the game, apart from its manager."""

    def __init__(self, folder: str, token: str, floor: dict[int, int]) -> None:
        self.folder = folder
        self.token = token
        self.floor = floor
        self.calls: list[Call] = []
        self.unworked: list[tuple[str, int, int]] = []
        self.events: list[UserAchievement] = []
        self.connection: list[bool] = []
        self.fetched = False
        self.may_deliver = False
        self.best: Counter[int] = Counter()
        self.list: list[UserAchievement] = []

    @property
    def user(self) -> int:
        return USERS[self.token]


class Games(RuleBasedStateMachine):
    """Some processes on two devices, one service, and the outcome that is expected."""

    @initialize(limits=st.booleans(), token=tokens, knows_the_list=st.booleans())
    def begin(self, limits: bool, token: str, knows_the_list: bool) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.service = FakeService(APP, clock=self.clock, limits=limits)
        for achievement_id in DEFINED:
            self.service.add_achievement(
                achievement_id, secret=achievement_id == SECRET, secure=achievement_id == SECURE
            )
        for known, user in USERS.items():
            self.service.add_player(known, user)
        self.network = Network(self.service, self.was_refused)
        self.managers: dict[Process, InlineManager] = {}
        # What the service must have at least and at most in the end, by user and achievement.
        self.least: Counter[tuple[int, int]] = Counter()
        self.most: Counter[tuple[int, int]] = Counter()
        # Values may fall after a refusal or a reset.
        self.may_fall: set[tuple[int, int]] = set()
        # A set after a reset may not exceed the value that the game still considers confirmed.
        self.was_reset: set[tuple[int, int]] = set()
        # What each device must show offline, by folder and token: a crash must not lose it.
        self.recorded: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        self.left_by_killed: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
        self.handler = LoggedErrors()
        logging.getLogger("discord_achievements").addHandler(self.handler)
        process = self.started(FOLDERS[0], token)
        if knows_the_list:
            self.fetch(0)
            self.work_and_show(process)

    # What happens to processes

    @precondition(lambda self: len(self.managers) < MOST_PROCESSES)
    @rule(folder=st.sampled_from(FOLDERS), token=tokens)
    def start(self, folder: str, token: str) -> None:
        self.started(folder, token)

    def started(self, folder: str, token: str) -> Process:
        for owner, achievement_id, percent in self.left_by_killed.pop(folder, []):
            self.record(folder, owner, achievement_id, percent)
        process = Process(folder, token, dict(self.recorded[folder, token]))
        manager = InlineManager(
            APP,
            base_url="https://service.invalid/api/v10",
            token=token,
            data_dir=self.root / folder,
            transport=Transport(self.service, intercept=self.network.intercept),
            clock=self.clock,
        )
        assert manager.storage_error is None

        def on_update(achievement: UserAchievement) -> None:
            assert process.may_deliver
            process.events.append(achievement)

        def on_connection(online: bool) -> None:
            assert process.may_deliver
            process.connection.append(online)

        manager.on_user_achievement_update = on_update
        manager.on_connection_change = on_connection
        self.managers[process] = manager
        return process

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def kill(self, which: int) -> None:
        """End a process without running any of our code; the system releases its locks and files."""
        process = self.pick(which)
        ended = weakref.ref(self.managers[process])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del self.managers[process]
            if ended() is not None:
                gc.collect()
        assert ended() is None
        self.left_by_killed[process.folder] += process.unworked
        assert all(len(call.results) <= 1 for call in process.calls)

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def close(self, which: int) -> None:
        process = self.pick(which)
        manager = self.managers.pop(process)
        process.may_deliver = True
        manager.close()
        assert all(len(call.results) == 1 for call in process.calls)
        for owner, achievement_id, percent in process.unworked:
            self.record(process.folder, owner, achievement_id, percent)

    # What the game does

    @precondition(lambda self: self.managers)
    @rule(which=which, achievement_id=ids, percent=percents, with_callback=st.booleans())
    def set_achievement(self, which: int, achievement_id: int, percent: int, with_callback: bool) -> None:
        process = self.pick(which)
        callback = self.callback(process, achievement_id, percent) if with_callback else None
        self.managers[process].set_user_achievement(achievement_id, percent, callback)
        process.unworked.append((process.token, achievement_id, percent))
        if achievement_id in (*PLAIN, SECRET):
            key = process.user, achievement_id
            if key not in self.was_reset:
                self.least[key] = max(self.least[key], percent)
            self.most[key] = max(self.most[key], percent)
        if achievement_id in PLAIN and any(one.achievement_id == achievement_id for one in process.list):
            process.floor[achievement_id] = max(process.floor.get(achievement_id, 0), percent)

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def fetch(self, which: int) -> None:
        process = self.pick(which)
        answered = self.callback(process, 0, 0)

        def callback(result: Result) -> None:
            process.fetched = True
            answered(result)

        self.managers[process].fetch_user_achievements(callback)

    @precondition(lambda self: self.managers)
    @rule(which=which, token=tokens)
    def sign_in(self, which: int, token: str) -> None:
        process = self.pick(which)
        self.managers[process].set_token(token)
        process.token = token
        process.floor, process.best = {}, Counter()
        for call in process.calls:
            call.may_be_anothers = True
        # The list may be the other player's for a while.
        self.work_and_show(process)

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def frame(self, which: int) -> None:
        process = self.pick(which)
        self.show(process, None)
        self.check_list(process)

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def frame_without_time(self, which: int) -> None:
        self.show(self.pick(which), 0.0)

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def play_on(self, which: int) -> None:
        process = self.pick(which)
        self.work_and_show(process)
        self.check_list(process)

    @precondition(lambda self: self.managers)
    @rule(which=which)
    def work(self, which: int) -> None:
        process = self.pick(which)
        self.managers[process].work()
        for owner, achievement_id, percent in process.unworked:
            self.record(process.folder, owner, achievement_id, percent)
        process.unworked.clear()

    # What happens around the game

    @rule(weather=st.sampled_from(["fine", "offline", "failing", "limited", "answers get lost"]))
    def weather(self, weather: str) -> None:
        self.network.weather = weather

    @rule(refused=st.sets(st.sampled_from(PLAIN)))
    def refuse(self, refused: set[int]) -> None:
        self.network.refused = refused

    @rule(user=st.sampled_from([ALICE, BOB]), achievement_id=st.sampled_from(DEFINED), percent=percents)
    def grant(self, user: int, achievement_id: int, percent: int) -> None:
        self.service.grant(user, achievement_id, percent)
        key = user, achievement_id
        self.least[key] = max(self.least[key], percent)
        self.most[key] = max(self.most[key], percent)

    @rule(user=st.sampled_from([ALICE, BOB]), achievement_id=st.sampled_from(DEFINED))
    def reset(self, user: int, achievement_id: int) -> None:
        self.service.reset(user, achievement_id)
        self.least[user, achievement_id] = 0
        self.may_fall.add((user, achievement_id))
        self.was_reset.add((user, achievement_id))

    @rule(seconds=st.sampled_from([0.3, 1.5, 5.0, 61.0, LONG_S, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([-400 * 86400.0, -3600.0, 3600.0, 86400.0]))
    def wall_clock_is_set(self, seconds: float) -> None:
        self.clock.jump_wall_clock(seconds)

    # What must be true

    @invariant()
    def nothing_changes_outside_of_frames(self) -> None:
        for process, manager in getattr(self, "managers", {}).items():
            assert listed(manager) == process.list
            assert manager.pending_count >= 0
            assert manager.storage_error is None
            assert not any(a == b for a, b in zip(process.connection, process.connection[1:], strict=False))
            assert process.connection[:1] in ([], [False])

    @invariant()
    def no_error_is_logged(self) -> None:
        assert not getattr(self, "handler", LoggedErrors()).found

    def teardown(self) -> None:
        if not hasattr(self, "root"):
            return
        try:
            self.settle()
        finally:
            logging.getLogger("discord_achievements").removeHandler(self.handler)
            for manager in self.managers.values():
                manager.close()
            shutil.rmtree(self.root)

    def settle(self) -> None:
        """In fine weather all updates arrive: those of running processes, and then those that the next start finds."""
        self.network.weather = "fine"
        self.network.refused = set()
        while self.managers:
            self.deliver(next(iter(self.managers)))
            self.close(0)
        for folder in FOLDERS:
            for token in USERS:
                process = self.started(folder, token)
                self.fetch(0)
                self.deliver(process)
                self.check_list(process)
                stored = self.stored(process.user)
                assert {one.achievement_id: one.percent_complete for one in process.list} == {
                    id_: stored[id_] for id_ in DEFINED if id_ != SECRET or stored[id_] == 100
                }
                assert all(one.synced for one in process.list)
                self.close(0)
        for user in (ALICE, BOB):
            stored = self.stored(user)
            for achievement_id in DEFINED:
                key = user, achievement_id
                assert self.least[key] <= stored[achievement_id] <= self.most[key], key
        self.no_error_is_logged()

    def deliver(self, process: Process) -> None:
        manager = self.managers[process]
        for _ in range(40):
            self.work_and_show(process)
            if manager.is_online and not manager.pending_count and all(call.results for call in process.calls):
                break
            self.clock.advance(LONG_S)
        assert manager.pending_count == 0
        assert manager.is_online
        assert not process.connection or process.connection[-1]

    # Helpers

    def pick(self, which: int) -> Process:
        return list(self.managers)[which % len(self.managers)]

    def callback(self, process: Process, achievement_id: int, percent: int) -> Callable[[Result], None]:
        call = Call(process, achievement_id, percent)

        def callback(result: Result) -> None:
            assert process.may_deliver
            call.results.append(result)
            assert len(call.results) == 1
            self.check_result(call, result)

        return callback

    def check_result(self, call: Call, result: Result) -> None:
        legal = {Result.OK, Result.SERVICE_UNAVAILABLE, Result.RATE_LIMITED, Result.TRANSACTION_ABORTED}
        key = call.user, call.achievement_id
        if call.achievement_id == UNKNOWN:
            legal = legal - {Result.OK} | {Result.NOT_FOUND}
        if call.achievement_id == SECURE or key in self.may_fall:
            legal.add(Result.UNAUTHORIZED_FOR_ACHIEVEMENT)
        if call.may_be_anothers:
            legal.add(Result.NOT_AUTHENTICATED)
        assert result in legal
        if result is Result.OK and call.achievement_id and key not in self.may_fall:
            assert self.stored(call.user)[call.achievement_id] >= call.percent

    def was_refused(self, user: int, achievement_id: int) -> None:
        self.least[user, achievement_id] = self.stored(user)[achievement_id]
        self.may_fall.add((user, achievement_id))

    def stored(self, user: int) -> Counter[int]:
        return Counter({id_: progress.percent for id_, progress in self.service.progress(user).items()})

    def record(self, folder: str, token: str, achievement_id: int, percent: int) -> None:
        recorded = self.recorded[folder, token]
        if achievement_id in PLAIN:
            recorded[achievement_id] = max(recorded[achievement_id], percent)

    def work_and_show(self, process: Process) -> None:
        self.work(list(self.managers).index(process))
        self.show(process, None)

    def show(self, process: Process, budget_s: float | None) -> None:
        manager = self.managers[process]
        process.may_deliver = True
        manager.run_callbacks(budget_s)
        process.may_deliver = False
        process.list = listed(manager)

    def check_list(self, process: Process) -> None:
        """Nothing shown has fallen without a reason, and what was set is shown."""
        assert [one.achievement_id for one in process.list] == sorted(one.achievement_id for one in process.list)
        for one in process.list:
            if (process.user, one.achievement_id) not in self.may_fall:
                assert one.percent_complete >= process.best[one.achievement_id]
                assert one.percent_complete >= process.floor.get(one.achievement_id, 0)
            process.best[one.achievement_id] = one.percent_complete


def listed(manager: AchievementManager) -> list[UserAchievement]:
    return [manager.get_user_achievement_at(index) for index in range(manager.count_user_achievements())]


class LoggedErrors(logging.Handler):
    """Keeps logged errors: the worker logs an exception that it did not expect."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


TestGames = pytest.mark.filterwarnings("error")(Games.TestCase)
TestGames.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # explaining is slow
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
