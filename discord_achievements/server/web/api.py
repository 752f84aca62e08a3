"""The steps that a request under /api goes through, the same on every route.

Which route it is, whose token it carries and whether that opens the route, whether the limit has room, then the
route's own handler. What fails first is answered. So a stranger learns nothing but 401, and a request that is refused
before it is counted costs nothing of a limit.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache

from ...domain import routes
from ...domain.errors import ApiError, ErrorCode, rate_limited
from ...domain.ratelimit import write_headers
from ...domain.routes import Limit
from ...domain.wire import Shape
from ..limiter import Limiter
from ..metrics import Metrics
from ..outage_log import OutageLog
from ..service import Service
from ..stores.base import StoreUnavailable
from .asgi import Receive, Scope, Send
from .call import Bounds, Call, Request
from .endpoints import ENDPOINTS
from .responses import CLOSE, JSON, UNAVAILABLE_RETRY_S, Answer, Headers, error_answer, send_answer

_log = logging.getLogger(__name__)


class Api:
    """An ASGI application for everything under /api.

    `limits` are rate limits by the name of their route. `now` returns monotonic seconds, `at_s` seconds since the
    epoch.
    """

    def __init__(
        self,
        service: Service,
        limiter: Limiter,
        metrics: Metrics,
        outage_log: OutageLog,
        *,
        limits: dict[str, Limit],
        bounds: Bounds,
        now: Callable[[], float],
        at_s: Callable[[], float],
    ) -> None:
        self._service = service
        self._limiter = limiter
        self._metrics = metrics
        self._outage_log = outage_log
        self._limits = limits
        self._bounds = bounds
        self._now = now
        self._at_s = at_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._now()
        request = Request.of(scope, receive, send)
        name = "none"
        call: Call | None = None
        try:
            match = routes.match(scope["method"], scope["path"])
            endpoint = ENDPOINTS[name := match.route.name]
            admission = await self._service.admit(match.route, request.authorization, match.parameters)
            call = Call(request, endpoint, admission, Shape.of(match.version), self._bounds)
            if endpoint.is_unchanged is not None and await endpoint.is_unchanged(self._service, call):
                answer = Answer(304, [call.history, *call.headers])
            else:
                await self._count(call)
                body = await endpoint.handle(self._service, call)
                if body is None:  # an event stream has ended
                    self._metrics.count(name, match.route.status, None)
                    return
                headers = [call.history, *call.headers, *self._limit_headers(call)]
                answer = Answer(match.route.status, [JSON, *headers] if body else headers, body)
        except ApiError as error:
            answer = self._refusal(error, scope, self._limit_headers(call))
        except StoreUnavailable as exc:
            self._outage_log.failed(exc)
            unavailable = ApiError.of(ErrorCode.UNAVAILABLE, retry_after_s=UNAVAILABLE_RETRY_S)
            answer = error_answer(unavailable, self._limit_headers(call))
        except Exception:
            _log.exception("%s failed; answering 500", name)
            answer = error_answer(ApiError.of(ErrorCode.INTERNAL_ERROR), self._limit_headers(call))
        await send_answer(answer, send)
        self._metrics.count(name, answer.status, self._now() - began)

    async def _count(self, call: Call) -> None:
        """Count the request for its route's limit; raises the 429."""
        limit = self._limits.get(call.endpoint.route.name)
        if limit is None:
            return
        allowed, call.limit = await self._limiter.hit(_limit_name(call), limit)
        if not allowed:
            raise rate_limited(call.limit.reset_after_s)

    def _limit_headers(self, call: Call | None) -> Headers:
        """Return the headers with the state of the call's limit, none if it was not counted."""
        if call is None or call.limit is None:
            return []
        state = call.limit._replace(bucket=_bucket(_limit_name(call)))
        headers = write_headers(state, self._at_s())
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def _refusal(self, error: ApiError, scope: Scope, headers: Headers) -> Answer:
        answer = error_answer(error, headers)
        accepted = routes.accepted_headers(error.status, scope["method"], scope["path"])
        answer.headers.extend((name.encode(), value.encode()) for name, value in accepted.items())
        if error.status in (408, 413):
            answer.headers.append(CLOSE)  # the rest of the body is not read
        return answer


def _limit_name(call: Call) -> str:
    caller = call.admission.caller
    return f"{call.endpoint.route.name}:{caller.application_id}:{caller.user_id or 'bot'}"


@lru_cache(maxsize=10_000)
def _bucket(name: str) -> str:
    """Return a limit's public name: a hash, so that nobody reads a meaning into it."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16]
