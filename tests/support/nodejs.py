"""Programs for Node in `tests/support/node`, and the packages from npm that `make` installs for them."""

from __future__ import annotations

import shutil

import pytest

from .running import ROOT

NODE = ROOT / "tests/support/node"


def command(program: str, package: str) -> list[str]:
    """Return the command that runs `program`; on a machine without `package`, the test is reported as not run."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / package).exists():
        pytest.skip(f"not run: this machine has no node, or `make` has not installed {package} for lack of npm")
    return [node, str(NODE / program)]
