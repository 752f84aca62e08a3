"""What the site needs beyond mkdocs.yml: the list of decisions, and changes to pages on their way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import generated


def on_config(config: Any) -> None:
    """List the decisions in the navigation, so that a new one appears automatically."""
    decisions = sorted(Path(config.docs_dir, "adr").glob("[0-9]*.md"))
    for entry in config.nav:
        if entry.get("Decisions") == "adr":
            entry["Decisions"] = ["adr/README.md", *(f"adr/{path.name}" for path in decisions)]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in generated parts, drop the title that exempts a block from tests, and start lists as CommonMark does."""
    if page.file.src_uri.startswith("adr/"):
        markdown = re.sub(r"^(.+:)\n(?=1\. )", r"\1\n\n", markdown, flags=re.MULTILINE)
        # A search should find how something works before why it was decided.
        page.meta.setdefault("search", {"boost": 1e-6})
    return generated.fill(markdown).replace('```python title="fragment"', "```python")
