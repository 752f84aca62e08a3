"""Describes the API in OpenAPI's form, from the table of endpoints and the types of its messages."""

from __future__ import annotations

from typing import Any

import msgspec

from ...domain.routes import API_VERSIONS, Auth, Route
from . import messages
from .endpoints import ENDPOINTS, Endpoint

_JSON = "application/json"


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
            "description": "Discord's documented achievements HTTP, and three more routes.",
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
    responses = {str(endpoint.route.status): success}
    if endpoint.is_unchanged is not None:
        responses["304"] = {"description": "The list is the one that If-None-Match names"}
    refusals = {
        400: "Something in the request is wrong",
        401: "No valid token",
        403: "Not allowed",
        404: "Unknown",
        503: "Unavailable for now; see Retry-After",
    }
    if endpoint.request is not None:
        refusals |= {408: "The body did not arrive in time", 413: "The body is too large"}
    for status, meaning in refusals.items():
        responses[str(status)] = {"description": meaning, "content": _content(schema_of[repr(messages.Error)])}
    limited = _content(schema_of[repr(messages.RateLimited)])
    responses["429"] = {"description": "Too many requests; see Retry-After", "content": limited}
    return responses


def _content(schema: dict[str, Any], media_type: str = _JSON) -> dict[str, Any]:
    return {media_type: {"schema": schema}}
