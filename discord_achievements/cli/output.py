"""What commands print: a result as text or JSON, an error in one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from ..domain.errors import ApiError, ErrorCode
from ..server.settings import PREFIX

_ADVICE = {
    ErrorCode.UNKNOWN_APPLICATION: "`app list` shows all applications",
    ErrorCode.UNKNOWN_ACHIEVEMENT: "`achievements list` shows all achievements",
    ErrorCode.NOT_AUTHORIZED: f"{PREFIX}BOT_TOKEN must be the bot token of the application in --application",
}


def show(value: Any, text: str, *, as_json: bool) -> None:
    """Print a command's result: one JSON value, or text for people."""
    click.echo(json.dumps(value) if as_json else text)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows in aligned columns under their headings.

    Texts that others chose go into the last column, whose width does not matter: letters may be two columns wide.
    """
    lines = [tuple(headings), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def printable(text: str) -> str:
    """Return a text that others chose without what could break a line or control the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def name_of(achievement: Mapping[str, Any]) -> str:
    """Return an achievement's name from an answer of any API version."""
    name = achievement["name"]
    return printable(name if isinstance(name, str) else name["default"])


def short_time(iso: str) -> str:
    """Return a time in UTC to the second, without its zone."""
    return iso[:19].replace("T", " ")


def describe(error: ApiError) -> str:
    """Return an error answer of the service in one line that says what to do."""
    if error.status == 401:
        return (
            f"the service refused the bot token (HTTP 401); set {PREFIX}BOT_TOKEN to the token from `app create` or"
            " `app rotate-token`"
        )
    line = f"the service refused the request: {error.message.rstrip('.')} (HTTP {error.status}, code {error.code})"
    for known, advice in _ADVICE.items():
        if (error.status, error.code) == (known.status, known.code):
            line += f"; {advice}"
    if error.retry_after_s is not None and error.status in (429, 503):
        line += f"; try again in {error.retry_after_s:g} s"
    for path, message in field_errors(error.errors or {}):
        line += f"; {path}: {message}" if path else f"; {message}"
    return line


def field_errors(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the message of each wrong field."""
    for name, node in tree.items():
        if name == "_errors":
            yield from ((path, error.get("message", "")) for error in node)
        elif isinstance(node, Mapping):
            yield from field_errors(node, f"{path}.{name}" if path else name)
