"""An achievement is deleted while players update it through two processes: none of its progress stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from discord_achievements.server.web.app import open_store
from tests.support.running import APP, WIN, Client, definitions_path, prepare, progress_path, running

pytestmark = pytest.mark.any_python

PLAYERS = range(1, 121)
DELETED_AFTER = 30


def test_its_progress_goes_with_it(make_database: Callable[[], str]) -> None:
    database = make_database()
    tokens = prepare(database)
    with (
        running(database, rate_limits="off") as one,
        running(database, rate_limits="off") as other,
        ThreadPoolExecutor(8) as threads,
    ):

        def put(user: int) -> int:
            with Client((one, other)[user % 2].host, f"Bot {tokens.bot}") as bot:
                return bot.put(progress_path(WIN, user), {"percent_complete": 50}).status_code

        playing = [threads.submit(put, user) for user in PLAYERS]
        for first in playing[:DELETED_AFTER]:
            assert first.result(60) == 200
        with Client(one.host, f"Bot {tokens.bot}") as bot:
            assert bot.call("DELETE", definitions_path(WIN)).status_code == 204
        statuses = Counter(playing.result(60) for playing in playing)
    assert statuses.keys() <= {200, 404}, statuses
    with closing(open_store(database)) as store:
        assert [user for user in PLAYERS if store.records(APP, user)] == []
    assert one.log == other.log == []
