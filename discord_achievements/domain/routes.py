"""The route table that client and server share: method, path, kind of token, success status, documented limit.

The client makes paths from it; the server adds handlers and messages (`server.web.endpoints`).

**Source**: Discord's Achievements page; its pages on users, OAuth2 and the gateway for the four routes by which clients
log in. The routes for events, for a reset and for reading any player are additions of this project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import NamedTuple

from .errors import ApiError, ErrorCode, field_error
from .snowflake import parse_snowflake

API_VERSIONS = range(6, 11)
DEFAULT_API_VERSION = 6


class Limit(NamedTuple):
    """A rate limit: `requests` in each window of `per_s` seconds."""

    requests: int
    per_s: float


class Auth(Enum):
    """The kind of token that opens a route."""

    BOT = "bot"
    BEARER = "bearer"
    EITHER = "either"

    @property
    def challenge(self) -> str:
        """The value of `WWW-Authenticate` that asks for such a token."""
        schemes = [name for name, kind in (("Bearer", Auth.BEARER), ("Bot", Auth.BOT)) if self in (kind, Auth.EITHER)]
        return ", ".join(f'{scheme} realm="achievements"' for scheme in schemes)


@dataclass(frozen=True)
class Route:
    """One method of one path.

    `template` is relative to the API's base and has its parameters in braces; `status` is that of the success.
    """

    name: str
    method: str
    template: str
    auth: Auth
    status: int
    limit: Limit | None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression over a whole path; a trailing slash is tolerated."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template) + "/?")

    def path(self, **parameters: int | str) -> str:
        """Return the path for `parameters`, relative to the API's base."""
        return self.template.format(**parameters)


_APPLICATION = "/applications/{application_id}/achievements"
_PLAYER = "/users/{user_id}/applications/{application_id}/achievements/{achievement_id}"
_THEIRS = "/users/{user_id}/applications/{application_id}/achievements"
_MINE = "/users/@me/applications/{application_id}/achievements"
_FIVE = Limit(5, 5.0)

GET_ACHIEVEMENTS = Route("get_achievements", "GET", _APPLICATION, Auth.BOT, 200, _FIVE)
GET_ACHIEVEMENT = Route("get_achievement", "GET", _APPLICATION + "/{achievement_id}", Auth.BOT, 200, _FIVE)
CREATE_ACHIEVEMENT = Route("create_achievement", "POST", _APPLICATION, Auth.BOT, 201, _FIVE)
UPDATE_ACHIEVEMENT = Route("update_achievement", "PATCH", _APPLICATION + "/{achievement_id}", Auth.BOT, 200, _FIVE)
DELETE_ACHIEVEMENT = Route("delete_achievement", "DELETE", _APPLICATION + "/{achievement_id}", Auth.BOT, 204, _FIVE)
UPDATE_USER_ACHIEVEMENT = Route("update_user_achievement", "PUT", _PLAYER, Auth.EITHER, 200, _FIVE)
GET_USER_ACHIEVEMENTS = Route("get_user_achievements", "GET", _MINE, Auth.BEARER, 200, Limit(2, 5.0))
USER_ACHIEVEMENT_EVENTS = Route("user_achievement_events", "GET", _MINE + "/events", Auth.BEARER, 200, None)
RESET_USER_ACHIEVEMENT = Route("reset_user_achievement", "DELETE", _PLAYER, Auth.BOT, 204, _FIVE)
GET_PLAYER_ACHIEVEMENTS = Route("get_player_achievements", "GET", _THEIRS, Auth.BOT, 200, _FIVE)
GET_CURRENT_USER = Route("get_current_user", "GET", "/users/@me", Auth.EITHER, 200, _FIVE)
GET_AUTHORIZATION = Route("get_authorization", "GET", "/oauth2/@me", Auth.EITHER, 200, _FIVE)
GET_APPLICATION = Route("get_application", "GET", "/oauth2/applications/@me", Auth.BOT, 200, _FIVE)
GET_GATEWAY = Route("get_gateway", "GET", "/gateway/bot", Auth.BOT, 200, _FIVE)

ROUTES = (
    GET_ACHIEVEMENTS,
    GET_ACHIEVEMENT,
    CREATE_ACHIEVEMENT,
    UPDATE_ACHIEVEMENT,
    DELETE_ACHIEVEMENT,
    UPDATE_USER_ACHIEVEMENT,
    GET_USER_ACHIEVEMENTS,
    USER_ACHIEVEMENT_EVENTS,
    RESET_USER_ACHIEVEMENT,
    GET_PLAYER_ACHIEVEMENTS,
    GET_CURRENT_USER,
    GET_AUTHORIZATION,
    GET_APPLICATION,
    GET_GATEWAY,
)

_VERSION_PREFIX = re.compile(r"/api(?:/v([^/]*))?(?=/|$)")
_VERSIONS = {None: DEFAULT_API_VERSION} | {str(version): version for version in API_VERSIONS}
_ICON = "/app-assets/{application_id}/achievements/{achievement_id}/icons/{icon_hash}.{extension}"


class Match(NamedTuple):
    """The route that a request asks for, the values in its path, the API version."""

    route: Route
    parameters: dict[str, str]
    version: int


def match(method: str, path: str) -> Match:
    """Return what `method` and the decoded `path` (from `/api` on) ask for; raises the `ApiError` to answer with.

    HEAD asks for the route of GET, whose answer is then sent without its body.
    """
    prefix = _VERSION_PREFIX.match(path)
    if prefix is None:
        raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)
    version = _VERSIONS.get(prefix[1])
    if version is None:
        raise ApiError.of(ErrorCode.INVALID_API_VERSION)
    by_method, parameters = _find(path[prefix.end() :])
    if not by_method:
        raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)
    route = by_method.get("GET" if method == "HEAD" else method)
    if route is None:
        raise ApiError.of(ErrorCode.METHOD_NOT_ALLOWED)
    return Match(route, parameters, version)


def path_id(parameters: Mapping[str, str], name: str) -> int:
    """Return the id in a path's parameter `name`; raises the `ApiError` to answer with."""
    try:
        return parse_snowflake(parameters[name])
    except ValueError as exc:
        message = f'Value "{parameters[name]:.40}" is not snowflake.'
        raise field_error((name,), "NUMBER_TYPE_COERCE", message) from exc


def accepted_headers(status: int, method: str, path: str) -> dict[str, str]:
    """Return the headers, by lower-case name, with which a refusal says what would have been accepted."""
    if status == 401:
        return {"www-authenticate": match(method, path).route.auth.challenge}
    if status == 405:
        return {"allow": ", ".join(_allowed_methods(path))}
    return {"accept-encoding": "identity"} if status == 415 else {}


def _allowed_methods(path: str) -> list[str]:
    prefix = _VERSION_PREFIX.match(path)
    by_method, _ = _find(path[prefix.end() :] if prefix else path)
    return sorted({*by_method, "HEAD"} if "GET" in by_method else by_method)


def _find(path: str) -> tuple[dict[str, Route], dict[str, str]]:
    """Return the routes of a path by their method, and the values in the path; both empty if there is no such path."""
    for pattern, by_method in _paths().get(path.removesuffix("/").count("/"), ()):
        if hit := pattern.fullmatch(path):
            return by_method, hit.groupdict()
    return {}, {}


@cache
def _paths() -> dict[int, list[tuple[re.Pattern[str], dict[str, Route]]]]:
    """Return all paths with their routes by method, by the number of slashes, so that only a few are tried.

    They are made when first needed: clients never match a path.
    If several match, the one with the fewest parameters wins: `@me` is not a player's id.
    """
    by_template: dict[str, dict[str, Route]] = {}
    for route in sorted(ROUTES, key=lambda route: route.template.count("{")):
        by_template.setdefault(route.template, {})[route.method] = route
    by_slashes: dict[int, list[tuple[re.Pattern[str], dict[str, Route]]]] = {}
    for template, routes in by_template.items():
        by_slashes.setdefault(template.count("/"), []).append((next(iter(routes.values())).pattern, routes))
    return by_slashes


def asset_root(base_url: str) -> str:
    """Return the URL below which icons are served: the base URL without its `/api` or `/api/v10`."""
    return re.sub(r"(?<=[^/])/api(/v[0-9]+)?/?$", "", base_url.rstrip("/"))


def icon_path(application_id: int, achievement_id: int, icon_hash: str, extension: str = "png") -> str:
    """Return the path of an icon, relative to the asset root."""
    return _ICON.format(
        application_id=application_id, achievement_id=achievement_id, icon_hash=icon_hash, extension=extension
    )
