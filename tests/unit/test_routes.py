from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.errors import ApiError
from discord_achievements.domain.routes import (
    ROUTES,
    Auth,
    Limit,
    Match,
    Route,
    accepted_headers,
    asset_root,
    icon_path,
    match,
)

APP, ACHIEVEMENT, USER = "461618159171141643", "580159119969878046", "53908232506183680"
DEFINITIONS = f"/applications/{APP}/achievements"
DEFINITION = f"{DEFINITIONS}/{ACHIEVEMENT}"
MINE = f"/users/@me/applications/{APP}/achievements"
PLAYERS = f"/users/{USER}/applications/{APP}/achievements/{ACHIEVEMENT}"
THEIRS = f"/users/{USER}/applications/{APP}/achievements"
OWN = f"{MINE}/{ACHIEVEMENT}"

FIVE = Limit(5, 5)
TWO = Limit(2, 5)

DOCUMENTED = [
    ("GET", DEFINITIONS, Auth.BOT, 200, FIVE),
    ("GET", DEFINITION, Auth.BOT, 200, FIVE),
    ("POST", DEFINITIONS, Auth.BOT, 201, FIVE),
    ("PATCH", DEFINITION, Auth.BOT, 200, FIVE),
    ("DELETE", DEFINITION, Auth.BOT, 204, FIVE),
    ("PUT", PLAYERS, Auth.EITHER, 200, FIVE),
    ("PUT", OWN, Auth.EITHER, 200, FIVE),
    ("GET", MINE, Auth.BEARER, 200, TWO),
    ("GET", f"{MINE}/events", Auth.BEARER, 200, None),
    ("DELETE", PLAYERS, Auth.BOT, 204, FIVE),
    ("GET", THEIRS, Auth.BOT, 200, FIVE),
    ("GET", "/users/@me", Auth.EITHER, 200, FIVE),
    ("GET", "/oauth2/@me", Auth.EITHER, 200, FIVE),
    ("GET", "/oauth2/applications/@me", Auth.BOT, 200, FIVE),
    ("GET", "/gateway/bot", Auth.BOT, 200, FIVE),
]
PREFIXES = [("/api", 6), ("/api/v6", 6), ("/api/v7", 7), ("/api/v8", 8), ("/api/v9", 9), ("/api/v10", 10)]


def refusal(method: str, path: str) -> tuple[int, int | None]:
    with pytest.raises(ApiError) as caught:
        match(method, path)
    return caught.value.status, caught.value.code


@pytest.mark.parametrize(("method", "path", "auth", "status", "limit"), DOCUMENTED)
def test_documented_route(method: str, path: str, auth: Auth, status: int, limit: Limit | None) -> None:
    route = match(method, f"/api/v10{path}").route
    assert (route.auth, route.status, route.limit) == (auth, status, limit)


def test_there_is_no_other_route() -> None:
    assert {match(method, f"/api{path}").route for method, path, *_ in DOCUMENTED} == set(ROUTES)


@pytest.mark.parametrize(("prefix", "version"), PREFIXES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_version_and_trailing_slash(prefix: str, version: int, slash: str) -> None:
    found = match("GET", f"{prefix}{DEFINITION}{slash}")
    assert found.version == version
    assert found.parameters == {"application_id": APP, "achievement_id": ACHIEVEMENT}


def test_parameters_of_a_players_path() -> None:
    parameters = {"user_id": USER, "application_id": APP, "achievement_id": ACHIEVEMENT}
    assert match("PUT", f"/api{PLAYERS}").parameters == parameters
    assert match("PUT", f"/api{OWN}").parameters == {**parameters, "user_id": "@me"}


@pytest.mark.parametrize("version", ["v0", "v3", "v4", "v5", "v11", "v99", "v1000000", "v" + "9" * 30])
def test_other_versions(version: str) -> None:
    assert refusal("GET", f"/api/{version}{DEFINITIONS}") == (400, 50041)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/api",
        "/api/v10",
        "/api/v10/",
        "/apiv10" + DEFINITIONS,
        "/v10" + DEFINITIONS,
        DEFINITIONS,
        "/api/v10/users/53908232506183680",
        "/api/v10/users",
        "/api/v10/gateway",
        f"/api/v10/applications//achievements/{ACHIEVEMENT}",
        f"/api/v10{DEFINITIONS}//",
        f"/api/v10{DEFINITION}/x",
        f"/api/v10{OWN}/events",
        f"/api/v10/x{DEFINITIONS}",
        f"/api/v10{DEFINITIONS}".upper(),
    ],
)
def test_unknown_route(path: str) -> None:
    assert refusal("GET", path) == (404, 0)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", DEFINITIONS, "GET, HEAD, POST"),
        ("POST", DEFINITION, "DELETE, GET, HEAD, PATCH"),
        ("GET", PLAYERS, "DELETE, PUT"),
        ("HEAD", PLAYERS, "DELETE, PUT"),
        ("POST", MINE, "GET, HEAD"),
        ("get", MINE, "GET, HEAD"),
    ],
)
def test_wrong_verb(method: str, path: str, allowed: str) -> None:
    assert refusal(method, f"/api/v10{path}") == (405, 0)
    assert accepted_headers(405, method, f"/api/v10{path}") == {"allow": allowed}


@pytest.mark.parametrize(("method", "path", "auth", "status", "limit"), DOCUMENTED)
def test_head_is_get_and_a_401_names_the_scheme(
    method: str, path: str, auth: Auth, status: int, limit: Limit | None
) -> None:
    if method == "GET":
        assert match("HEAD", f"/api{path}") == match("GET", f"/api{path}")
    (name, challenge), *_ = accepted_headers(401, method, f"/api{path}").items()
    assert name == "www-authenticate"
    assert ("Bot " in challenge, "Bearer " in challenge) == (auth is not Auth.BEARER, auth is not Auth.BOT)


IDS = st.integers(1, 2**63 - 1)


@given(st.sampled_from(ROUTES), st.sampled_from(PREFIXES), IDS, IDS, IDS)
def test_the_service_matches_the_paths_that_the_client_builds(
    route: Route, prefix: tuple[str, int], application_id: int, achievement_id: int, user_id: int
) -> None:
    values = {"application_id": application_id, "achievement_id": achievement_id, "user_id": user_id}
    found = match(route.method, prefix[0] + route.path(**values))
    named = {name: str(value) for name, value in values.items() if f"{{{name}}}" in route.template}
    assert found == Match(route, named, prefix[1])


@given(st.text(), st.text() | st.text().map(lambda text: f"/api/v10/applications/{text}/achievements"))
def test_any_path_is_matched_or_raises_api_error(method: str, path: str) -> None:
    try:
        match(method, path)
    except ApiError as exc:
        status = exc.status
    else:
        return
    assert status in {400, 404, 405}


@pytest.mark.parametrize("base", ["/api", "/api/", "/api/v6", "/api/v10", "/api/v10/"])
@pytest.mark.parametrize("host", ["https://host", "http://127.0.0.1:8000", "https://host/games", "http://api"])
def test_asset_root(host: str, base: str) -> None:
    assert asset_root(host + base) == host


def test_icon_path() -> None:
    icon_hash = "52c1636444f64ad7cb5368b158847def"
    expected = f"/app-assets/{APP}/achievements/{ACHIEVEMENT}/icons/{icon_hash}"
    assert icon_path(int(APP), int(ACHIEVEMENT), icon_hash) == f"{expected}.png"
    assert icon_path(int(APP), int(ACHIEVEMENT), icon_hash, "gif") == f"{expected}.gif"
