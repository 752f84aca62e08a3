"""The service over a store that forgets, with the definitions and tokens of a database: what durability costs."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
from contextlib import closing

from discord_achievements.server.settings import Settings
from discord_achievements.server.stores.memory import MemoryStore
from discord_achievements.server.web.app import open_store
from discord_achievements.server.web.process import serve_store


def main(database: str) -> None:
    store = MemoryStore()
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
        keys = [row[0] for row in connection.execute("SELECT key FROM tokens WHERE kind = 'bot'")]
    with closing(open_store(database)) as kept:
        tokens = [token for key in keys if (token := kept.token(key))]
        for application in kept.applications():
            mine = next(token for token in tokens if token.application_id == application.id)
            store.add_application(application, mine)
            for achievement in kept.achievements(application.id):
                store.add_achievement(achievement, None)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = Settings.from_environment(os.environ, database=database)
        serve_store(store, settings, listening, lambda: print(url, flush=True))


if __name__ == "__main__":
    main(sys.argv[1])
