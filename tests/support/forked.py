"""Processes that begin within milliseconds, because everything they need has been imported before they are forked.

Windows has no fork: there each process imports everything itself, which takes longer and changes nothing else.
"""

from __future__ import annotations

import multiprocessing
import sys

CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
CONTEXT.set_forkserver_preload(
    [
        "pytest",  # the main module of a test run, which each process imports again
        "tests.e2e.doomed_game",
        "discord_achievements.client.net.requests_transport",
    ]
)
