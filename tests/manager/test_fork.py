"""A game that forks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.managers import (
    APPLICATION_ID,
    PATIENCE_S,
    SECURE,
    WALK,
    WIN,
    Start,
    python,
    run_python,
    write_catalogue,
)
from tests.support.service_games import BASE_URL, ServiceAndGames

FORK = """
    import os, sys
    from discord_achievements import AchievementManager

    application_id, walk, win, catalogue, data_dir, ending = sys.argv[1:]
    manager = AchievementManager(int(application_id), achievements=catalogue, data_dir=data_dir)
    received = []
    manager.on_user_achievement_update = lambda achievement: received.append(achievement.percent_complete)

    def until(condition):
        while not condition():
            manager.run_callbacks()

    manager.set_user_achievement(int(walk), 10, received.append)
    until(lambda: len(received) == 2)
    manager.set_user_achievement(int(walk), 20)  # its event waits while the process forks
    manager.flush()
    child = os.fork()
    if not child:
        before = list(received)
        manager.set_user_achievement(int(win), 100, lambda result: received.append(result.name))
        manager.fetch_user_achievements(lambda result: received.append(result.name))
        manager.run_callbacks()
        print("child", repr(manager), received[len(before):], manager.flush(0), flush=True)
        if ending == "wait":
            sys.stdin.read()
        manager.close()
        del manager
        sys.exit()
    if ending == "wait":
        os._exit(0)
    os.waitpid(child, 0)
    manager.run_callbacks()
    print("parent", received, flush=True)
    del received[:]
    manager.set_user_achievement(int(win), 100, lambda result: received.append(result.name))
    until(lambda: len(received) == 2)
    print("parent", received, flush=True)
"""
ABORTED = "['TRANSACTION_ABORTED', 'TRANSACTION_ABORTED']"
CHILD = f"child <AchievementManager {APPLICATION_ID}, local mode, not fetched, closed> {ABORTED} True"
can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@can_fork
def test_a_forked_child_has_a_closed_manager_and_the_parent_continues(tmp_path: Path, start: Start) -> None:
    arguments = (APPLICATION_ID, WALK, WIN, write_catalogue(tmp_path), tmp_path / "data", "at once")
    ended = run_python(FORK, *arguments)
    assert ended.returncode == 0, ended.stderr
    (said,) = ended.stderr.splitlines()  # once, of two calls
    assert said.startswith("this process was forked from the one that created the AchievementManager")
    assert ended.stdout.splitlines() == [CHILD, "parent [10, <Result.OK: 0>, 20]", "parent [100, 'OK']"]
    game = start()
    game.fetch()
    assert game.percents == {WALK: 20, WIN: 100, SECURE: 0}


@can_fork
def test_a_child_that_outlives_its_parent_does_not_block_the_next_start(tmp_path: Path, start: Start) -> None:
    arguments = (APPLICATION_ID, WALK, WIN, write_catalogue(tmp_path), tmp_path / "data", "wait")
    with python(FORK, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == CHILD + "\n"
        process.wait(PATIENCE_S)  # the parent has ended; the child still has the files that it inherited
        journals = list((tmp_path / "data").glob("journal-*"))
        assert len(journals) == 1
        game = start()
        assert not journals[0].exists()  # the journal has been taken over
        game.fetch()
        assert game.percents == {WALK: 20, WIN: 0, SECURE: 0}


FORK_WITH_SERVICE = """
    import gc, os, sys
    from discord_achievements import AchievementManager
    from discord_achievements.testing import FakeService, InProcessTransport, run_until

    class Line(InProcessTransport):
        def close(self):
            # In one piece: two threads may be here at once.
            os.write(1, b"closed by the parent\\n" if os.getpid() == parent else b"closed by the child\\n")
            super().close()

    parent = os.getpid()
    application_id, walk, base_url, data_dir = sys.argv[1:]
    service = FakeService(int(application_id))
    service.add_achievement(int(walk))
    service.add_player("ann-1", 1)
    manager = AchievementManager(
        int(application_id), base_url=base_url, token="ann-1", data_dir=data_dir, transport=Line(service)
    )
    received = []
    manager.fetch_user_achievements(received.append)
    run_until(manager, lambda: received)
    child = os.fork()
    if not child:
        manager.set_token("bob-1")
        manager.close()
        del manager
        gc.collect()
        sys.exit()
    os.waitpid(child, 0)
    manager.set_user_achievement(int(walk), 70, received.append)
    run_until(manager, lambda: len(received) == 2)
    print([result.name for result in received], service.progress(1)[int(walk)].percent, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_leaves_the_parents_connections_alone(world: ServiceAndGames) -> None:
    ended = run_python(FORK_WITH_SERVICE, APPLICATION_ID, WALK, BASE_URL, world.folder / "data")
    assert ended.returncode == 0, ended.stderr
    first, *others = ended.stdout.splitlines()
    assert first == "['OK', 'OK'] 70"
    assert set(others) == {"closed by the parent"}
