"""Calls a store from the event loop: directly if that takes microseconds, otherwise on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from .base import Store

T = TypeVar("T")

_THREADS = 8


class StoreCalls:
    """The event loop's way to everything in a store except writing progress, which is the `Writer`'s."""

    def __init__(self, store: Store) -> None:
        self._reads_at_once = store.reads_at_once
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")

    async def read(self, read: Callable[[], T]) -> T:
        """Return what one of the quick reads returns, which `Store.reads_at_once` lists."""
        return read() if self._reads_at_once else await self.in_thread(read)

    async def in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what `function` returns, which may block."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *arguments))

    def close(self) -> None:
        """Return when all calls are finished. **Blocks**."""
        self._threads.shutdown()
