"""The reference documents every public name of the modules that a game imports."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

import discord_achievements
from discord_achievements import gamesdk, pygame_ui, testing
from tests.docs.pages import DOCS

PAGES = {discord_achievements: "index", pygame_ui: "pygame_ui", testing: "testing", gamesdk: "gamesdk"}


@pytest.mark.parametrize("module", PAGES, ids=lambda module: module.__name__)
def test_every_public_name_has_its_entry(module: ModuleType) -> None:
    text = (DOCS / "reference" / f"{PAGES[module]}.md").read_text(encoding="utf-8")
    directives = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    members = set(re.findall(r"^ +- (\w+)$", text, re.MULTILINE))
    missing = {
        name
        for name in module.__all__
        if name not in members and f"{module.__name__}.{name}" not in directives and name != "__version__"
    }
    # A directive for a module without a list of members includes all of them.
    assert missing == set() or module.__name__ in directives
