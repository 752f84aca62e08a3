"""Calls of the service over HTTP with the application's bot token."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ..client.net.api import check, wrong_address
from ..client.net.transport import Request
from ..client.options import checked_base_url
from ..domain.errors import ApiError, DiscordAchievementsError, TransportError
from ..domain.routes import Route
from ..server.settings import PREFIX

_URL_NAME = f"--url or {PREFIX}URL"
_TOKEN_VARIABLE = f"{PREFIX}BOT_TOKEN"


class Api:
    """One application's side of the service. Raises `ConfigurationError` for an unusable `url`."""

    def __init__(self, application_id: int, url: str, allow_insecure_http: bool) -> None:
        self._application_id = application_id
        self._url = checked_base_url(
            url, allow_insecure_http=allow_insecure_http, name=_URL_NAME, allowed_by="--allow-insecure-http"
        )

    def call(self, route: Route, body: Mapping[str, Any] | None = None, query: str = "", **parameters: int) -> Any:
        """Return the decoded answer, None if it has no body.

        Raises `ApiError` for an error answer of the service, `DiscordAchievementsError` for everything else.
        **Blocks**.
        """
        from ..client.net.requests_transport import RequestsTransport  # the other commands need no HTTP client

        path = route.path(application_id=self._application_id, **parameters)
        headers = {"Authorization": f"Bot {_bot_token()}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = Request(route.method, self._url + path + query, headers, content)
        try:
            with closing(RequestsTransport()) as transport:
                response = transport.send(request)
            check(response, success=route.status)
        except TransportError as exc:
            raise DiscordAchievementsError(
                f"{exc}; check that the service is running at {self._url} (`serve` starts it), or pass another --url"
            ) from exc
        except ApiError as exc:
            if wrong := wrong_address(self._url, exc, name=_URL_NAME):
                raise DiscordAchievementsError(f"{wrong} (HTTP {exc.status})") from exc
            raise
        if not response.body:
            return None
        try:
            return json.loads(response.body)
        except ValueError as exc:
            raise DiscordAchievementsError(
                f"the answer from {self._url} is not JSON; check that --url is the address of the service"
            ) from exc


def _bot_token() -> str:
    """Return the token from the environment: an option would show it to every user of the machine."""
    token = os.environ.get(_TOKEN_VARIABLE, "").removeprefix("Bot ").strip()
    if not token:
        raise DiscordAchievementsError(
            f"there is no bot token; set {_TOKEN_VARIABLE} to the token from `app create` or `app rotate-token`"
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise DiscordAchievementsError(
            f"{_TOKEN_VARIABLE} contains a space, a line break or the like; set it to the token"
        )
    return token
