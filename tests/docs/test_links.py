"""Links from the pages that are not part of the site; `make docs` checks those within the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.pages import PAGES, ROOT, name_of


def links(page: Path) -> list[str]:
    """Return the targets of the links and pictures of a page."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or ()]
    return [str(token.attrs[name]) for token in inline for name in ("href", "src") if name in token.attrs]


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT], ids=name_of)
def test_what_is_linked_is_there(page: Path) -> None:
    within = [link for link in links(page) if "://" not in link]
    assert [link for link in within if not (page.parent / link.partition("#")[0]).exists()] == []


def test_the_readme_leads_to_the_tutorial() -> None:
    assert "docs/tutorial.md" in links(ROOT / "README.md")
