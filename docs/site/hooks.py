"""What the site needs beyond mkdocs.yml: the list of decisions, and small changes to pages on their way there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def on_config(config: Any) -> None:
    """Put the decisions into the navigation, so that a new one need not be named."""
    decisions = sorted(Path(config.docs_dir, "adr").glob("*.md"))
    for entry in config.nav:
        if entry.get("Decisions") == "adr":
            entry["Decisions"] = [f"adr/{path.name}" for path in decisions]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Take away the title that has tests leave a block alone, and have lists begin where CommonMark has them begin."""
    if page.file.src_uri.startswith("adr/"):
        markdown = re.sub(r"^(.+:)\n(?=1\. )", r"\1\n\n", markdown, flags=re.MULTILINE)
    return markdown.replace('```python title="fragment"', "```python")
