"""Everything outside /api: icons, health, metrics, the description of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...domain import wire
from ...domain.errors import ApiError, ErrorCode
from ...domain.snowflake import parse_snowflake
from ..metrics import CONTENT_TYPE
from ..outage_log import OutageLog
from ..service import Service
from ..stores.base import StoreUnavailable
from .openapi import describe

_READY_TIMEOUT_S = 3.0
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


def create_ops(service: Service, outage_log: OutageLog, metrics_text: Callable[[], bytes] | None) -> Starlette:
    """Return the ASGI application for everything outside /api; without `metrics_text`, GET /metrics is a 404."""
    document = describe()

    async def health(_: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        """The process and the database answer."""
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await service.check_ready()
        except StoreUnavailable as exc:
            outage_log.failed(exc)
            return _error(ErrorCode.UNAVAILABLE, {"retry-after": "1"})
        except TimeoutError:
            outage_log.failed(StoreUnavailable(f"it has not answered within {_READY_TIMEOUT_S:g} s"))
            return _error(ErrorCode.UNAVAILABLE, {"retry-after": "1"})
        return JSONResponse({"status": "ready"})

    async def show_metrics(_: Request) -> Response:
        assert metrics_text is not None
        return Response(metrics_text(), media_type=CONTENT_TYPE)

    async def openapi(_: Request) -> Response:
        return JSONResponse(document, headers={"access-control-allow-origin": "*"})

    async def icon(request: Request) -> Response:
        path = request.path_params
        try:
            application_id = parse_snowflake(path["application_id"])
            achievement_id = parse_snowflake(path["achievement_id"])
            media_type, content = await service.icon(
                application_id, achievement_id, path["icon_hash"], path["extension"]
            )
        except (ValueError, ApiError):
            return _error(ErrorCode.ROUTE_NOT_FOUND)
        except StoreUnavailable as exc:
            outage_log.failed(exc)
            return _error(ErrorCode.UNAVAILABLE, {"retry-after": "1"})
        return Response(content, media_type=media_type, headers=_IMMUTABLE)

    async def not_found(_: Request, __: Exception) -> Response:
        return _error(ErrorCode.ROUTE_NOT_FOUND)

    async def wrong_method(_: Request, exc: Exception) -> Response:
        return _error(ErrorCode.METHOD_NOT_ALLOWED, getattr(exc, "headers", None) or {})

    routes = [
        Route("/health", health),
        Route("/ready", ready),
        Route("/openapi.json", openapi),
        Route("/app-assets/{application_id}/achievements/{achievement_id}/icons/{icon_hash}.{extension}", icon),
    ]
    if metrics_text is not None:
        routes.append(Route("/metrics", show_metrics))
    ops = Starlette(routes=routes, exception_handlers={404: not_found, 405: wrong_method})
    ops.router.redirect_slashes = False  # a redirect would lead wherever the request's Host header says
    return ops


def _error(known: ErrorCode, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(wire.encode_error(ApiError.of(known)), status_code=known.status, headers=headers)
