"""A limit on how long a block may take does what `asyncio.timeout` does, whatever else is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.server.time_limit import TimeLimit
from tests.simulation.loop import Loop
from tests.simulation.time_and_chance import Time

LIMIT_S = 8


def run(scene: Coroutine[Any, Any, object]) -> None:
    """Run `scene` in virtual time."""
    time = Time()
    loop = Loop(time)
    task = loop.create_task(scene)
    loop.run()
    while not task.done():
        time.sleep(loop.due_at - time.now())
        loop.run()
    task.result()
    assert loop.troubles == []


def now() -> float:
    return asyncio.get_running_loop().time()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=20))
def test_every_block_ends_in_time_and_none_too_early(blocks: list[tuple[int, int]]) -> None:
    """Each block begins at a second and takes some; whoever is late raises at the limit."""

    async def scene() -> None:
        limit = TimeLimit(LIMIT_S)

        async def block(began_s: int, takes_s: int) -> tuple[bool, float]:
            await asyncio.sleep(began_s)
            try:
                with limit.applied():
                    await asyncio.sleep(takes_s + 0.5)
            except TimeoutError:
                return False, now()
            return True, now()

        ended = await asyncio.gather(*(block(*one) for one in blocks))
        assert ended == [
            (True, began + takes + 0.5) if takes < LIMIT_S else (False, began + LIMIT_S) for began, takes in blocks
        ]

    run(scene())


def test_what_else_is_raised_in_a_block_leaves_it() -> None:
    async def scene() -> None:
        limit = TimeLimit(LIMIT_S)
        with pytest.raises(KeyError), limit.applied():
            raise KeyError
        with pytest.raises(TimeoutError), limit.applied():
            await asyncio.sleep(LIMIT_S + 1)
        assert await asyncio.sleep(LIMIT_S, "the task goes on") == "the task goes on"

    run(scene())


def test_a_task_that_others_cancel_is_cancelled() -> None:
    async def scene() -> None:
        limit = TimeLimit(LIMIT_S)

        async def block() -> None:
            with limit.applied():
                await asyncio.sleep(LIMIT_S + 1)

        task = asyncio.create_task(block())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scene())


def test_a_task_that_others_cancel_while_its_time_is_up_is_cancelled() -> None:
    async def scene() -> None:
        limit = TimeLimit(LIMIT_S)

        async def block() -> None:
            with limit.applied():
                try:
                    await asyncio.sleep(LIMIT_S + 1)
                finally:
                    task.cancel()

        task = asyncio.create_task(block())
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scene())
