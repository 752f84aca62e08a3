"""The pages of the documentation, and the code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
# The title of Python code that is part of something larger: it must compile, and is not run.
FRAGMENT = "fragment"

_TITLE = re.compile(r'\btitle="([^"]*)"')


class Block(NamedTuple):
    """A fenced block of code; `line` is the first line of its content, from 1."""

    language: str
    title: str
    content: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.map:
            language, _, rest = token.info.strip().partition(" ")
            title = _TITLE.search(rest)
            yield Block(language, title[1] if title else "", token.content, token.map[0] + 2)


def tables(page: Path) -> Iterator[list[list[str]]]:
    """Yield the tables of a page as rows of cells, headings first, without the backticks around code."""
    rows: list[list[str]] = []
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level and rows:
            rows[-1].append(token.content.strip("`"))
        elif token.type == "table_close":
            yield rows
            rows = []


def headings(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the headings of a page with their level."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            yield int(token.tag[1:]), content.content


def name_of(page: Path) -> str:
    """Return the path of a page as tests show it."""
    return page.relative_to(ROOT).as_posix()
