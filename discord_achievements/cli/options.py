"""Options and argument types that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..domain.snowflake import parse_snowflake
from ..server.settings import PREFIX, Settings
from .api import Api

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

F = TypeVar("F", bound=Callable[..., Any])
_DEFAULTS = {setting.name: setting.default for setting in fields(Settings) if setting.default is not MISSING}


class _Id(click.ParamType[int]):
    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_snowflake(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class _Localization(click.ParamType[tuple[str, str]]):
    name = "locale=text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        locale, equals, text = value.partition("=")
        if not equals:
            self.fail(f"expected LOCALE=TEXT, such as de=Gewonnen, got {value!r}", param, ctx)
        return locale, text


ID = _Id()
LOCALIZATION = _Localization()


class Number(click.IntRange):
    """A whole number; messages call it `what`."""

    name = "integer"

    def __init__(self, what: str, least: int, most: int) -> None:
        super().__init__(least, most)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"expected {self._what} from {self.min} to {self.max}, got {value!r}", param, ctx)


class SettingOption(click.Option):
    """An option that overrides the setting of its name.

    `Settings` reads the variable and knows the default; the option only shows them in the help.
    """

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        extra = super().get_help_extra(ctx)
        name = self.name or ""
        extra["envvars"] = (PREFIX + name.upper(),)
        # The file's path differs between machines; `serve --show-settings` prints it.
        extra["default"] = str(_DEFAULTS.get(name, "a file in your data folder"))
        return extra


database_option = click.option(
    "--database", metavar="URL", cls=SettingOption, help="Database: sqlite:///path or postgresql://user@host/name."
)
application_option = click.option(
    "--application",
    "application_id",
    type=ID,
    required=True,
    envvar=f"{PREFIX}APPLICATION",
    show_envvar=True,
    help="Application id, as printed by `app list`.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON value.")
_url_option = click.option(
    "--url",
    metavar="URL",
    envvar=f"{PREFIX}URL",
    default="http://127.0.0.1:8000/api/v10",
    show_default=True,
    show_envvar=True,
    help="Base URL of the service.",
)
_http_option = click.option(
    "--allow-insecure-http", is_flag=True, help="Allow http to another host; the token is not encrypted."
)


def service_options(command: F) -> Callable[..., Any]:
    """Add the options of a command that calls the service, and pass the command the `api` they describe."""

    @functools.wraps(command)
    def call(*, application_id: int, url: str, allow_insecure_http: bool, **given: Any) -> Any:
        return command(api=Api(application_id, url, allow_insecure_http), **given)

    return application_option(_url_option(_http_option(call)))
