"""The description of the API in OpenAPI's form, made from the route table and the messages' types."""

from __future__ import annotations

from typing import Any

import msgspec

from ...domain import routes
from ...domain.routes import API_VERSIONS, Auth, Route
from . import messages

_PROSE = {
    routes.GET_ACHIEVEMENTS: "All achievements of an application, ascending by id, secret ones included",
    routes.GET_ACHIEVEMENT: "One achievement",
    routes.CREATE_ACHIEVEMENT: "Create an achievement; an application has at most 1000",
    routes.UPDATE_ACHIEVEMENT: "Change an achievement for all players; what is not sent stays",
    routes.DELETE_ACHIEVEMENT: "Delete an achievement and all progress on it",
    routes.UPDATE_USER_ACHIEVEMENT: "Raise a player's progress; it never goes down",
    routes.GET_USER_ACHIEVEMENTS: "What the player may see, with their progress",
    routes.USER_ACHIEVEMENT_EVENTS: "A stream of server-sent events: each change of the player's progress",
    routes.RESET_USER_ACHIEVEMENT: "Take a player's progress away",
    routes.GET_PLAYER_ACHIEVEMENTS: "A player's progress on all achievements, secret ones included",
}
_REQUESTS = {
    routes.CREATE_ACHIEVEMENT: messages.NewAchievement,
    routes.UPDATE_ACHIEVEMENT: messages.AchievementChange,
    routes.UPDATE_USER_ACHIEVEMENT: messages.ProgressUpdate,
}
_ANSWERS: dict[Route, Any] = {
    routes.GET_ACHIEVEMENTS: list[messages.Achievement],
    routes.GET_ACHIEVEMENT: messages.Achievement,
    routes.CREATE_ACHIEVEMENT: messages.Achievement,
    routes.UPDATE_ACHIEVEMENT: messages.Achievement,
    routes.GET_USER_ACHIEVEMENTS: list[messages.UserAchievement],
    routes.GET_PLAYER_ACHIEVEMENTS: list[messages.UserAchievement],
}
_JSON = "application/json"
_STARTED = ("started", "query", {"type": "string", "enum": ["true", "false"]})


def describe() -> dict[str, Any]:
    """Return the whole document."""
    own = [messages.Achievement, messages.UserAchievement, messages.Nothing, messages.Error, messages.RateLimited]
    types: list[Any] = [*_REQUESTS.values(), *own, list[messages.Achievement], list[messages.UserAchievement]]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes.ROUTES:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Achievements",
            "version": "10",
            "description": "Discord's documented achievements HTTP, and three routes more.",
        },
        "servers": [{"url": f"/api/v{version}"} for version in reversed(API_VERSIONS)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bot": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Bot <token>"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route, schema_of: dict[str, Any]) -> dict[str, Any]:
    names = [part[1:-1] for part in route.template.split("/") if part.startswith("{")]
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": _PROSE[route],
        "security": [{kind.value: []} for kind in (Auth.BOT, Auth.BEARER) if route.auth in (kind, Auth.EITHER)],
        "parameters": [_path_parameter(name, route) for name in names] + _other_parameters(route),
        "responses": _responses(route, schema_of),
    }
    if route in _REQUESTS:
        schema = schema_of[repr(_REQUESTS[route])]
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return operation


def _path_parameter(name: str, route: Route) -> dict[str, Any]:
    pattern = "^([1-9][0-9]{0,18}|@me)$" if name == "user_id" and route.auth is Auth.EITHER else "^[1-9][0-9]{0,18}$"
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}


def _other_parameters(route: Route) -> list[dict[str, Any]]:
    said: dict[Route, list[tuple[str, str, dict[str, Any]]]] = {
        routes.GET_USER_ACHIEVEMENTS: [_STARTED, ("If-None-Match", "header", {"type": "string"})],
        routes.GET_PLAYER_ACHIEVEMENTS: [_STARTED],
        routes.USER_ACHIEVEMENT_EVENTS: [("Last-Event-ID", "header", {"type": "string"})],
    }
    return [{"name": name, "in": place, "schema": schema} for name, place, schema in said.get(route, [])]


def _responses(route: Route, schema_of: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done"}
    if route is routes.USER_ACHIEVEMENT_EVENTS:
        success["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif route is routes.UPDATE_USER_ACHIEVEMENT:
        either = [schema_of[repr(messages.UserAchievement)], schema_of[repr(messages.Nothing)]]
        success["content"] = {_JSON: {"schema": {"anyOf": either}}}
    elif route in _ANSWERS:
        success["content"] = {_JSON: {"schema": schema_of[repr(_ANSWERS[route])]}}
    responses = {str(route.status): success}
    refusals = {400: "Something in the request is wrong", 401: "No valid token", 403: "Not allowed"}
    refusals |= {404: "Unknown", 503: "Not now; see Retry-After"}
    if route in _REQUESTS:
        refusals |= {408: "The body did not come in time", 413: "The body is too large"}
    for status, meaning in refusals.items():
        content = {_JSON: {"schema": schema_of[repr(messages.Error)]}}
        responses[str(status)] = {"description": meaning, "content": content}
    content = {_JSON: {"schema": schema_of[repr(messages.RateLimited)]}}
    responses["429"] = {"description": "Too many requests; see Retry-After", "content": content}
    if route is routes.GET_USER_ACHIEVEMENTS:
        responses["304"] = {"description": "The list is the one that If-None-Match names"}
    return responses
