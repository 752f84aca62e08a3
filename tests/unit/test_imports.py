"""Which part of the package may import which.

`domain` is pure and imports no other part; `client` and `server` share `domain` and never meet; what a game imports
never reaches the server, the command line or the fakes; one module knows `requests`.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = "discord_achievements"
ROOT = Path(__file__).parents[2] / PACKAGE

TRANSPORT = f"{PACKAGE}.client.net.requests_transport"
HTTP_LIBRARIES = {"requests", "urllib3"}
DRAWS = "pygame_ui"
STANDARD_LIBRARY = set(sys.stdlib_module_names)
# The standard library's modules that do input or output, read a clock, generate random numbers or start threads.
IMPURE = {
    "asyncio", "concurrent", "fcntl", "http.client", "http.server", "io", "logging", "mmap", "msvcrt",
    "multiprocessing", "os", "pathlib.Path", "random", "secrets", "select", "selectors", "shutil", "signal",
    "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
CLIENT = f"{PACKAGE}.client"
WORKER = f"{CLIENT}.worker"
# Of the game's thread only these meet the worker: to make one, to start and stop it. The rest is messages.
MEETS_THE_WORKER = {
    f"{CLIENT}.manager": {f"{WORKER}.start", f"{WORKER}.thread"},
    f"{CLIENT}.lifetime": {f"{WORKER}.thread"},
}
BELOW_THE_WORKER = {f"{CLIENT}.disk", f"{CLIENT}.net"}
SERVER_WEB = f"{PACKAGE}.server.web"
SERVER_SERVICE = f"{PACKAGE}.server.service"
SERVER_BELOW = {f"{PACKAGE}.server.{folder}" for folder in ("stores", "postgres", "redis")}
SEES_THE_SERVER = {"server", "cli", "testing"}
SEES_TOOLS = {"cli", "testing", "pytest_plugin", "__main__"}


def imported(source: str, package: str) -> Iterator[str]:
    """Yield the dotted name of everything that a module in `package` imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def part(name: str) -> str:
    """Return the part of the package that a name is in: `client` for discord_achievements.client.worker.schedule."""
    return f"{name}.".split(".")[1]


def is_within(name: str, modules: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


def objection(module: str, target: str) -> str | None:
    """Return why `module` must not import `target`, or None if it may."""
    here = part(module)
    if not is_within(target, {PACKAGE}):
        if here == "domain" and (is_within(target, IMPURE) or not is_within(target, STANDARD_LIBRARY)):
            return "domain is pure"
        if is_within(target, HTTP_LIBRARIES) and module != TRANSPORT:
            return f"only {TRANSPORT} talks HTTP"
        if is_within(target, {"pygame"}) and here != DRAWS:
            return f"only {DRAWS} draws"
        return None
    if within_client := _objection_within_client(module, target):
        return within_client
    there = part(target)
    if here == "domain" and there != "domain":
        return "domain imports no other part"
    if here == "server" and there not in {"domain", "server"}:
        return "the server knows domain only"
    if here == "server" and is_within(target, {SERVER_WEB}) and not is_within(module, {SERVER_WEB}):
        return "the service does not know HTTP"
    if is_within(module, SERVER_BELOW) and is_within(target, {SERVER_SERVICE}):
        return "stores, brokers and limiters do not know the service"
    if there == "server" and here not in SEES_THE_SERVER:
        return "a game never loads the server"
    if there == DRAWS != here:
        return f"a game asks for {DRAWS} itself"
    if there in SEES_TOOLS and here not in SEES_TOOLS:
        return "a game never loads the tools"
    return None


def _objection_within_client(module: str, target: str) -> str | None:
    """Return why a module of the client must not import another one, or None if it may."""
    if not is_within(module, {CLIENT}) or not is_within(target, {CLIENT}):
        return None
    folder = next((one for one in BELOW_THE_WORKER if is_within(module, {one})), None)
    if folder is not None and is_within(target, {WORKER} | BELOW_THE_WORKER - {folder}):
        return "disk and net know neither the worker nor each other"
    allowed = {WORKER} if is_within(module, {WORKER}) else MEETS_THE_WORKER.get(module, set())
    if is_within(target, {WORKER}) and not is_within(target, allowed):
        return "the game's thread reaches the worker through messages"
    return None


def wrong_arrows(sources: Mapping[str, str]) -> list[str]:
    """Return a line for each forbidden import in `sources` (path within the package: text)."""
    wrong = []
    for path, source in sources.items():
        package, _, stem = f"{PACKAGE}/{path.removesuffix('.py')}".replace("/", ".").rpartition(".")
        module = package if stem == "__init__" else f"{package}.{stem}"
        for target in imported(source, package):
            if reason := objection(module, target):
                wrong.append(f"{module} imports {target}: {reason}")
    return wrong


def test_the_package_keeps_its_arrows() -> None:
    sources = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.rglob("*.py")}
    assert {part.split("/")[0] for part in sources} >= {"__init__.py", "domain", "client", "testing"}
    assert wrong_arrows(sources) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("domain/retry.py", "import requests"),
        ("domain/retry.py", "import time"),
        ("domain/retry.py", "from random import random"),
        ("domain/retry.py", "import urllib.request"),
        ("domain/retry.py", "from ..client import worker"),
        ("domain/__init__.py", "from .. import client"),
        ("domain/retry.py", "def later():\n    from discord_achievements.client.worker.schedule import Schedule"),
        ("client/worker/schedule.py", "from ...server.stores.base import Store"),
        ("client/worker/schedule.py", "from ... import server"),
        ("client/worker/schedule.py", "from ...testing import ManualClock"),
        ("client/manager.py", "import requests.adapters"),
        ("client/manager.py", "from urllib3 import PoolManager"),
        ("server/service.py", "from ..client.worker.schedule import Schedule"),
        ("server/web/app.py", "from ...client import worker"),
        ("server/service.py", "from .web.endpoints import ENDPOINTS"),
        ("server/stores/sql.py", "from ..web import app"),
        ("server/stores/base.py", "from ..service import Service"),
        ("server/redis/broker.py", "from .. import service"),
        ("__init__.py", "from .server import app"),
        ("__init__.py", "from . import testing"),
        ("gamesdk.py", "import discord_achievements.server.app"),
        ("testing/fakes.py", "import requests"),
        ("client/player_list.py", "import pygame"),
        ("__init__.py", "from .pygame_ui import Toasts"),
        ("client/disk/storage.py", "from ..worker.engine import Engine"),
        ("client/disk/storage.py", "from .. import worker"),
        ("client/disk/storage.py", "from ..net.api import Api"),
        ("client/net/api.py", "from ..worker import schedule"),
        ("client/net/api.py", "from ..disk.storage import Storage"),
        ("client/callbacks.py", "from .worker.engine import Engine"),
        ("client/messages.py", "from .worker import courier"),
        ("client/manager.py", "from .worker.engine import Engine"),
        ("client/lifetime.py", "from .worker.start import new_worker"),
        ("pygame_ui/toasts.py", "from ..testing import ManualClock"),
    ],
)
def test_a_wrong_arrow_is_found(path: str, source: str) -> None:
    assert len(wrong_arrows({path: source})) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("domain/retry.py", "import math, urllib.parse\nfrom . import result\nfrom .result import Result"),
        ("domain/__init__.py", "from .retry import decide"),
        ("client/net/requests_transport.py", "import requests, urllib3"),
        ("client/manager.py", "import threading\nfrom .net.requests_transport import RequestsTransport"),
        ("server/web/app.py", "from ...domain.routes import ROUTES\nfrom ..stores.base import Store"),
        ("server/web/api.py", "from ..service import Service\nfrom .endpoints import ENDPOINTS"),
        ("testing/world.py", "from ..client import worker\nfrom ..server import app"),
        ("cli/main.py", "from ..server import app\nfrom ..testing import FaultServer"),
        ("__main__.py", "from .cli import main"),
        ("client/manager.py", "from .worker.start import new_worker\nfrom .worker.thread import Worker"),
        (
            "client/worker/engine.py",
            "from ..disk.storage import Storage\nfrom ..net.api import Api\nfrom . import news",
        ),
        ("client/disk/storage.py", "from ..state import State\nfrom .journal import Journal"),
        ("pygame_ui/toasts.py", "import pygame\nfrom ..client.manager import AchievementManager\nfrom . import paint"),
    ],
)
def test_a_right_arrow_passes(path: str, source: str) -> None:
    assert wrong_arrows({path: source}) == []
