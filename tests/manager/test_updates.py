"""How a set develops if there is a service: shown at once, then confirmed or taken back."""

from __future__ import annotations

from collections.abc import Callable

from discord_achievements import Result, UserAchievement
from tests.support.managers import OK, SECRET, SECURE, UNKNOWN, WALK, WIN, write_catalogue
from tests.support.service_games import ANN, ServiceAndGames, bring_back, error, eventually


def test_a_set_is_shown_at_once_and_confirmed_later(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.manager.run_callbacks()
    assert game.percent(WALK) == 50
    assert game.updates == [(WALK, 50)]
    assert not game.manager.get_user_achievement(WALK).synced
    assert game.manager.pending_count == 1
    assert game.results == []
    line.release()
    game.until(lambda: game.results)
    assert game.results == [OK]
    assert world.percents() == {WALK: 50}
    assert game.manager.get_user_achievement(WALK) == UserAchievement(ANN, WALK, 50, "", synced=True)
    assert game.updates == [(WALK, 50)]
    assert game.manager.pending_count == 0


def test_a_refused_value_is_taken_back(world: ServiceAndGames) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    line.answers.append(error(403, 20012))
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.manager.run_callbacks()
    assert game.percent(WALK) == 50
    line.release()
    game.until(lambda: game.results)
    assert game.results == [Result.UNAUTHORIZED_FOR_ACHIEVEMENT]
    assert game.percent(WALK) == 30
    assert game.updates == [(WALK, 50), (WALK, 30)]
    assert game.manager.pending_count == 0
    assert game.set(WALK, 40) is OK  # later updates are sent as usual
    assert world.percents() == {WALK: 40}


def test_an_unlock_that_is_refused_is_taken_back(world: ServiceAndGames) -> None:
    game = world.online()
    world.lines[0].answers.append(error(403, 20012))
    assert game.set(WIN, 100) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    assert game.manager.get_user_achievement(WIN) == UserAchievement(ANN, WIN, 0, "", synced=True)
    assert game.set(SECRET, 100) is OK
    world.lines[0].answers.append(error(403, 20012))
    assert game.set(WIN, 100) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    assert game.updates == [(WIN, 100), (WIN, 0), (SECRET, 100), (WIN, 100), (WIN, 0)]


def test_a_secret_that_is_refused_hides_again(world: ServiceAndGames) -> None:
    catalogue = write_catalogue(world.folder)
    game = world.start(down=True, achievements=catalogue)
    game.fetch()
    game.set(SECRET, 100)
    assert SECRET in game.percents
    line = world.lines[0]
    line.answers.append(error(403, 20012))
    bring_back(world, line)
    game.until(lambda: game.manager.pending_count == 0 and len(game.events) == 2)
    assert game.updates == [(SECRET, 100), (SECRET, 0)]
    assert SECRET not in game.percents


def test_an_unknown_id_is_shown_once_the_service_has_agreed(world: ServiceAndGames) -> None:
    game = world.online()
    world.service.add_achievement(UNKNOWN, "New", "Brand new.")
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(UNKNOWN, 40, game.results.append)
    game.manager.run_callbacks()
    assert game.manager.pending_count == 1
    assert game.events == []
    assert UNKNOWN not in game.percents
    line.release()
    game.until(lambda: game.results)
    assert game.results == [OK]
    game.until(lambda: game.events)
    assert game.updates == [(UNKNOWN, 40)]
    assert game.percents == {UNKNOWN: 40, WALK: 0, WIN: 0, SECURE: 0}
    assert game.manager.get_achievement(UNKNOWN).name == "New"


def test_a_secret_that_was_never_listed_is_listed_at_100(world: ServiceAndGames) -> None:
    game = world.online()
    assert game.set(SECRET, 50) is OK
    assert game.events == []
    assert SECRET not in game.percents
    assert game.set(SECRET, 100) is OK
    game.until(lambda: game.events)
    assert game.updates == [(SECRET, 100)]
    assert game.percents == {WALK: 0, WIN: 0, SECRET: 100, SECURE: 0}


def test_sets_that_wait_collapse_to_the_highest_value(world: ServiceAndGames) -> None:
    game = world.online()
    line, fired = world.lines[0], list[int]()
    line.hold("PUT")
    percents = [10, 20, 70, 40, 60, 5, 70]

    def callback(number: int) -> Callable[[Result], None]:
        def fires(result: Result) -> None:
            assert result is OK
            fired.append(number)

        return fires

    game.manager.set_user_achievement(WALK, percents[0], callback(0))
    eventually(lambda: line.put)  # the first one is on its way
    for number, percent in enumerate(percents[1:], 1):
        game.manager.set_user_achievement(WALK, percent, callback(number))
        game.manager.run_callbacks()
    line.release()
    game.until(lambda: len(fired) == len(percents))
    assert fired == list(range(len(percents)))
    assert [body["percent_complete"] for _, body in line.put] == [10, 70]
    assert game.updates == [(WALK, 10), (WALK, 20), (WALK, 70)]
    assert world.percents() == {WALK: 70}


def test_sets_of_several_achievements_all_arrive(world: ServiceAndGames) -> None:
    ids = world.service.fill(100)
    game = world.online()
    for achievement_id in ids:
        game.manager.set_user_achievement(achievement_id, 70, game.results.append)
    game.until(lambda: len(game.results) == 100)
    assert set(game.results) == {OK}
    assert world.percents() == dict.fromkeys(ids, 70)
