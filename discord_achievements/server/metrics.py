"""What an operator can watch at GET /metrics."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counts of one process; with several workers, each answers for all of them together."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "discord_achievements_requests",
            "Requests by route and status of their answer",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "discord_achievements_request_seconds",
            "Time from a request's headers to its answer",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._streams = Gauge(
            "discord_achievements_streams",
            "Open event streams",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._counted: dict[tuple[str, int], Callable[[], None]] = {}
        self._timed: dict[str, Callable[[float], None]] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        counted = self._counted.get((route, status))
        if counted is None:
            # Finding the labels takes longer than counting.
            counted = self._counted[route, status] = self._requests.labels(route, str(status)).inc
            self._timed[route] = self._seconds.labels(route).observe
        counted()
        self._timed[route](seconds)

    def set_streams(self, count: int) -> None:
        """Tell how many event streams are open."""
        self._streams.set(count)

    def text(self) -> bytes:
        """Return all counts in Prometheus' format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
