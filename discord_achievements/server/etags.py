"""Remembers the `ETag` of each player's list, so that a poll without news costs the same whatever the list's length."""

from __future__ import annotations

from functools import partial

from ..domain.wire import Shape
from .definitions import Definitions
from .stores.base import RecordsVersion, Store
from .stores.calls import StoreCalls

_REMEMBERED_MAX = 20_000
_Asked = tuple[int, int, Shape, bool]


class ETags:
    """Returns the `ETag` of a player's current list. Belongs to the event loop.

    Any process may change the records: a remembered tag holds for one version of them, in one history, and for one of
    the definitions.
    """

    def __init__(self, store: Store, calls: StoreCalls) -> None:
        self._store = store
        self._calls = calls
        self._remembered: dict[_Asked, tuple[int, str, RecordsVersion, str]] = {}

    async def get(self, definitions: Definitions, history: str, user_id: int, shape: Shape, *, started: bool) -> str:
        """Return the tag that `Definitions.etag` makes of the player's records."""
        application_id = definitions.application_id
        asked = (application_id, user_id, shape, started)
        # Read before the records: a tag may be newer than its version, and then the next look finds a change.
        version = await self._calls.read(partial(self._store.records_version, application_id, user_id))
        remembered = self._remembered.get(asked)
        if remembered is not None and remembered[:3] == (definitions.serial, history, version):
            return remembered[3]
        records = await self._calls.read(partial(self._store.records, application_id, user_id))
        etag = definitions.etag(user_id, records, shape, started=started)
        self._remembered.pop(asked, None)
        if len(self._remembered) >= _REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[asked] = (definitions.serial, history, version, etag)
        return etag
