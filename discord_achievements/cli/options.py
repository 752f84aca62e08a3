"""Options and argument types that several commands share.

Modules of the command line import at their top only what `--help` needs: the rest takes several times as long.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..domain.snowflake import parse_snowflake
from ..server.duration import FORMS, format_duration, parse_duration
from ..server.settings import PREFIX, Settings, WrongSetting, check_names

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

    def __init__(self, what: str, least: float, most: float) -> None:
        super().__init__(int(least), int(most))
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"expected {self._what} from {self.min} to {self.max}, got {value!r}", param, ctx)


class Duration(click.ParamType[float]):
    """A duration, in seconds; `least_s` and `most_s` are its bounds."""

    name = "duration"

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s = least_s
        self._most_s = most_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
        if not self._least_s <= seconds <= self._most_s:
            allowed = f"{format_duration(self._least_s)} to {format_duration(self._most_s)}"
            self.fail(f"expected a duration from {allowed} ({FORMS}), got {value!r}", param, ctx)
        return seconds


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


def settings(**given: Any) -> Settings:
    """Return the settings; values in `given` that are not None are those of the options with these names.

    Raises `ConfigurationError` for a wrong variable, `click.BadParameter` for a wrong option.
    """
    try:
        return Settings.from_environment(os.environ, **given)
    except WrongSetting as exc:
        if given.get(exc.setting) is None:
            raise
        raise click.BadParameter(exc.problem, param_hint=f"'--{exc.setting}'") from exc


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
        from .api import Api

        check_names(os.environ)
        return command(api=Api(application_id, url, allow_insecure_http), **given)

    return application_option(_url_option(_http_option(call)))
