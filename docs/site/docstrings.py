"""Adapts docstrings, which are written for readers of the source, to the site."""

from __future__ import annotations

import re
from typing import Any

import griffe

# In the source these end a paragraph; on the site each gets its own line.
_MARKS = re.compile(r"\s+(?=\*\*(?:Thread|Blocks|Source)\*\*)")
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)*^ {4}.*$", re.MULTILINE)


def prepared(docstring: str) -> str:
    """Return the docstring with fenced instead of indented code, and its marks on lines of their own."""
    fenced = _INDENTED.sub(_fence, docstring)
    return _MARKS.sub("\n\n", fenced)


def _fence(found: re.Match[str]) -> str:
    code = "\n".join(line.removeprefix("    ") for line in found[0].strip("\n").split("\n"))
    return f"\n```python\n{code}\n```"


class Docstrings(griffe.Extension):
    """Makes griffe return prepared docstrings."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Prepare the docstring of an object that has just been loaded."""
        if obj.docstring is not None:
            obj.docstring.value = prepared(obj.docstring.value)
