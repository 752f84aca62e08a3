"""What the site needs beyond mkdocs.yml: the list of decisions, and code fragments without the mark that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_config(config: Any) -> None:
    """Put the decisions into the navigation, so that a new one need not be named."""
    decisions = sorted(Path(config.docs_dir, "adr").glob("*.md"))
    for entry in config.nav:
        if entry.get("Decisions") == "adr":
            entry["Decisions"] = [f"adr/{path.name}" for path in decisions]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Take away the title that has tests leave a block alone."""
    return markdown.replace('```python title="fragment"', "```python")
