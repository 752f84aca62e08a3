"""Describes the API in OpenAPI's form, from the table of endpoints and the types of its messages."""

from __future__ import annotations

from typing import Any

import msgspec

from ...domain import wire
from ...domain.ratelimit import LimitState, refusal_headers, write_headers
from ...domain.routes import API_VERSIONS, Auth, Route
from . import messages
from .endpoints import ENDPOINTS, Endpoint

_JSON = "application/json"
_HEADERS = {
    "Accept-Encoding": "How a body may be encoded",
    "Allow": "The methods that the path has",
    "Cache-Control": "The answer is for this player only, and is to be revalidated or not kept",
    "Content-Encoding": "Keeps proxies from compressing the stream",
    "ETag": "Identifies the list's content; send it back in If-None-Match",
    "Retry-After": "Whole seconds to wait",
    "Via": "Only says that this 429 is not a proxy's",
    "WWW-Authenticate": "The kinds of token that open the route",
    wire.CURSOR_HEADER: "Send it back as `since` to get only what has changed in the list from now on",
    wire.HISTORY_HEADER: "An id of the database's history, renewed by a restore; what had another one is void",
    wire.SINCE_HEADER: "Repeats `since` if the body is only what has changed since; otherwise the list is whole",
    "X-RateLimit-Bucket": "The limit that was counted",
    "X-RateLimit-Limit": "Requests per window",
    "X-RateLimit-Remaining": "Requests left in this window",
    "X-RateLimit-Reset": "When the window ends, in seconds since 1970",
    "X-RateLimit-Reset-After": "Seconds until the window ends",
    "X-RateLimit-Scope": "Whose limit it is",
}
_LIMIT = tuple(write_headers(LimitState(0, 0, 0.0, ""), 0.0))  # none if the request was refused before it was counted
_ALWAYS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Encoding",),
    429: tuple(refusal_headers(0.0)),
    503: ("Retry-After",),
}


def describe() -> dict[str, Any]:
    """Return the whole document."""
    described = [kind for endpoint in ENDPOINTS.values() for kind in (endpoint.request, *endpoint.answers)]
    types: list[Any] = [*filter(None, described), messages.Error, messages.RateLimited]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS.values():
        route = endpoint.route
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(endpoint, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Achievements",
            "version": "10",
            "description": "Discord's documented achievements HTTP, and more. HEAD is answered wherever GET is.",
        },
        "servers": [{"url": f"/api/v{version}"} for version in reversed(API_VERSIONS)],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": {
                name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in _HEADERS.items()
            },
            "securitySchemes": {
                "bot": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Bot <token>"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(endpoint: Endpoint, schema_of: dict[str, Any]) -> dict[str, Any]:
    route = endpoint.route
    in_path = [part[1:-1] for part in route.template.split("/") if part.startswith("{")]
    elsewhere = [{"name": name, "in": place, "schema": schema} for name, place, schema in endpoint.parameters]
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": endpoint.summary,
        "security": [{kind.value: []} for kind in (Auth.BOT, Auth.BEARER) if route.auth in (kind, Auth.EITHER)],
        "parameters": [_path_parameter(name, route) for name in in_path] + elsewhere,
        "responses": _responses(endpoint, schema_of),
    }
    if endpoint.request is not None:
        operation["requestBody"] = {"required": True, "content": _content(schema_of[repr(endpoint.request)])}
    return operation


def _path_parameter(name: str, route: Route) -> dict[str, Any]:
    pattern = "^([1-9][0-9]{0,18}|@me)$" if name == "user_id" and route.auth is Auth.EITHER else "^[1-9][0-9]{0,18}$"
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}


def _responses(endpoint: Endpoint, schema_of: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done"}
    schemas = [schema_of[repr(answer)] for answer in endpoint.answers]
    if schemas:
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        success["content"] = _content(schema, endpoint.media_type)
    responses = {endpoint.route.status: success}
    if endpoint.is_unchanged is not None:
        responses[304] = {"description": "The list is the one that If-None-Match names"}
    refusals = {
        400: "Something in the request is wrong",
        401: "No valid token",
        403: "Not allowed",
        404: "Unknown",
        405: "The path has other methods",
        500: "A mistake in the service",
        503: "Unavailable for now; see Retry-After",
    }
    if endpoint.request is not None:
        refusals |= {
            408: "The body did not arrive in time",
            413: "The body is too large",
            415: "The body is compressed",
        }
    for status, meaning in refusals.items():
        responses[status] = {"description": meaning, "content": _content(schema_of[repr(messages.Error)])}
    limited = _content(schema_of[repr(messages.RateLimited)])
    responses[429] = {"description": "Too many requests; see Retry-After", "content": limited}
    for status, response in responses.items():
        if headers := _headers(endpoint, status):
            response["headers"] = headers
    return {str(status): responses[status] for status in sorted(responses)}


def _headers(endpoint: Endpoint, status: int) -> dict[str, Any]:
    """Return the headers of one response; those that it always has are inline, because a reference cannot say so."""
    always = (wire.HISTORY_HEADER, *endpoint.headers) if status < 400 else _ALWAYS.get(status, ())
    often = () if endpoint.route.limit is None or status in (304, 401, 405) else _LIMIT
    if status == endpoint.route.status:
        often += endpoint.optional_headers
    described: dict[str, Any] = {name: {"$ref": f"#/components/headers/{name}"} for name in often}
    return described | {
        name: {"description": _HEADERS[name], "required": True, "schema": {"type": "string"}} for name in always
    }


def _content(schema: dict[str, Any], media_type: str = _JSON) -> dict[str, Any]:
    return {media_type: {"schema": schema}}
