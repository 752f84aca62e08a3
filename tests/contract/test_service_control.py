"""The manager and the service of a game's test do what the test says, without waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, CatalogueError, ConfigurationError, Result, UserAchievement
from discord_achievements.client.disk.catalogue_file import read_catalogue
from discord_achievements.testing import CheckedManager, ErrorCode, Fault, ServiceControl

CATALOGUE = """\
application_id = 461618159171141643

[[achievement]]
id = 1001
key = "win"
name = "Win the Game"
description = "You won!"
icon = "win.png"

[[achievement]]
id = 1002
key = "collector"
name = "Collector"
description = "Collect everything."

[[achievement]]
id = 1003
key = "hidden_door"
name = "Behind the Door"
description = "You found it."
secret = true

[[achievement]]
id = 1004
key = "champion"
name = "Champion"
description = "Win a season."
secure = true
"""
WIN, COLLECTOR, HIDDEN_DOOR, CHAMPION = 1001, 1002, 1003, 1004
PNG = b"\x89PNG\r\n\x1a\n and so on"
LONG_S = 200.0  # longer than any pause between two tries


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    (tmp_path / "win.png").write_bytes(PNG)
    path = tmp_path / "achievements.toml"
    path.write_text(CATALOGUE, "utf-8")
    return path


@pytest.fixture
def service(catalogue: Path) -> Iterator[ServiceControl]:
    threads = threading.active_count()
    service = ServiceControl(read_catalogue(catalogue))
    yield service
    service.close()
    assert threading.active_count() == threads


@pytest.fixture
def achievements(service: ServiceControl, tmp_path: Path) -> CheckedManager:
    return service.start_manager(tmp_path / "data")


class Recorder:
    """Records the callbacks of a manager."""

    def __init__(self, manager: AchievementManager) -> None:
        self.manager = manager
        self.results: list[Result] = []
        self.updates: list[tuple[int, int]] = []
        self.connection: list[bool] = []
        manager.on_user_achievement_update = self._update
        manager.on_connection_change = self.connection.append

    def set(self, achievement_id: int, percent: int) -> None:
        self.manager.set_user_achievement(achievement_id, percent, self.results.append)

    def fetch(self) -> None:
        self.manager.fetch_user_achievements(self.results.append)

    def _update(self, one: UserAchievement) -> None:
        self.updates.append((one.achievement_id, one.percent_complete))


def test_it_is_the_games_manager(achievements: CheckedManager) -> None:
    assert isinstance(achievements, AchievementManager)


def test_a_set_takes_effect_within_one_frame(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    game.fetch()
    game.set(WIN, 100)
    assert game.results == [], "callbacks come in run_callbacks() only"
    achievements.run_callbacks()
    assert sorted(game.results) == [Result.OK, Result.OK]
    assert game.updates == [(WIN, 100)]
    assert achievements.get_user_achievement(WIN).unlocked
    service.assert_unlocked("win")


def test_true_assertions_pass(achievements: CheckedManager, service: ServiceControl) -> None:
    achievements.set_user_achievement(WIN, 100)
    achievements.set_user_achievement(COLLECTOR, 40)
    for holder in (achievements, service):
        holder.assert_unlocked("win")
        holder.assert_unlocked(WIN)
        holder.assert_locked("collector")
        holder.assert_progress("collector", 40)
        holder.assert_progress("hidden_door", 0)
        assert holder.percent("collector") == 40
        assert holder.percents() == {WIN: 100, COLLECTOR: 40}


@pytest.mark.parametrize("whose", ["list", "service"])
def test_false_assertions_fail(whose: str, achievements: CheckedManager, service: ServiceControl) -> None:
    achievements.set_user_achievement(WIN, 100)
    achievements.set_user_achievement(COLLECTOR, 40)
    achievements.settle()
    holder = achievements if whose == "list" else service
    where = "in the player's list" if whose == "list" else "on the service"
    with pytest.raises(AssertionError) as unlocked:
        holder.assert_unlocked("collector")
    assert str(unlocked.value).splitlines()[:2] == [
        f"'Collector' (collector), id 1002, should be unlocked; {where} it is at 40 %",
        "  besides, 'Win the Game' (win) is unlocked",
    ]
    with pytest.raises(AssertionError, match=r"should be locked.* it is unlocked\n.*'Collector' .* is at 40 %"):
        holder.assert_locked("win")
    with pytest.raises(AssertionError, match=r"should be at 41 %; .* it is at 40 %"):
        holder.assert_progress("collector", 41)


def test_a_failure_names_possible_reasons(achievements: CheckedManager, service: ServiceControl) -> None:
    with pytest.raises(AssertionError, match="the game has not set it"):
        achievements.assert_unlocked("win")
    achievements.set_user_achievement(CHAMPION, 100)
    with pytest.raises(AssertionError) as refused:
        achievements.assert_unlocked("champion")
    assert "UNAUTHORIZED_FOR_ACHIEVEMENT" in str(refused.value)
    assert "only the game's server can grant it" in str(refused.value)
    assert "nothing else has been reached" in str(refused.value)
    service.go_offline()
    achievements.set_user_achievement(WIN, 100)
    achievements.settle()
    with pytest.raises(AssertionError, match=r"it is offline\n.*have not arrived: 1"):
        service.assert_unlocked("win")


def test_names_that_do_not_exist_are_refused(achievements: CheckedManager, service: ServiceControl) -> None:
    with pytest.raises(ValueError, match=r"no achievement with the key 'wim'; did you mean 'win'\?"):
        achievements.assert_unlocked("wim")
    with pytest.raises(ValueError, match="no achievement with the id 77"):
        service.grant(77)
    with pytest.raises(ValueError, match="percent must be an integer from 0 to 100, got 101"):
        service.assert_progress("win", 101)


def test_offline_the_list_continues_and_the_service_is_updated_later(
    achievements: CheckedManager, service: ServiceControl
) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.go_offline()
    game.set(WIN, 100)
    achievements.assert_unlocked("win")
    service.assert_locked("win")
    assert game.results == [Result.SERVICE_UNAVAILABLE]
    assert achievements.pending_count == 1
    service.come_back()
    service.assert_locked("win")
    achievements.advance(LONG_S)
    service.assert_unlocked("win")
    assert game.connection == [False, True]
    assert achievements.pending_count == 0


def test_an_offline_unlock_is_kept_when_the_game_ends(
    achievements: CheckedManager, service: ServiceControl, tmp_path: Path
) -> None:
    service.go_offline()
    achievements.set_user_achievement(WIN, 100)
    achievements.close()
    again = service.start_manager(tmp_path / "data")
    again.assert_unlocked("win")
    service.assert_locked("win")
    service.come_back()
    again.advance(LONG_S)
    service.assert_unlocked("win")


def test_another_device_of_the_player(achievements: CheckedManager, service: ServiceControl, tmp_path: Path) -> None:
    other = Recorder(service.start_manager(tmp_path / "other"))
    other.manager.run_callbacks()
    achievements.set_user_achievement(COLLECTOR, 30)
    achievements.run_callbacks()
    other.manager.run_callbacks()
    assert other.updates == [(COLLECTOR, 30)]


def test_a_grant_by_the_server_is_an_event(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    for percent in (50, 100):
        service.grant("champion", percent)
        achievements.run_callbacks()
    assert game.updates == [(CHAMPION, 50), (CHAMPION, 100)]
    service.reset("champion")
    achievements.assert_locked("champion")
    assert game.updates[2:] == [(CHAMPION, 0)]


def test_a_grant_while_the_game_is_offline_arrives_afterwards(
    achievements: CheckedManager, service: ServiceControl
) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.go_offline()
    service.grant("champion")
    achievements.advance(60)
    assert game.updates == []
    service.come_back()
    achievements.advance(LONG_S)
    assert game.updates == [(CHAMPION, 100)]


def test_a_secret_is_listed_once_it_is_unlocked(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    game.fetch()
    game.set(HIDDEN_DOOR, 40)
    achievements.settle()
    assert achievements.count_user_achievements() == 3
    achievements.assert_locked("hidden_door")
    service.assert_progress("hidden_door", 40)
    game.set(HIDDEN_DOOR, 100)
    achievements.settle()
    assert achievements.count_user_achievements() == 4


def test_a_refused_update_is_reverted(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.refuse(ErrorCode.UNKNOWN_ACHIEVEMENT)
    game.set(WIN, 100)
    achievements.assert_locked("win")
    assert game.updates == [(WIN, 100), (WIN, 0)]
    game.set(WIN, 100)
    achievements.assert_unlocked("win")
    assert game.results == [Result.NOT_FOUND, Result.OK]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Fault.NOT_AUTHORIZED, Result.UNAUTHORIZED_FOR_ACHIEVEMENT),
        (ErrorCode.INVALID_FORM_BODY, Result.INVALID_PAYLOAD),
        (Fault.UNAUTHORIZED, Result.INVALID_ACCESS_TOKEN),
        (Fault.UNAVAILABLE, Result.SERVICE_UNAVAILABLE),
        (Fault.INTERNAL_ERROR, Result.SERVICE_UNAVAILABLE),
        (Fault.HANG_UP, Result.SERVICE_UNAVAILABLE),
        (Fault.INVALID_JSON, Result.INTERNAL_ERROR),
        (Fault.REFUSE, Result.SERVICE_UNAVAILABLE),
    ],
)
def test_all_updates_fail_until_it_is_healed(
    fault: Fault | ErrorCode, result: Result, achievements: CheckedManager, service: ServiceControl
) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.refuse(fault, times=None)
    for achievement_id in (WIN, COLLECTOR):
        game.set(achievement_id, 50)
        achievements.settle()
    assert game.results == [result, result]
    service.assert_progress("win", 0)
    service.heal()
    achievements.set_token("the-players-token")
    game.set(WIN, 60)
    achievements.advance(LONG_S)
    service.assert_progress("win", 60)


def test_the_list_may_be_refused_too(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    service.refuse(Fault.FORBIDDEN, route="get_user_achievements")
    game.fetch()
    achievements.settle()
    assert game.results == [Result.INVALID_PERMISSIONS]


def test_an_update_whose_answer_was_lost_has_arrived(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.refuse(Fault.CUT_BODY, times=None)
    game.set(WIN, 100)
    achievements.settle()
    assert game.results == [Result.OK], "the event stream has confirmed it"
    service.assert_unlocked("win")
    assert achievements.pending_count == 0


def test_the_manager_waits_for_a_rate_limit(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.refuse(Fault.RATE_LIMITED)
    game.set(WIN, 100)
    achievements.settle()
    assert game.results == []
    achievements.advance(1.5)
    assert game.results == [Result.OK]


def test_a_delayed_answer_comes_when_it_is_due(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.delay(3)
    began = time.monotonic()
    game.set(WIN, 100)
    achievements.assert_unlocked("win")
    achievements.advance(2.9)
    service.assert_locked("win")
    assert game.results == []
    achievements.advance(0.1)
    assert game.results == [Result.OK]
    service.assert_unlocked("win")
    assert time.monotonic() - began < 2, "nobody has waited"


def test_a_set_during_a_request_is_sent_next(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.delay(3)
    game.set(WIN, 100)
    achievements.advance(1)
    game.set(COLLECTOR, 10)
    achievements.advance(2)
    service.assert_unlocked("win")
    service.assert_progress("collector", 0)
    achievements.advance(3)
    service.assert_progress("collector", 10)


@pytest.mark.parametrize("stall", [True, False])
def test_an_answer_after_the_time_out_counts_as_none(
    stall: bool, achievements: CheckedManager, service: ServiceControl
) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    if stall:
        service.refuse(Fault.STALL, times=None)
    else:
        service.delay(10)
    game.set(WIN, 100)
    achievements.advance(9.9)
    assert game.results == []
    achievements.advance(0.2)
    assert game.results == [Result.SERVICE_UNAVAILABLE]
    service.heal()
    achievements.advance(LONG_S)
    service.assert_unlocked("win")


def test_healing_delivers_the_pending_answer(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.refuse(Fault.STALL)
    game.set(WIN, 100)
    achievements.run_callbacks()
    assert game.results == []
    service.heal()
    achievements.run_callbacks()
    assert game.results == [Result.OK]


def test_going_offline_drops_the_pending_answer(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    achievements.run_callbacks()
    service.delay(5)
    game.set(WIN, 100)
    achievements.advance(1)
    service.go_offline()
    achievements.advance(5)
    assert game.results == [Result.SERVICE_UNAVAILABLE]
    service.assert_locked("win")


def test_a_game_can_end_during_a_request(achievements: CheckedManager, service: ServiceControl) -> None:
    game = Recorder(achievements)
    service.delay(5)
    game.set(WIN, 100)
    achievements.run_callbacks()
    achievements.close()
    assert game.results == [Result.TRANSACTION_ABORTED]


def test_flush_advances_the_clock(achievements: CheckedManager, service: ServiceControl) -> None:
    achievements.run_callbacks()
    service.delay(3)
    achievements.set_user_achievement(WIN, 100)
    assert not achievements.flush(1)
    assert achievements.flush(5)
    assert service.clock.now() == pytest.approx(3)
    with pytest.raises(ConfigurationError, match="timeout_s"):
        achievements.flush(-1)


def test_advance_moves_the_clock_by_its_argument(achievements: CheckedManager, service: ServiceControl) -> None:
    service.go_offline()
    achievements.set_user_achievement(WIN, 100)
    achievements.advance(1000.5)
    assert service.clock.now() == pytest.approx(1000.5)
    with pytest.raises(ValueError, match="-1"):
        achievements.advance(-1)
    achievements.close()
    achievements.advance(1_000_000)
    assert service.clock.now() == pytest.approx(1_001_000.5)


def test_a_callback_that_always_repeats_its_call_is_reported(achievements: CheckedManager) -> None:
    def again(result: Result) -> None:
        if result is not Result.TRANSACTION_ABORTED:
            achievements.set_user_achievement(WIN, 50, again)

    again(Result.OK)
    with pytest.raises(RuntimeError, match="does a callback repeat its call"):
        achievements.settle()


def test_run_callbacks_can_be_called_inside_a_callback(achievements: CheckedManager) -> None:
    received: list[Result] = []

    def callback(result: Result) -> None:
        achievements.run_callbacks()
        achievements.assert_unlocked("win")
        received.append(result)

    achievements.set_user_achievement(WIN, 100, callback)
    achievements.settle()
    assert received == [Result.OK]


def test_definitions_and_icons_are_those_of_the_catalogue(achievements: CheckedManager) -> None:
    achievements.run_callbacks()
    assert achievements.get_achievement(CHAMPION).secure
    assert achievements.get_achievement(HIDDEN_DOOR).secret
    achievements.get_icon(WIN)
    achievements.run_callbacks()
    icon = achievements.get_icon(WIN)
    assert icon is not None
    assert Path(icon).read_bytes() == PNG


def test_a_missing_icon_is_reported(catalogue: Path) -> None:
    (catalogue.parent / "win.png").unlink()
    with pytest.raises(CatalogueError, match=r"win\.png cannot be read"):
        ServiceControl(read_catalogue(catalogue))


def test_unknown_ids_are_recorded_with_their_place(achievements: CheckedManager) -> None:
    achievements.set_user_achievement(1005, 100)
    achievements.set_user_achievement("win", 100)  # type: ignore[arg-type]
    lines = achievements.describe_unknown_ids().splitlines()
    assert [one.achievement_id for one in achievements.unknown_ids] == [1005, "win"]
    assert "test_service_control.py:" in lines[0]
    assert lines[0].endswith("achievements.toml has no achievement with the id 1005")
    with pytest.raises(AssertionError, match="no achievement with the id 1005"):
        achievements.assert_unlocked("win")


def test_a_callback_that_is_not_callable_is_refused_as_usual(achievements: CheckedManager) -> None:
    with pytest.raises(TypeError, match="expected a function"):
        achievements.set_user_achievement(WIN, 100, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("route", ["get_icon", "user_achievement_events"])
def test_impossible_refusals_are_refused(route: str, service: ServiceControl) -> None:
    with pytest.raises(ValueError, match=route):
        service.refuse(Fault.FORBIDDEN, route=route)
    with pytest.raises(ValueError, match="FaultServer"):
        service.refuse(Fault.DROP_STREAM)
    with pytest.raises(ValueError, match="-1"):
        service.delay(-1)
