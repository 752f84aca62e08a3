"""The tutorial does what it says: its files are written, its commands run, and their output is compared.

The test simulates three things. What pip should install is already present: PYTHONPATH leads to this source and this
environment (tests/e2e/test_package.py installs a real wheel). A player presses the keys that the comments after
`python game.py` ask for (player/sitecustomize.py). And a printed token is copied to where the page says to put it.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Block, blocks
from tests.docs.programs import PLAYER, environment
from tests.support.waiting import until

# It tests the page; what the page's commands do is tested with each Python elsewhere.
pytestmark = pytest.mark.any_python

PAGE = DOCS / "tutorial.md"
SECOND_TERMINAL = "Second terminal"
PORT = "8000"
TIMEOUT_S = 240

_TOKEN = re.compile(r"da(?:bot|user)_\.\.\.")
_KEYS = re.compile(r"press (\w+)(?: (\d+) times)?")


def keys_in(command: str) -> str:
    """Return the keys that the comment of a command asks for."""
    return " ".join(f"{key.lower()} " * int(times or 1) for key, times in _KEYS.findall(command))


class Reader:
    """A reader who does what the page says, in an empty folder."""

    def __init__(self, folder: Path, port: str) -> None:
        self.folder = folder
        self.state = folder / "terminal"
        self.port = port
        self.tokens: dict[str, str] = {}
        python = folder / "bin" / "python3"
        python.parent.mkdir()
        python.symlink_to(Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))
        path = [python.parent, sysconfig.get_path("scripts"), os.environ["PATH"]]
        self.environment = environment(folder / "home", PLAYER, ROOT, sysconfig.get_path("purelib")) | {
            "DISCORD_ACHIEVEMENTS_PORT": port,
            "PATH": os.pathsep.join(map(str, path)),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_QUIET": "1",
        }

    def run(self, block: Block) -> str:
        """Type a block into the first terminal and return its output."""
        done = subprocess.run(
            ["bash", "-c", self._script(block.content)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{PAGE}:{block.line} fails: {block.content}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{PAGE}:{block.line}: {done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, block: Block) -> Iterator[str]:
        """Type a block into the second terminal, yield its first output, and press Ctrl+C at the end."""
        output = self.folder / "second terminal"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"set -e\n{block.content}"],
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=subprocess.DEVNULL,  # the service's log
                start_new_session=True,
            )
        try:
            yield until(lambda: output.read_text(encoding="utf-8"), f"{block.content} prints something", 60)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)

    def write(self, block: Block) -> None:
        """Save a block as the file named by its title."""
        (self.folder / "coins" / block.title).write_text(block.content, encoding="utf-8")

    def compare(self, printed: str, block: Block) -> None:
        """Compare the output with the page, where `...` stands for anything."""
        wanted = block.content.replace(PORT, self.port)
        parts = [r".*".join(map(re.escape, line.split("..."))) for line in wanted.splitlines(keepends=True)]
        assert re.fullmatch("".join(parts), printed), f"{PAGE}:{block.line} says:\n{wanted}\nand it is:\n{printed}"
        for name in _TOKEN.findall(wanted):
            self.tokens[name] = re.findall(re.escape(name[:-3]) + r"\w+", printed)[-1]

    def _script(self, commands: str) -> str:
        for name, token in self.tokens.items():
            commands = commands.replace(name, token)
        commands = commands.replace(PORT, self.port)
        # A terminal keeps its folder and its variables from one command to the next.
        before = f'if [ -e "{self.state}" ]; then . "{self.state}"; cd "$PWD"; fi'
        keys = f'export PLAYER_KEYS="{keys_in(commands)}"'
        return f'set -e\n{before}\n{keys}\n{commands}\nexport -p > "{self.state}"'


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Reader(tmp_path, str(port))


@pytest.mark.skipif(sys.platform == "win32", reason="its commands are those of a POSIX shell")
def test_the_tutorial_does_what_it_says(reader: Reader) -> None:
    follow(reader, list(blocks(PAGE)))


def follow(reader: Reader, steps: list[Block]) -> None:
    """Do one step after the other; the program in the second terminal runs until the end."""
    printed = ""
    while steps:
        step, *steps = steps
        if step.language == "text":
            reader.compare(printed, step)
            printed = ""
            continue
        assert not printed, f"{PAGE}:{step.line}: the page does not show this output before it:\n{printed}"
        if step.title == SECOND_TERMINAL:
            said, *steps = steps
            with reader.running(step) as printed:
                reader.compare(printed, said)
                follow(reader, steps)
            return
        if step.language == "sh":
            printed = reader.run(step)
        else:
            reader.write(step)
    assert not printed, f"{PAGE}: the page does not show this output at its end:\n{printed}"
