"""The service on PostgreSQL, which dies after committing a certain update and before sending its event."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

from discord_achievements.server.postgres.store import PostgresStore
from discord_achievements.server.settings import Settings
from discord_achievements.server.stores.base import Key, Write, Written
from discord_achievements.server.web.process import serve_store

FATAL_PERCENT = 66


class DoomedStore(PostgresStore):
    """Ends the process, as SIGKILL would, after a commit."""

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        written = super().write(writes, at_us)
        if any(one.after and one.after.progress.percent == FATAL_PERCENT for one in written.values()):
            os._exit(9)
        return written


if __name__ == "__main__":
    settings = Settings.from_environment(os.environ, database=sys.argv[-1])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serve_store(DoomedStore(settings.database), settings, listening, lambda: print("Listening on", url, flush=True))
