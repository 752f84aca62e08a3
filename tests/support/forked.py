"""Processes that begin within milliseconds, because everything they need has been imported before they are forked.

Windows has no fork: there each process imports everything itself, which takes longer and changes nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

if sys.platform == "win32":
    CONTEXT = multiprocessing.get_context("spawn")
else:
    CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "pytest",  # the main module of a test run, which each process imports again
        "tests.e2e.doomed_game",
        "discord_achievements.client.net.requests_transport",
        "discord_achievements.cli.main",
        "discord_achievements.cli.serve",
        "discord_achievements.server.postgres.broker",
        "discord_achievements.server.postgres.store",
        "discord_achievements.server.redis.broker",
        "discord_achievements.server.redis.limiter",
        "discord_achievements.server.stores.sqlite",
        "discord_achievements.server.web.run",
        "uvicorn.loops.uvloop",
    ]
)


class Command:
    """The command line in a forked process, with the part of `subprocess.Popen` that its caller uses."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        output, its_output = CONTEXT.Pipe(duplex=False)
        log, its_log = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=_run, args=(list(arguments), dict(environment), its_output, its_log))
        self._process.start()
        for pipe in (its_output, its_log):
            pipe.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.stdout, self.stderr = (os.fdopen(os.dup(pipe.fileno()), encoding="utf-8") for pipe in (output, log))
        for pipe in (output, log):
            pipe.close()

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        status = self._process.exitcode
        assert status is not None, f"it has not ended within {timeout:g} s"
        return status


def _run(
    arguments: list[str],
    environment: dict[str, str],
    output: Connection[bytes, bytes],
    log: Connection[bytes, bytes],
) -> None:
    for pipe, number in ((output, 1), (log, 2)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")

    from discord_achievements.cli.main import cli

    cli(arguments, prog_name="discord-achievements")
