"""Makes the parts of pages that come from the program: command line, settings, a message, a line per module."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path

import click

from discord_achievements.cli.main import cli
from discord_achievements.cli.serve import serve
from discord_achievements.gamesdk import NotOfferedError
from discord_achievements.server.settings import PREFIX, Settings, allowed_values, shown_value

PACKAGE = Path(__file__).parents[2] / "discord_achievements"
PROGRAM = "discord-achievements"
_MARK = re.compile(r"<!-- generated: ([a-z_. ]+) -->")


def fill(markdown: str) -> str:
    """Return a page with each `<!-- generated: NAME -->` replaced by what it stands for."""
    return _MARK.sub(lambda found: _part(found[1]), markdown)


def _part(name: str) -> str:
    kind, _, what = name.partition(" ")
    if kind == "modules":
        return modules(what)
    return example(what) if kind == "example" else PARTS[name]()


def example(name: str) -> str:
    """Return a file of the examples as a block of code."""
    return f'```python title="{name}"\n{(PACKAGE.parent / "examples" / name).read_text(encoding="utf-8")}```'


def modules(folder: str) -> str:
    """Return a table of a folder's modules with the first sentence of each docstring."""
    lines = ["| module | |", "| --- | --- |"]
    for path in sorted((PACKAGE / folder).rglob("*.py"), key=lambda path: (path.parent, path.name)):
        name = path.relative_to(PACKAGE / folder).as_posix()
        if path.name != "__init__.py" and "/versions/" not in f"/{name}":
            lines.append(f"| `{name}` | {_cell(_summary(path))} |")
    return "\n".join(lines)


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return re.split(r"(?<=[.:])\s+(?=[A-Z`])", paragraph)[0].rstrip(".:")


def command_line() -> str:
    """Return a section for each command: what it does, how it is called, its arguments and options."""
    return "\n".join(_sections(cli, PROGRAM))


def settings() -> str:
    """Return a table of the service's settings."""
    options = {parameter.name: parameter for parameter in serve.params}
    lines = ["| variable | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    for setting in fields(Settings):
        variable = f"`{PREFIX}{setting.name.upper()}`"
        if option := options.get(setting.name):
            variable += f"<br>`serve {option.opts[0]}`"
        lines.append(
            f"| {variable} | {_default(setting)} | {allowed_values(setting)} | {_cell(setting.metadata['help'])} |"
        )
    return "\n".join(lines)


def missing_part() -> str:
    """Return what is said of a part of the GameSDK that is missing."""
    return f"```text\n{NotOfferedError('Discord.get_activity_manager()')}\n```"


PARTS: dict[str, Callable[[], str]] = {
    "command line": command_line,
    "missing part": missing_part,
    "settings": settings,
}


def _default(setting: Field[object]) -> str:
    if setting.default is MISSING:
        return "a file in your data folder"  # the database: its path differs on each machine
    return "none" if setting.default == "" else f"`{shown_value(setting, setting.default)}`"


def _sections(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        if path != PROGRAM:
            yield f"## {path.removeprefix(PROGRAM).strip()}\n"
            yield f"{_prose(command)}\n"
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _sections(child, f"{path} {name}")
        return
    words = path.split()[1:]
    yield f"{'#' * (len(words) + 1)} {' '.join(words)}\n"
    yield f"{_prose(command)}\n"
    yield f"```text\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    rows = [
        f"| {_spelling(option, context)} | {_cell(_meaning(option, context))} |"
        for option in command.params
        if isinstance(option, click.Option)
    ]
    if rows:
        yield "| option | |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _prose(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "")


def _spelling(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(context).removesuffix(' RANGE')}"
    return " / ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))


def _meaning(option: click.Option, context: click.Context) -> str:
    """Return an option's help as `--help` prints it: with default, variable and range."""
    record = option.get_help_record(context)
    assert record is not None
    # Markdown reads brackets as links.
    text = re.sub(r"(\d+)<=x<=(\d+)", r"\1 to \2", record[1])
    return re.sub(r"\[([^\]]*)\]", r"(\1)", text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
