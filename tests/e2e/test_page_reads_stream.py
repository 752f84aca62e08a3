"""The JavaScript in docs/reference/wire.md reads the event stream, and resumes it when the connection is lost."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from discord_achievements.testing import FakeService, FaultServer
from tests.docs.pages import DOCS, blocks
from tests.support.running import APP, PLAYER, WIN, environment, mine_path
from tests.support.waiting import until

TOKEN = "a-players-token"
PATIENCE_S = 60.0
pytestmark = pytest.mark.any_python


@contextmanager
def page(url: str) -> Iterator[Queue[Any]]:
    """Run the documented function with node; yield a queue that gets its events, then what it returns."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("not run: this machine has no node")
    (block,) = [block for block in blocks(DOCS / "reference/wire.md") if block.title == "a page that reads the stream"]
    code = f"""
        {block.content}
        const say = (said) => console.log(JSON.stringify(said));
        say(await readEvents({json.dumps(url)}, {json.dumps(TOKEN)}, (event, data) => say([event, data])));
    """
    heard: Queue[Any] = Queue()
    process = subprocess.Popen(
        [node, "--input-type=module", "--eval", code], stdout=subprocess.PIPE, encoding="utf-8", env=environment()
    )
    assert process.stdout is not None
    lines = process.stdout

    def listen() -> None:
        for line in lines:
            heard.put(json.loads(line))

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield heard
    finally:
        process.kill()
        process.wait(10)
        listener.join(10)
        lines.close()


def test_the_documented_page_reads_and_resumes() -> None:
    service = FakeService(APP)
    service.add_achievement(WIN, "Win the Game", "You won! \u00c4")
    service.add_player(TOKEN, PLAYER)

    def hear_until(percent: int) -> None:
        name, data = heard.get(timeout=PATIENCE_S)
        assert (name, data["achievement_id"]) == ("USER_ACHIEVEMENT_UPDATE", str(WIN))
        if data["percent_complete"] != percent:
            hear_until(percent)

    events = mine_path(tail="/events")
    with FaultServer(service) as server, page(server.base_url + events) as heard:
        until(lambda: server.requests["GET", f"/api/v10{events}"], "the page asks for the stream", PATIENCE_S)
        percents = itertools.count(1)

        def is_connected() -> bool:
            service.grant(PLAYER, WIN, next(percents))  # its first connection gets what happens from then on
            return not heard.empty()

        until(is_connected, "the page hears something")
        service.grant(PLAYER, WIN, 90)
        hear_until(90)
        server.drop_streams()
        service.grant(PLAYER, WIN, 100)
        hear_until(100)  # missed, so it comes with the next connection
        service.revoke(TOKEN)
        server.drop_streams()
        assert heard.get(timeout=PATIENCE_S) == 401
