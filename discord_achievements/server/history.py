"""The history that answers belong to, so that a client notices when a backup has taken the database's place."""

from __future__ import annotations

from collections.abc import Callable

from .stores.base import Store
from .stores.calls import StoreCalls


class History:
    """Reads the id of the store's history again whenever the generation changes. Belongs to the event loop.

    `on_renewal` is called when another has taken its place.
    """

    def __init__(self, store: Store, calls: StoreCalls, on_renewal: Callable[[], None]) -> None:
        self._store = store
        self._calls = calls
        self._on_renewal = on_renewal
        self._generation: int | None = None
        self._known = ""

    async def current(self) -> str:
        """Return the current id.

        Ask before reading or writing what is answered: an answer may carry an older id than its content, and then its
        client meets the new id a little later. The other way round it would take old content for the new history's.
        """
        generation = self._store.generation()
        if generation != self._generation:
            before, self._known = self._known, await self._calls.read(self._store.history)
            self._generation = generation
            if before not in ("", self._known):
                self._on_renewal()
        return self._known
