"""The site's generated parts and its lists are complete: commands, options, settings, modules, decisions."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from discord_achievements.cli.main import cli
from discord_achievements.server.settings import PREFIX, Settings
from tests.docs.pages import DOCS, PAGES, ROOT, headings, name_of

MARK = re.compile(r"<!-- generated: .* -->")


def load_generated() -> Any:
    """Return the module that fills in the generated parts; mkdocs loads it by its path, too."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "site" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = load_generated()
WITH_PARTS = [page for page in PAGES if MARK.search(page.read_text(encoding="utf-8"))]


def filled(page: str) -> str:
    """Return a page as the site has it."""
    text: str = GENERATED.fill((DOCS / page).read_text(encoding="utf-8"))
    return text


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give every command below a group, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = list(commands(cli))


@pytest.mark.parametrize("page", WITH_PARTS, ids=name_of)
def test_every_generated_part_is_known(page: Path) -> None:
    assert MARK.search(filled(page.relative_to(DOCS).as_posix())) is None


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_is_on_the_page_with_its_options(words: tuple[str, ...], command: click.Command) -> None:
    page = filled("reference/cli.md")
    [section] = re.findall(rf"^#+ {re.escape(' '.join(words))}\n(.*?)(?=^#|\Z)", page, re.DOTALL | re.MULTILINE)
    assert command.help is not None
    assert command.help.partition("\n")[0] in section
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[0]}" in section
            assert (parameter.help or "?").partition("  [")[0] in section
        else:
            assert parameter.make_metavar(click.Context(command)) in section


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_on_the_page_with_its_default(setting: Any) -> None:
    [row] = [
        line for line in filled("reference/settings.md").splitlines() if f"`{PREFIX}{setting.name.upper()}`" in line
    ]
    _, default, allowed, meaning = row.strip("| ").split(" | ")
    if not callable(setting.default_factory) and setting.default != "":
        [parsed] = re.findall("`(.+)`", default)
        read = Settings.from_environment({f"{PREFIX}{setting.name.upper()}": parsed})
        assert getattr(read, setting.name) == setting.default
    assert bool(allowed.strip()) == bool({"range", "choices"} & setting.metadata.keys())
    assert meaning


def test_every_module_is_on_the_map_with_its_purpose() -> None:
    page = filled("explanation/how-it-works.md")
    package = ROOT / "discord_achievements"
    for folder in (path for path in package.iterdir() if (path / "__init__.py").exists()):
        [section] = re.findall(rf"^### {folder.name}: .*?(?=^#|\Z)", page, re.DOTALL | re.MULTILINE)
        for path in folder.rglob("*.py"):
            if path.name != "__init__.py" and path.parent.name != "versions":
                assert re.search(rf"^\| `{path.relative_to(folder).as_posix()}` \| .*\w", section, re.MULTILINE), path


def test_every_decision_is_in_the_index_with_its_title() -> None:
    index = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", index, re.MULTILINE)
    titles = {path.name: next(headings(path))[1] for path in (DOCS / "adr").glob("[0-9]*.md")}
    assert {name: f"{number}. {title}" for number, title, name in documented} == titles
    assert [int(number) for number, *_ in documented] == sorted(int(name[:4]) for name in titles)


def test_the_site_loads_nothing_from_the_network() -> None:
    config = (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    assert "  - offline\n" in config
    # Its name keeps the plugin from naming a copy on the network.
    assert "    - site/iframe-worker.js\n" in config
    assert (DOCS / "site" / "iframe-worker.js").exists()
