"""What the commands share: ids, output, the database, the service over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click

from ..client.net.api import check, wrong_address
from ..client.net.requests_transport import RequestsTransport
from ..client.net.transport import Request
from ..client.options import checked_base_url
from ..domain.errors import ApiError, DiscordAchievementsError
from ..domain.routes import Route
from ..domain.snowflake import parse_snowflake
from ..server.settings import PREFIX, Settings
from ..server.stores.base import Store
from ..server.web.app import open_store

F = TypeVar("F", bound=Callable[..., Any])


class _Id(click.ParamType[int]):
    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_snowflake(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


ID = _Id()

database_option = click.option(
    "--database", metavar="URL", help="sqlite:///path or postgresql://...; default: a file in your data folder."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")


@contextmanager
def opened(database: str | None) -> Iterator[Store]:
    """Give the store of a command that works on the database."""
    settings = Settings.from_environment(os.environ, database=database)
    with closing(open_store(settings.database)) as store:
        yield store


def service_options(command: F) -> F:
    """Add the options of a command that speaks to the service."""
    # The last one that is put on is the first in the help.
    for option in (
        click.option("--allow-insecure-http", is_flag=True, help="Send the token without TLS to another host."),
        click.option(
            "--url",
            envvar=f"{PREFIX}URL",
            default="http://127.0.0.1:8000/api/v10",
            show_default=True,
            show_envvar=True,
            help="The service's base URL.",
        ),
        click.option(
            "--application",
            "application_id",
            type=ID,
            required=True,
            envvar=f"{PREFIX}APPLICATION",
            show_envvar=True,
            help="The application's id.",
        ),
    ):
        command = option(command)
    return command


class Api:
    """Calls the service with the application's bot token, which is taken from the environment only."""

    def __init__(self, application_id: int, url: str, allow_insecure_http: bool) -> None:
        token = os.environ.get(f"{PREFIX}BOT_TOKEN", "").removeprefix("Bot ").strip()
        if not token:
            raise DiscordAchievementsError(
                f"no bot token: set {PREFIX}BOT_TOKEN to what `app create` or `app rotate-token` has printed"
            )
        self._application_id = application_id
        self._url = checked_base_url(
            url,
            allow_insecure_http=allow_insecure_http,
            name=f"--url or {PREFIX}URL",
            allowed_by="--allow-insecure-http",
        )
        self._headers = {"Authorization": f"Bot {token}", "Content-Type": "application/json"}

    def call(self, route: Route, body: Mapping[str, Any] | None = None, query: str = "", **parameters: int) -> Any:
        """Return the decoded answer, None where there is none; raises `ApiError` and `TransportError`."""
        path = route.path(application_id=self._application_id, **parameters)
        content = None if body is None else json.dumps(body).encode()
        request = Request(route.method, self._url + path + query, self._headers, content)
        with closing(RequestsTransport()) as transport:
            response = transport.send(request)
        try:
            check(response)
        except ApiError as exc:
            if wrong := wrong_address(self._url, exc, name=f"--url or {PREFIX}URL"):
                raise DiscordAchievementsError(f"{wrong} (HTTP {exc.status})") from exc
            raise
        if not response.body:
            return None
        try:
            return json.loads(response.body)
        except ValueError as exc:
            raise DiscordAchievementsError(f"{self._url} does not answer with JSON; is it the service?") from exc


def describe(error: ApiError) -> str:
    """Return an error answer in one line that says what to do."""
    line = f"the service refuses: {error.message.rstrip('.')} (HTTP {error.status}, code {error.code})"
    if error.status == 401:
        line += f"; {PREFIX}BOT_TOKEN is not a valid bot token of this service"
    if error.retry_after_s is not None and error.status in (429, 503):
        line += f"; try again in {error.retry_after_s:g} s"
    for path, message in field_errors(error.errors or {}):
        line += f"; {path}: {message}" if path else f"; {message}"
    return line


def field_errors(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Give path and message of each wrong field."""
    for name, node in tree.items():
        if name == "_errors":
            yield from ((path, error.get("message", "")) for error in node)
        elif isinstance(node, Mapping):
            yield from field_errors(node, f"{path}.{name}" if path else name)


def show(value: Any, text: str, *, as_json: bool) -> None:
    """Print a command's outcome: one JSON value, or text for people."""
    click.echo(json.dumps(value) if as_json else text)
