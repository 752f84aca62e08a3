"""A game without a service, and one that gets a service later."""

from __future__ import annotations

import pytest

from discord_achievements import AchievementManager, ConfigurationError
from tests.support.managers import APPLICATION_ID, SECURE, WALK, WIN, GameLoop, without_a_service, write_catalogue
from tests.support.service_games import ANN, BOB, ServiceAndGames


@without_a_service
def test_everything_is_synced_at_once_without_a_service(game: GameLoop) -> None:
    manager = game.manager
    assert (manager.pending_count, manager.is_online, manager.storage_error) == (0, None, None)
    manager.set_user_achievement(WALK, 50)
    assert (manager.pending_count, manager.is_online) == (0, None)
    game.fetch()
    assert manager.flush() is True
    assert (manager.pending_count, manager.is_online) == (0, None)
    assert game.connection == []
    assert not manager.get_user_achievement(WALK).synced


@without_a_service
def test_a_token_is_not_used(game: GameLoop) -> None:
    with pytest.raises(ConfigurationError, match="local mode"):
        game.manager.set_token("hunter2")


def test_progress_of_local_mode_goes_to_the_first_player(world: ServiceAndGames) -> None:
    catalogue = write_catalogue(world.folder)
    with AchievementManager(
        APPLICATION_ID, achievements=catalogue, data_dir=world.folder / "data", clock=world.clock
    ) as local:
        before = GameLoop(local)
        before.set(WALK, 40)
        before.set(WIN, 100)
    world.clock.advance(7200)

    game = world.online(achievements=catalogue)
    game.until(lambda: world.percents() == {WALK: 40, WIN: 100})
    game.until(lambda: game.manager.pending_count == 0)
    assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
    unlocked_at = game.manager.get_user_achievement(WIN).unlocked_at
    assert unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    game.manager.close()

    second = world.online("bob-1", achievements=catalogue)
    assert second.percents == {WALK: 0, WIN: 0, SECURE: 0}
    assert world.percents(BOB) == {}
    second.manager.close()

    world.service.reset(ANN, WALK)
    again = world.online(achievements=catalogue)  # it is delivered once, so it does not undo a reset
    assert again.percents == {WALK: 0, WIN: 100, SECURE: 0}
    assert world.percents()[WALK] == 0
