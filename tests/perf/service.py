"""A small achievements service in its own process, so that its work does not hold our interpreter lock.

It answers the player's list and the event stream. Two requests set what they contain:

* `POST /bench/answers {"token", "changes": "all" | "few" | "nothing"}`: what changes before each later answer
* `POST /bench/event {"token", "delay_s"}`: raises one achievement after a while and says so on the stream

A player (a token) can change 100 times, since progress only rises; then the service answers 500 and says why.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import traceback
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

APPLICATION_ID = 461618159171141643
FIRST_ACHIEVEMENT_ID = 580159119969878046
FEW = 3
LIST_PATH = f"/api/v10/users/@me/applications/{APPLICATION_ID}/achievements"
KEEP_ALIVE_S = 15.0


def achievement_ids(count: int) -> list[int]:
    """Return the ids of a list of `count` achievements."""
    return [FIRST_ACHIEVEMENT_ID + 4096 * index for index in range(count)]


class TooManyChanges(Exception):
    """A player has reached 100 percent; ask again with another token."""


class Player:
    """One player's list, as text that is put together at each answer."""

    def __init__(self, count: int) -> None:
        self.lock = threading.Lock()
        self.changes = "nothing"
        self.streams: list[queue.SimpleQueue[str]] = []
        self._ids = achievement_ids(count)
        self._percents = [1] * count
        self._revision = 1
        self._revisions = [1] * count
        self._next_of_few = 0
        self._definitions = [_definition(index, achievement_id) for index, achievement_id in enumerate(self._ids)]

    def next_answer(self) -> tuple[str, bytes]:
        """Return ETag and body, after what `changes` asks for has happened. Call it under the lock."""
        if self.changes == "all":
            self._raise(range(len(self._ids)))
        elif self.changes == "few":
            self._raise(self._some(FEW))
        entries = [
            f'{definition},"percent_complete":{percent},"unlocked_at":null,"revision":{revision}}}'
            for definition, percent, revision in zip(self._definitions, self._percents, self._revisions, strict=True)
        ]
        return f'"{self._revision}"', f"[{','.join(entries)}]".encode()

    def raise_one(self) -> None:
        """Raise one achievement and send the event on the streams."""
        with self.lock:
            (index,) = self._some(1)
            self._raise([index])
            data = {
                "application_id": str(APPLICATION_ID),
                "user_id": "1",
                "achievement_id": str(self._ids[index]),
                "percent_complete": self._percents[index],
                "unlocked_at": None,
                "revision": self._revision,
            }
            event = f"id: {self._revision}\nevent: USER_ACHIEVEMENT_UPDATE\ndata: {json.dumps(data)}\n\n"
            for stream in self.streams:
                stream.put(event)

    def _some(self, count: int) -> list[int]:
        first = self._next_of_few
        self._next_of_few += count
        return [(first + offset) % len(self._ids) for offset in range(count)]

    def _raise(self, indices: range | list[int]) -> None:
        self._revision += 1
        for index in indices:
            if self._percents[index] >= 99:
                raise TooManyChanges
            self._percents[index] += 1
            self._revisions[index] = self._revision


def _definition(index: int, achievement_id: int) -> str:
    text = json.dumps(
        {
            "application_id": str(APPLICATION_ID),
            "id": str(achievement_id),
            "name": f"Achievement number {index}",
            "name_localizations": {"de": f"Errungenschaft Nummer {index}"},
            "description": f"Do the thing that this game asks for {index} times.",
            "description_localizations": None,
            "secret": False,
            "secure": False,
            "icon_hash": "52c1636444f64ad7cb5368b158847def",
            "user_id": "1",
            "achievement_id": str(achievement_id),
        },
        separators=(",", ":"),
    )
    return text.removesuffix("}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, count: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._count = count
        self._players: dict[str, Player] = {}
        self._lock = threading.Lock()

    def player(self, token: str) -> Player:
        with self._lock:
            return self._players.setdefault(token, Player(self._count))

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that disconnects is not worth a traceback; any other failure is."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        player = self.server.player(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if path == LIST_PATH:
            self._list(player)
        elif path == f"{LIST_PATH}/events":
            self._events(player)
        elif path.endswith("/oauth2/@me"):
            self._answer(200, json.dumps({"user": {"id": "1"}}).encode())
        else:
            self._answer(404, b'{"message":"404: Not Found","code":0}')

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        player = self.server.player(asked["token"])
        if self.path == "/bench/answers":
            with player.lock:
                player.changes = asked["changes"]
        elif self.path == "/bench/event":
            threading.Timer(asked["delay_s"], player.raise_one).start()
        self._answer(200, json.dumps({"streams": len(player.streams)}).encode())

    def _list(self, player: Player) -> None:
        try:
            with player.lock:
                etag, body = player.next_answer()
        except TooManyChanges:
            self._answer(500, b'{"message":"this player has changed too often for the bench","code":0}')
            return
        if self.headers.get("If-None-Match") == etag:
            self._answer(304, b"", etag)
        else:
            self._answer(200, body, etag)

    def _events(self, player: Player) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        stream: queue.SimpleQueue[str] = queue.SimpleQueue()
        with player.lock:
            player.streams.append(stream)
        text = "retry: 5000\n\n"
        try:
            while True:
                chunk = text.encode()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                try:
                    text = stream.get(timeout=KEEP_ALIVE_S)
                except queue.Empty:
                    text = ": still here\n\n"
        finally:
            with player.lock:
                player.streams.remove(stream)

    def _answer(self, status: int, body: bytes, etag: str | None = None) -> None:
        lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not OK'}"]
        if etag is not None:
            lines.append(f"ETag: {etag}")
        if status != 304:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no line per request."""


class Service:
    """Context manager that runs the service in a subprocess, and sets what it answers."""

    def __init__(self, achievements: int = 1000) -> None:
        self._command = [sys.executable, __file__, "--achievements", str(achievements)]

    def __enter__(self) -> Service:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    @property
    def base_url(self) -> str:
        """What a manager takes as `base_url`."""
        return f"http://127.0.0.1:{self._port}/api/v10"

    @property
    def list_url(self) -> str:
        """Where the player's list is."""
        return f"http://127.0.0.1:{self._port}{LIST_PATH}"

    def answers_change(self, token: str, changes: str) -> int:
        """Let "all", "few" or "nothing" change before each later answer; returns the open streams."""
        return self._post("/bench/answers", {"token": token, "changes": changes})

    def event_after(self, token: str, delay_s: float) -> None:
        """Raise one achievement after a while, and say so on the streams."""
        self._post("/bench/event", {"token": token, "delay_s": delay_s})

    def _post(self, path: str, asked: dict[str, object]) -> int:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request("POST", path, json.dumps(asked))
        streams = json.loads(connection.getresponse().read())["streams"]
        connection.close()
        return int(streams)


def main() -> None:
    """Serve until the parent ends; print the port when ready."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--achievements", type=int, required=True)
    if hasattr(os, "nice"):
        os.nice(10)  # in reality it is another machine, and takes no processor from the game
    server = _Server(parser.parse_args().achievements)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
