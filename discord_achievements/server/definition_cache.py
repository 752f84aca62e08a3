"""Keeps each application's definitions in memory, for as long as the store's generation stays the same.

Any process may change definitions; the generation changes with each change, in every process.
"""

from __future__ import annotations

import asyncio
from functools import partial

from .definitions import Definitions
from .stores.base import Store
from .stores.calls import StoreCalls

_APPLICATIONS_MAX = 200


class DefinitionCache:
    """Returns an application's current definitions. Belongs to the event loop."""

    def __init__(self, store: Store, calls: StoreCalls) -> None:
        self._store = store
        self._calls = calls
        self._known: dict[int, tuple[int, Definitions]] = {}
        self._loading: dict[int, tuple[int, asyncio.Task[Definitions | None]]] = {}

    async def get(self, application_id: int) -> Definitions | None:
        """Return an application's definitions, None if there is no such application."""
        generation = self._store.generation()
        known = self._known.get(application_id)
        if known is not None and known[0] == generation:
            return known[1]
        # Requests that wait for the same definitions share one read, unless the generation has changed since it began.
        loading = self._loading.get(application_id)
        if loading is None or loading[0] != generation:
            task = asyncio.create_task(self._load(application_id, generation))
            task.add_done_callback(partial(self._loaded, application_id))
            loading = self._loading[application_id] = (generation, task)
        return await asyncio.shield(loading[1])

    async def _load(self, application_id: int, generation: int) -> Definitions | None:
        """Read an application's definitions; if they are equal to the known ones, keep those and what was prepared."""
        if await self._calls.in_thread(self._store.application, application_id) is None:
            self._known.pop(application_id, None)
            return None
        definitions = Definitions(application_id, await self._calls.in_thread(self._store.achievements, application_id))
        known = self._known.get(application_id)
        if known is not None and known[1].achievements == definitions.achievements:
            definitions = known[1]
        if len(self._known) >= _APPLICATIONS_MAX:
            self._known.clear()
        # The generation is from before the read, so an entry may be newer than its generation, but never older.
        self._known[application_id] = (generation, definitions)
        return definitions

    def _loaded(self, application_id: int, task: asyncio.Task[Definitions | None]) -> None:
        if self._loading.get(application_id, (0, None))[1] is task:
            del self._loading[application_id]
        if not task.cancelled():
            task.exception()  # marks it as seen: requests that still wait raise it, and without any it does not matter
