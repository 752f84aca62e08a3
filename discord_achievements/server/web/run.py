"""Starts the service: binds the port, migrates the database, then serves in this process or in several workers."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable

from ...domain.errors import ConfigurationError
from ...domain.snowflake import check_clock
from ..settings import Settings
from .app import open_store
from .logs import log_to_stderr
from .process import serve_store
from .workers import Workers

_OPEN_FILES_MAX = 1_048_576  # where the system sets no limit
_log = logging.getLogger(__name__)


def serve(settings: Settings, on_listening: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT and return the exit status; `on_listening` gets the URL once requests are answered.

    **Blocks**. Raises `StoreUnavailable`, `ConfigurationError` and `ClockError` if the service cannot start.
    """
    # Unlocks would be stored with the wrong time, too, and keep it for ever.
    check_clock(time.time_ns() // 1000)
    log_to_stderr(settings.log_level, settings.log_format)
    _raise_open_files_limit()
    listening = _bind(settings)
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    with listening:
        if settings.workers == 1:
            return serve_store(open_store(settings.database), settings, listening, lambda: on_listening(url))
        open_store(settings.database).close()  # migrates once, and fails here rather than in every worker
        with tempfile.TemporaryDirectory(prefix="discord_achievements_metrics") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            return Workers(settings, listening).run(lambda: on_listening(url))


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # on Windows it would let two programs take one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.set_inheritable(True)
    except OSError as exc:
        listening.close()
        where, reason = f"{settings.host}:{settings.port}", exc.strerror or exc
        if exc.errno == errno.EADDRINUSE:
            reason = "the port is in use; is another `serve` running? Choose another port with --port"
        raise ConfigurationError(f"cannot listen on {where}: {reason}") from exc
    except BaseException:
        listening.close()
        raise
    return listening


def _raise_open_files_limit() -> None:
    """Allow as many open files as the system permits: each connection is one. Worker processes inherit the limit."""
    if sys.platform != "win32":  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES_MAX)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (ValueError, OSError) as exc:  # macOS refuses more than its kernel's own limit
                _log.warning("open files, and so connections, stay limited to %d: %s", soft, exc)
