"""A database that accepts everything and answers nothing: a stalled disk, a paused pooler, a firewall."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from tests.support.databases import Postgres, by_line
from tests.support.running import PLAYER, WIN, Client, RunningService, mine_path, prepare, progress_path
from tests.support.waiting import until

pytestmark = pytest.mark.any_python


def test_requests_are_refused_in_time_and_the_process_recovers_and_ends(postgres: Postgres) -> None:
    url = postgres.new_database()
    tokens = prepare(url)
    with closing(postgres.line()) as line:
        service = RunningService(by_line(url, line), graceful_timeout_s="1")
        with (
            Client(service.host, f"Bot {tokens.bot}") as bot,
            Client(service.host, f"Bearer {tokens.player}") as player,
        ):

            def put(percent: int) -> int:
                return bot.put(progress_path(WIN, PLAYER), {"percent_complete": percent}).status_code

            assert put(1) == 200
            line.fall_silent()
            assert put(2) == 503
            assert player.get(mine_path()).status_code == 503
            line.heal()
            until(lambda: put(3) == 200, "it has connected again", 40)
            assert player.get(mine_path()).status_code == 200
            line.fall_silent()
            assert put(4) == 503
            service.terminate()
            began = time.monotonic()
            service.stop()
            assert time.monotonic() - began < 12
