"""Ten thousand sets with every kind of fault: in the end the service has what the player sees."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.testing import FakeService, Fault, FaultServer, ManualClock, run_until

pytestmark = pytest.mark.any_python

APP = 461618159171141643
USER = 53908232506183680
TOKEN = "player"
SETS = 10_000
SETS_PER_FRAME = 10
FRAMES_PER_FETCH = 7
FRAMES_PER_RECOVERY = 15
SLOW = {Fault.STALL: 0.01, Fault.DRIP: 0.01}  # relative frequency: each costs its time-out
LEGAL = {
    Result.OK,
    Result.SERVICE_UNAVAILABLE,
    Result.RATE_LIMITED,
    Result.INTERNAL_ERROR,  # the answer was not JSON
    Result.INVALID_ACCESS_TOKEN,
    Result.INVALID_VERSION,
    Result.UNAUTHORIZED_FOR_ACHIEVEMENT,
    Result.INVALID_PERMISSIONS,
    Result.NOT_FOUND,
    Result.TRANSACTION_ABORTED,
}


class Soak:
    """A player's random sets, the faults, and the answers."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock()
        self.service = FakeService(APP, clock=self.clock)
        self.ids = self.service.fill(40)
        self.service.add_player(TOKEN, USER)
        self.server = FaultServer(self.service)
        self.folder = folder
        self.answers: list[list[Result]] = []
        self.manager = self.start()

    def start(self) -> AchievementManager:
        return AchievementManager(
            APP, base_url=self.server.base_url, token=TOKEN, data_dir=self.folder, clock=self.clock, timeout_s=0.5
        )

    def callback(self) -> Callable[[Result], None]:
        answer: list[Result] = []
        self.answers.append(answer)
        return answer.append

    def frame(self, most_percent: int) -> None:
        for _ in range(SETS_PER_FRAME):
            percent = self.rng.randint(0, most_percent)
            self.manager.set_user_achievement(self.rng.choice(self.ids), percent, self.callback())
        self.manager.run_callbacks()
        self.clock.advance(self.rng.choice([0.0, 0.1, 1.0, 10.0]))

    def trouble(self) -> None:
        match self.rng.randrange(7):
            case 1:
                self.service.grant(USER, self.rng.choice(self.ids), self.rng.randint(1, 100))
            case 2:
                self.service.reset(USER, self.rng.choice(self.ids))
            case 3:
                self.clock.jump_wall_clock(self.rng.uniform(-86400, 86400))
            case 4:
                self.server.drop_streams()
            case 5 if self.rng.random() < 0.3:
                self.manager.close()
                self.manager = self.start()
            case _:
                fault = self.rng.choices(list(Fault), [SLOW.get(fault, 1.0) for fault in Fault])[0]
                self.server.fail(fault, times=self.rng.randint(1, 4), method=self.rng.choice([None, "PUT"]))

    def fetch(self) -> Result:
        """Fetch the list, advancing the clock."""
        answer: list[Result] = []
        self.manager.fetch_user_achievements(answer.append)
        self.until(lambda: answer)
        return answer[0]

    def recover(self) -> None:
        self.server.heal()
        while self.fetch() is not Result.OK:
            pass  # it was asked to wait, or has timed out
        self.until(lambda: not self.manager.pending_count)

    def until(self, condition: Callable[[], object]) -> None:
        def is_so() -> bool:
            if condition():
                return True
            self.clock.advance(1.0)
            return False

        run_until(self.manager, is_so, timeout_s=30.0)


def test_soak(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    threads = set(threading.enumerate())
    soak = Soak(tmp_path, seed=20230502)
    frames = SETS // SETS_PER_FRAME
    for frame in range(frames):
        soak.frame(most_percent=100 * (frame + 1) // frames)
        if soak.rng.random() < 0.3:
            soak.trouble()
        if frame % FRAMES_PER_FETCH == 0:
            soak.fetch()
        if frame % FRAMES_PER_RECOVERY == 0:
            soak.recover()
    soak.recover()
    assert soak.fetch() is Result.OK
    stored = {achievement_id: progress.percent for achievement_id, progress in soak.service.progress(USER).items()}
    shown = [soak.manager.get_user_achievement(achievement_id) for achievement_id in soak.ids]
    assert {one.achievement_id: one.percent_complete for one in shown if one.percent_complete} == {
        achievement_id: percent for achievement_id, percent in stored.items() if percent
    }
    assert all(one.synced for one in shown)
    soak.manager.close()
    soak.server.close()
    assert len(soak.answers) == SETS
    assert all(len(answer) == 1 and answer[0] in LEGAL for answer in soak.answers)
    assert {answer[0] for answer in soak.answers} >= {Result.OK, Result.SERVICE_UNAVAILABLE}
    assert set(threading.enumerate()) <= threads
    assert not caplog.records
    updates = sum(count for (method, _), count in soak.server.requests.items() if method == "PUT")
    assert updates > SETS // 20, "too few requests for every fault to have happened"
