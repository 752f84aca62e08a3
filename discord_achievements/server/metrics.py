"""Counts requests and streams for GET /metrics, in Prometheus' format."""

from __future__ import annotations

import os
from collections import defaultdict

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counts of one process; with several workers, each of them reports the sum over all.

    A request only adds to plain numbers, which `flush` passes on: prometheus_client takes a lock for each number.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "discord_achievements_requests",
            "Requests by route and status of their answer",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Counter(
            "discord_achievements_request_seconds",
            "Total time from requests' headers to their answers",
            ["route"],
            registry=self._registry,
        )
        self._streams = Gauge(
            "discord_achievements_streams",
            "Open event streams",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._counted: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._timed: defaultdict[str, float] = defaultdict(float)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answer; `seconds` is how long it took."""
        self._counted[route, status] += 1
        self._timed[route] += seconds

    def flush(self, streams: int) -> None:
        """Pass on what was counted, and the number of open event streams."""
        for (route, status), count in self._counted.items():
            self._requests.labels(route, str(status)).inc(count)
        for route, seconds in self._timed.items():
            self._seconds.labels(route).inc(seconds)
        self._counted.clear()
        self._timed.clear()
        self._streams.set(streams)

    def text(self) -> bytes:
        """Return everything that was passed on, in Prometheus' format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
