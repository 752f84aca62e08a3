"""The code in the documentation is real: Python compiles and runs, data can be read.

The Python blocks of a page are one program, run from top to bottom in an empty folder with the files that the page
names. If it has tests, pytest runs it. A block with the title "fragment" is part of something larger and only needs to
compile. The tutorial has its own test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, FRAGMENT, PAGES, ROOT, Block, blocks, name_of
from tests.docs.programs import environment

PLUGIN = "discord_achievements.pytest_plugin"
TIMEOUT_S = 60
TUTORIAL = DOCS / "tutorial.md"
READERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "python": lambda code: compile(code, "<page>", "exec"),
}
# A misspelt "python" must not go unnoticed.
KNOWN = {
    *READERS,
    "",
    "bat",
    "c",
    "caddyfile",
    "csharp",
    "http",
    "ini",
    "js",
    "nginx",
    "powershell",
    "sh",
    "text",
    "yaml",
}
ALL = [(page, block) for page in PAGES for block in blocks(page)]


def program(page: Path) -> str:
    """Return the Python of a page that is run, each line in its place, so that a traceback names that line."""
    lines = [""] * len(page.read_text(encoding="utf-8").splitlines())
    for block in blocks(page):
        if block.language == "python" and not block.title:
            content = block.content.splitlines()
            lines[block.line - 1 : block.line - 1 + len(content)] = content
    return "\n".join(lines)


RUN = [page for page in PAGES if page != TUTORIAL and program(page).strip()]


@pytest.mark.parametrize(("page", "block"), ALL, ids=[f"{name_of(page)}:{block.line}" for page, block in ALL])
def test_a_block_is_what_its_language_says(page: Path, block: Block) -> None:
    assert block.language in KNOWN, f"{name_of(page)}:{block.line}: the language {block.language!r} is not checked"
    READERS.get(block.language, str)(block.content)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_a_pages_python_runs(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for block in blocks(page):
        if block.title not in ("", FRAGMENT):
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.content, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *how_to_run(page, folder)],
        cwd=folder,
        env=environment(tmp_path / "home", ROOT),
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def how_to_run(page: Path, folder: Path) -> list[str]:
    """Return Python's arguments for the program of a page; if it has tests, store it in the folder for pytest."""
    code = program(page)
    if "\ndef test_" not in code:
        return ["-W", "error", "-c", f"exec(compile({code!r}, {str(page)!r}, 'exec'))"]
    (folder / "test_page.py").write_text(code, encoding="utf-8")
    return ["-m", "pytest", "-q", "-W", "error", "-p", PLUGIN, "test_page.py"]


def test_there_is_code_to_run() -> None:
    assert DOCS / "guides" / "offline.md" in RUN
