"""Two players, or two processes, on one machine: their progress stays separate."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

from discord_achievements import Result
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import APPLICATION_ID, OK, SECURE, WALK, WIN, Start, run_python, write_catalogue
from tests.support.service_games import (
    ACCEPTED,
    ANN,
    BASE_URL,
    BOB,
    JSON,
    LONG_S,
    UNAVAILABLE,
    ServiceAndGames,
    Tokens,
    bring_back,
    error,
    listing,
    scripted,
    superset,
    wait_for_stream,
)


def test_two_managers_on_one_folder_lose_nothing(start: Start) -> None:
    one, two = start(), start()
    one.fetch()
    two.fetch()
    assert one.set(WALK, 40) is OK
    assert two.set(WIN, 100) is OK
    assert two.set(WALK, 30) is OK
    for game in (one, two):
        assert game.fetch() is OK
        assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
        assert game.manager.pending_count == 0
        game.manager.close()
    three = start()
    three.fetch()
    assert three.percents == {WALK: 40, WIN: 100, SECURE: 0}


def test_two_players_on_one_machine_keep_their_own_progress(world: ServiceAndGames) -> None:
    world.online().manager.close()
    ann = world.start(down=True)
    assert ann.set(WALK, 50) is UNAVAILABLE
    ann.manager.close()

    bob = world.start("bob-1", down=True)  # a token that has never been online
    assert bob.manager.pending_count == 0
    assert bob.set(WIN, 100) is UNAVAILABLE
    bob.fetch()
    assert bob.percents == {WALK: 0, WIN: 100, SECURE: 0}
    bob.manager.close()

    bob = world.online("bob-1")
    bob.until(lambda: bob.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {WIN: 100})
    bob.manager.close()

    ann = world.online()
    ann.until(lambda: ann.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({WALK: 50}, {WIN: 100})
    assert ann.percents == {WALK: 50, WIN: 0, SECURE: 0}


def test_another_player_takes_over_during_play(world: ServiceAndGames) -> None:
    ann = world.online()
    line = world.lines[0]
    line.transport.go_down()
    assert ann.set(WALK, 50) is UNAVAILABLE
    ann.manager.set_token("bob-1")
    ann.until(lambda: ann.percents == {WALK: 0, WIN: 0, SECURE: 0})
    assert ann.manager.pending_count == 0
    assert ann.set(WIN, 20) is UNAVAILABLE
    bring_back(world, line)
    ann.until(lambda: ann.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {WIN: 20})
    ann.until(lambda: ann.manager.get_user_achievement(WIN).user_id == BOB)
    ann.manager.set_token("ann-1")
    ann.until(lambda: world.percents(ANN) == {WALK: 50})
    ann.until(lambda: ann.percents == {WALK: 50, WIN: 0, SECURE: 0})


def test_a_set_right_after_a_change_of_player_belongs_to_the_new_one(world: ServiceAndGames) -> None:
    game = world.online()
    game.set(WALK, 30)
    game.manager.set_token("bob-1")
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.until(lambda: len(game.results) == 2)
    game.manager.flush()
    assert (world.percents(ANN), world.percents(BOB)) == ({WALK: 30}, {WALK: 50})
    game.until(lambda: game.percents == {WALK: 50, WIN: 0, SECURE: 0})
    game.until(lambda: game.manager.get_user_achievement(WALK).user_id == BOB)


def test_a_set_right_after_a_change_of_player_is_shown_offline_too(world: ServiceAndGames) -> None:
    game = world.online()
    game.set(WALK, 50)
    world.lines[0].transport.go_down()
    game.manager.set_token("bob-1")
    game.manager.set_user_achievement(WALK, 20)  # less than Ann's, which the list still shows
    game.until(lambda: game.updates == [(WALK, 50), (WALK, 20)])
    assert game.percents == {WALK: 20, WIN: 0, SECURE: 0}
    assert game.manager.pending_count == 1


SIGN_IN_AND_DIE = """
    import os, sys
    from discord_achievements import AchievementManager
    from discord_achievements.testing import ScriptedTransport, run_until

    application_id, walk, base_url, catalogue, data_dir = sys.argv[1:]
    manager = AchievementManager(
        int(application_id), achievements=catalogue, base_url=base_url, token="ann-1", data_dir=data_dir,
        transport=ScriptedTransport({}),
    )
    results = []
    manager.set_user_achievement(int(walk), 50, results.append)
    run_until(manager, lambda: results)
    manager.set_token("bob-1")
    manager.set_user_achievement(int(walk), 20)  # less than Ann's, which the list still shows
    os._exit(0)
"""


def test_a_set_right_after_a_change_of_player_survives_a_crash(world: ServiceAndGames) -> None:
    catalogue = write_catalogue(world.folder)
    ended = run_python(SIGN_IN_AND_DIE, APPLICATION_ID, WALK, BASE_URL, catalogue, world.folder / "data")
    assert ended.returncode == 0, ended.stderr
    bob = world.online("bob-1")
    bob.until(lambda: world.percents(BOB) == {WALK: 20})
    bob.manager.close()
    ann = world.online("ann-1")
    ann.until(lambda: world.percents(ANN) == {WALK: 50})


def test_a_token_object_may_name_its_player(world: ServiceAndGames) -> None:
    game = world.start(Tokens("ann-1", user_id=ANN), down=True, achievements=write_catalogue(world.folder))
    game.set(WALK, 50)
    game.fetch()
    assert game.manager.get_user_achievement(WALK).user_id == ANN
    game.manager.close()
    world.service.add_player("ann-2", ANN)
    again = world.online(Tokens("ann-2", user_id=ANN))
    again.until(lambda: again.manager.pending_count == 0)
    assert world.percents() == {WALK: 50}


def refusing(token: str, refused: Response, method: str = "") -> Callable[[Request], Response | None]:
    """Return an intercept that refuses requests with `token`, or only those by `method`."""

    def intercept(request: Request) -> Response | None:
        is_refused = request.headers["Authorization"].endswith(token) and request.method.startswith(method)
        return refused if is_refused else None

    return intercept


def test_pending_updates_are_not_sent_with_a_renewed_token_of_another_player(world: ServiceAndGames) -> None:
    game = world.online(Tokens("ann-1", "bob-1"))
    world.service.revoke("ann-1")
    assert game.set(WALK, 50) is Result.NOT_AUTHENTICATED
    game.until(lambda: game.percents == {WALK: 0, WIN: 0, SECURE: 0})
    game.until(lambda: game.manager.pending_count == 0)
    assert game.set(WIN, 20) is OK
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {WIN: 20})
    bobs = [one for one in world.lines[0].of("PUT") if one.headers["Authorization"] == "Bearer bob-1"]
    assert [one.url.rpartition("/")[2] for one in bobs] == [str(WIN)]
    world.service.grant(BOB, SECURE, 100)  # Bob's changes elsewhere arrive too
    game.until(lambda: game.percents == {WALK: 0, WIN: 20, SECURE: 100})
    world.service.add_player("ann-2", ANN)
    game.manager.set_token("ann-2")
    game.until(lambda: world.percents(ANN) == {WALK: 50})
    assert world.percents(BOB) == {WIN: 20, SECURE: 100}


def test_a_sign_in_that_failed_may_succeed_with_another_player(world: ServiceAndGames) -> None:
    game = world.online(Tokens("ann-1", OSError("no sign-in"), "bob-1"))
    wait_for_stream(game, world.lines[0])  # so that the update is the next request
    world.service.revoke("ann-1")
    assert game.set(WALK, 50) is Result.OAUTH2_ERROR
    world.clock.advance(LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {})


def test_a_renewed_token_belongs_to_no_player_until_the_service_answers(world: ServiceAndGames) -> None:
    line = world.line()
    game = world.online(Tokens("ann-1", "bob-1"), line=line)
    world.service.revoke("ann-1")
    line.transport.intercept = refusing("bob-1", error(503, None))
    assert game.set(WALK, 50) is UNAVAILABLE
    assert game.manager.pending_count == 1
    game.manager.close()  # before the player of the new token is known
    bob = world.online("bob-1")
    assert bob.manager.pending_count == 0
    assert bob.percents == {WALK: 0, WIN: 0, SECURE: 0}
    bob.manager.close()
    world.service.add_player("ann-1", ANN)
    ann = world.online("ann-1")
    ann.until(lambda: ann.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({WALK: 50}, {})


def test_progress_made_before_a_renewal_identifies_the_player_is_kept(world: ServiceAndGames) -> None:
    bob = world.start("bob-1", down=True, achievements=write_catalogue(world.folder))
    assert bob.set(WIN, 30) is UNAVAILABLE
    bob.manager.close()
    game = world.online(Tokens("ann-1", "bob-1"))
    world.service.revoke("ann-1")
    assert game.set(WALK, 50) is Result.NOT_AUTHENTICATED
    game.until(lambda: world.percents(BOB) == {WIN: 30})
    assert world.percents(ANN) == {}


def test_nothing_is_sent_with_a_renewed_token_until_a_list_identifies_its_player(world: ServiceAndGames) -> None:
    line = world.line()
    game = world.online(Tokens("ann-1", "ann-2"), line=line)
    world.service.revoke("ann-1")
    world.service.add_player("ann-2", ANN)
    line.transport.intercept = refusing("ann-2", error(403, 50013), "GET")
    assert game.set(WALK, 50) is Result.INVALID_PERMISSIONS
    assert game.set(WIN, 50) is Result.INVALID_PERMISSIONS
    assert (game.manager.pending_count, world.percents()) == (2, {})
    line.transport.intercept = None
    assert game.fetch() is OK
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 50, WIN: 50}


def test_a_service_that_names_no_player_gets_pending_updates_with_a_renewed_token(world: ServiceAndGames) -> None:
    entry = {name: value for name, value in superset(WALK, 35).items() if name != "user_id"}
    transport = ScriptedTransport(
        {"get_user_achievements": listing(entry), "update_user_achievement": [error(401, 0), ACCEPTED]}
    )
    game = scripted(world, transport, token=Tokens("first", "second"))
    game.fetch()
    assert game.set(WALK, 50) is OK
    assert [one.method for one in transport.requests if not one.url.endswith("/events")] == ["GET", "PUT", "GET", "PUT"]


def test_a_token_object_that_names_the_wrong_player_delivers_nothing_of_theirs(world: ServiceAndGames) -> None:
    world.online("bob-1").manager.close()  # from now on its player is known
    line = world.line()
    tokens = Tokens(OSError("no sign-in"), "bob-1", user_id=ANN)
    game = world.start(tokens, line=line, achievements=write_catalogue(world.folder))
    assert game.set(WALK, 50) is Result.OAUTH2_ERROR
    world.clock.advance(LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    assert game.fetch() is OK
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {})


def test_an_update_that_one_process_could_not_deliver_is_delivered_once(world: ServiceAndGames) -> None:
    one = world.start(down=True)
    one.set(WALK, 40)
    two = world.online()
    one.manager.close()
    two.manager.close()
    three = world.online()
    three.until(lambda: three.manager.pending_count == 0)
    assert world.percents() == {WALK: 40}
    updates = [update for line in world.lines for update in line.put]
    assert len(updates) == 1


def test_a_service_that_names_another_player_each_time_is_not_believed(world: ServiceAndGames) -> None:
    users = count(ANN)

    def another(request: Request) -> Response:
        return listing(superset(WALK, 35, user_id=str(next(users))))

    def update(request: Request) -> Response:
        return Response(200, JSON, json.dumps(superset(WALK, 50, user_id=str(next(users)), revision=2)).encode())

    transport = ScriptedTransport({"get_user_achievements": another, "update_user_achievement": update})
    game = scripted(world, transport)
    assert game.fetch() is OK
    assert game.set(WALK, 50) is Result.INTERNAL_ERROR
    assert game.fetch() is Result.INTERNAL_ERROR
    assert game.manager.pending_count == 1
    assert game.updates == [(WALK, 50)]
    assert [one.user_id for one in game.manager.user_achievements()] == [ANN]
    assert len([one for one in transport.requests if not one.url.endswith("/events")]) < 10


def test_after_a_restore_the_token_may_be_another_players(world: ServiceAndGames) -> None:
    def listed(user_id: int, history: str) -> Response:
        whole = listing(superset(WALK, 35, user_id=str(user_id)))
        return Response(200, JSON | {"x-achievements-history": history}, whole.body)

    transport = ScriptedTransport({"get_user_achievements": listed(ANN, "1" * 32)})
    game = scripted(world, transport)
    assert game.fetch() is OK
    transport.answer("get_user_achievements", listed(BOB, "2" * 32))
    assert game.fetch() is OK
    game.until(lambda: [one.user_id for one in game.manager.user_achievements()] == [BOB])


def test_two_processes_of_a_game_both_show_what_the_stream_brings(world: ServiceAndGames) -> None:
    games = [world.start(), world.start()]
    for game, line in zip(games, world.lines, strict=True):
        assert game.fetch() is OK
        wait_for_stream(game, line)
    world.service.grant(ANN, WALK, 60)
    for game in games:
        game.until(lambda game=game: game.percent(WALK) == 60)  # type: ignore[misc]


def test_a_list_that_another_process_has_fetched_first_counts_as_fetched(world: ServiceAndGames) -> None:
    late = world.start()
    world.lines[0].refusal = Response(503)
    assert late.fetch() is UNAVAILABLE
    world.online()
    world.lines[0].refusal = None
    assert late.fetch() is OK
    assert all(one.synced for one in late.manager.user_achievements())
