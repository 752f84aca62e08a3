"""Prepares docstrings, which are written to be read in the source, for the site."""

from __future__ import annotations

import re
from typing import Any

import griffe

# These stand at the end of a paragraph in the source; here each gets a line of its own.
_MARKS = re.compile(r"\s+(?=\*\*(?:Thread|Blocks|Source)\*\*)")
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)*^ {4}.*$", re.MULTILINE)


def prepared(docstring: str) -> str:
    """Return the docstring with fenced code in place of indented code, and its marks set apart."""
    fenced = _INDENTED.sub(_fence, docstring)
    return _MARKS.sub("\n\n", fenced)


def _fence(found: re.Match[str]) -> str:
    code = "\n".join(line.removeprefix("    ") for line in found[0].strip("\n").split("\n"))
    return f"\n```python\n{code}\n```"


class Docstrings(griffe.Extension):
    """Has griffe hand over prepared docstrings."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Prepare the docstring of what has just been loaded."""
        if obj.docstring is not None:
            obj.docstring.value = prepared(obj.docstring.value)
