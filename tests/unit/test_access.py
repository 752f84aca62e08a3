"""Who may do what, as a table: routes, kinds of tokens, applications, players, secret, secure.

The expectations are the contract's error paragraph and its column "who" as data.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from discord_achievements.domain import access, routes
from discord_achievements.domain.access import Caller, Target, TokenKind
from discord_achievements.domain.errors import ApiError
from discord_achievements.domain.models import Achievement
from discord_achievements.domain.progress import Progress
from discord_achievements.domain.routes import Route

OWN, OTHER = 1, 2
ME, SOMEBODY = 50, 51
PLAIN, SECRET, SECURE, BOTH, UNKNOWN = 10, 11, 12, 13, 99
ACHIEVEMENTS = {
    PLAIN: Achievement(OWN, PLAIN, "N", "D"),
    SECRET: Achievement(OWN, SECRET, "N", "D", secret=True),
    SECURE: Achievement(OWN, SECURE, "N", "D", secure=True),
    BOTH: Achievement(OWN, BOTH, "N", "D", secret=True, secure=True),
}
BOT = Caller(TokenKind.BOT, OWN)
PLAYER = Caller(TokenKind.BEARER, OWN, ME)
CLIENT = Caller(TokenKind.CLIENT, OWN)
CALLERS = {"nobody": None, "bot": BOT, "player": PLAYER, "client": CLIENT}

OK = None
UNAUTHORIZED = (401, 0)
BOTS_NOT_ALLOWED = (403, 20001)
NOT_AUTHORIZED = (403, 20012)
APPLICATION_MISMATCH = (403, 50025)
MISSING_ACCESS = (403, 50001)
NO_SNOWFLAKE = (400, 50035)
UNKNOWN_APPLICATION = (404, 10002)
UNKNOWN_ACHIEVEMENT = (404, 990001)
Refusal = tuple[int, int | None]

FOR_BOTS = [
    routes.GET_ACHIEVEMENTS,
    routes.GET_ACHIEVEMENT,
    routes.CREATE_ACHIEVEMENT,
    routes.UPDATE_ACHIEVEMENT,
    routes.DELETE_ACHIEVEMENT,
    routes.RESET_USER_ACHIEVEMENT,
    routes.GET_PLAYER_ACHIEVEMENTS,
    routes.GET_APPLICATION,
    routes.GET_GATEWAY,
]
FOR_PLAYERS = [routes.GET_USER_ACHIEVEMENTS, routes.USER_ACHIEVEMENT_EVENTS]
FOR_BOTH = [routes.UPDATE_USER_ACHIEVEMENT, routes.GET_CURRENT_USER, routes.GET_AUTHORIZATION]
WHO = {
    (who, route): refusal
    for who, by_routes in {
        "nobody": (UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED),
        "bot": (OK, BOTS_NOT_ALLOWED, OK),
        "player": (UNAUTHORIZED, OK, OK),
        "client": (UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED),
    }.items()
    for some, refusal in zip((FOR_BOTS, FOR_PLAYERS, FOR_BOTH), by_routes, strict=True)
    for route in some
}


class Request(NamedTuple):
    """What a caller requests; the application is the caller's own, another one, or one that does not exist."""

    route: Route
    who: str
    application: str = "own"
    user: str = str(ME)
    achievement: str = str(PLAIN)


def refusal(request: Request) -> Refusal | None:
    """Ask as the service and the fake do, in their order; return status and code of the refusal."""
    parameters = {"user_id": request.user, "achievement_id": request.achievement}
    application_id = {"own": OWN, "other": OTHER, "unknown": 3}[request.application]
    try:
        caller = access.check_route(CALLERS[request.who], request.route)
        if "application_id" in request.route.template:
            access.check_application(caller, application_id, exists=request.application != "unknown")
        if request.route is routes.UPDATE_USER_ACHIEVEMENT:
            access.update_target(caller, ACHIEVEMENTS, parameters)
        elif "achievement_id" in request.route.template:
            access.known_achievement(ACHIEVEMENTS, parameters)
        elif request.route in FOR_PLAYERS:
            assert access.player_of(caller) == ME
    except ApiError as error:
        return error.status, error.code
    return None


def test_the_table_has_every_route() -> None:
    assert set(WHO) == set(itertools.product(CALLERS, routes.ROUTES))


@pytest.mark.parametrize("application", ["own", "other", "unknown"])
@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)
def test_kinds_of_tokens_and_applications(route: Route, who: str, application: str) -> None:
    in_application = {
        "own": OK,
        "other": NOT_AUTHORIZED if who == "bot" else APPLICATION_MISMATCH,
        "unknown": UNKNOWN_APPLICATION,
    }
    expected = WHO[who, route] or (in_application[application] if "application_id" in route.template else OK)
    assert refusal(Request(route, who, application)) == expected


UPDATES: dict[tuple[str, str], dict[int | str, Refusal | None]] = {
    ("bot", str(ME)): {PLAIN: OK, SECRET: OK, SECURE: OK, BOTH: OK, UNKNOWN: UNKNOWN_ACHIEVEMENT, "x": NO_SNOWFLAKE},
    ("bot", str(SOMEBODY)): {PLAIN: OK, SECRET: OK, SECURE: OK, BOTH: OK, UNKNOWN: UNKNOWN_ACHIEVEMENT},
    ("bot", "@me"): dict.fromkeys([*ACHIEVEMENTS, UNKNOWN, "x"], NO_SNOWFLAKE),
    **{
        ("player", user): {
            PLAIN: OK,
            SECRET: OK,
            SECURE: NOT_AUTHORIZED,
            BOTH: NOT_AUTHORIZED,
            UNKNOWN: UNKNOWN_ACHIEVEMENT,
            "x": NO_SNOWFLAKE,
        }
        for user in ("@me", str(ME))
    },
    ("player", str(SOMEBODY)): dict.fromkeys([*ACHIEVEMENTS, UNKNOWN, "x"], MISSING_ACCESS),
    ("player", "x"): dict.fromkeys([*ACHIEVEMENTS, UNKNOWN, "x"], NO_SNOWFLAKE),
}


@pytest.mark.parametrize(
    ("who", "user", "achievement", "expected"),
    [(who, user, str(named), expected) for (who, user), row in UPDATES.items() for named, expected in row.items()],
)
def test_updates(who: str, user: str, achievement: str, expected: Refusal | None) -> None:
    request = Request(routes.UPDATE_USER_ACHIEVEMENT, who, user=user, achievement=achievement)
    assert refusal(request) == expected


@pytest.mark.parametrize("route", [*FOR_BOTS, *FOR_BOTH], ids=lambda route: route.name)
def test_a_bot_may_use_every_achievement_of_its_application(route: Route) -> None:
    assert {refusal(Request(route, "bot", achievement=str(known))) for known in ACHIEVEMENTS} == {OK}


def test_the_player_whose_progress_an_update_changes() -> None:
    def target(caller: Caller, user: str) -> Target:
        return access.update_target(caller, ACHIEVEMENTS, {"user_id": user, "achievement_id": str(PLAIN)})

    assert target(PLAYER, "@me") == (ME, ACHIEVEMENTS[PLAIN], True)
    assert target(PLAYER, str(ME)) == (ME, ACHIEVEMENTS[PLAIN], False)
    assert target(BOT, str(SOMEBODY)) == (SOMEBODY, ACHIEVEMENTS[PLAIN], False)


@pytest.mark.parametrize("caller", [BOT, CLIENT])
def test_only_a_players_token_acts_for_a_player(caller: Caller) -> None:
    with pytest.raises(ApiError) as caught:
        access.player_of(caller)
    assert caught.value.status == 401


PERCENTS = (0, 1, 99, 100)


def at(percent: int) -> Progress:
    return Progress(percent, 7 if percent == 100 else None)


@pytest.mark.parametrize("percent", PERCENTS)
@pytest.mark.parametrize("achievement_id", ACHIEVEMENTS)
def test_a_secret_is_visible_once_unlocked(achievement_id: int, percent: int) -> None:
    achievement = ACHIEVEMENTS[achievement_id]
    visible = achievement_id in (PLAIN, SECURE) or percent == 100
    assert access.is_visible(achievement, at(percent)) is visible
    assert Target(ME, achievement, is_me=True).is_shown(at(percent)) is visible
    assert Target(ME, achievement, is_me=False).is_shown(at(percent)) is False, "Discord answers {}"


UPDATE, RESYNC = "USER_ACHIEVEMENT_UPDATE", "RESYNC"


@pytest.mark.parametrize(("before", "after"), list(itertools.product(PERCENTS, PERCENTS)))
def test_the_event_that_a_player_receives_for_a_change(before: int, after: int) -> None:
    for achievement_id in (PLAIN, SECURE):
        event = access.event_of(ACHIEVEMENTS[achievement_id], at(before), at(after))
        assert event == (None if before == after else UPDATE)
    secret_event = UPDATE if after == 100 else RESYNC if before == 100 else None
    for achievement_id in (SECRET, BOTH):
        event = access.event_of(ACHIEVEMENTS[achievement_id], at(before), at(after))
        assert event == (None if before == after else secret_event)


def test_a_changed_unlock_time_is_not_an_event() -> None:
    assert access.event_of(ACHIEVEMENTS[PLAIN], Progress(100, 7), Progress(100, 5)) is None


@pytest.mark.parametrize(
    ("achievement_id", "percent", "expected"),
    [
        *((known, percent, UPDATE) for known in (PLAIN, SECURE) for percent in PERCENTS),
        *((known, 100, UPDATE) for known in (SECRET, BOTH)),
        *((known, percent, None) for known in (SECRET, BOTH) for percent in (1, 99)),
        *((known, 0, RESYNC) for known in (SECRET, BOTH)),
    ],
)
def test_what_makes_up_for_a_missed_change(achievement_id: int, percent: int, expected: str | None) -> None:
    assert access.missed_event(ACHIEVEMENTS[achievement_id], at(percent)) == expected
