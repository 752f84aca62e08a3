"""What a process counts and measures for GET /metrics, in Prometheus' format."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS = [*map(str, _BOUNDS_S), "+Inf"]
_PREFIX = "discord_achievements_"
_DURATION = f"{_PREFIX}request_duration_seconds"
_DURATION_TEXT = "Time from a request's headers to its answer"
# prometheus_client adds to its histograms one measurement at a time; these become one when they are shown.
_BUCKETS, _SUM = f"{_DURATION}_buckets", f"{_DURATION}_sums"


class State(NamedTuple):
    """How things stand in a process.

    `streams` are open; `waiting` updates wait for a transaction; `committed` updates were committed in `batches`
    transactions; `connected` is whether events of other processes are received; of the connections to the database,
    `connections` are in use.
    """

    streams: int
    waiting: int
    committed: int
    batches: int
    connected: bool
    connections: int


class Metrics:
    """The numbers of one process; with several workers, each of them reports for all.

    A request only adds to plain numbers, which `flush` passes on: prometheus_client takes a lock for each number.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, mode: Literal["livesum", "livemin"] = "livesum") -> Gauge:
            return Gauge(name, text, registry=registry, multiprocess_mode=mode)

        requests = "Requests by route and status of their answer"
        self._requests = counter(f"{_PREFIX}requests", requests, "route", "status")
        self._buckets = counter(_BUCKETS, _DURATION_TEXT, "route", "le")
        self._sums = counter(_SUM, _DURATION_TEXT, "route")
        self._committed = counter(f"{_PREFIX}updates_committed", "Updates that were committed")
        self._batches = counter(f"{_PREFIX}update_batches", "Transactions that committed updates")
        self._streams = gauge(f"{_PREFIX}streams", "Open event streams")
        self._waiting = gauge(f"{_PREFIX}updates_waiting", "Updates that wait for a transaction")
        self._connections = gauge(f"{_PREFIX}database_connections", "Connections to the database that are in use")
        self._connected = gauge(
            f"{_PREFIX}broker_connected", "1 while all processes receive each other's events", "livemin"
        )
        self._counted: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._timed: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(_LABELS))
        self._took_s: defaultdict[str, float] = defaultdict(float)
        self._passed_on = State(0, 0, 0, 0, False, 0)

    def count(self, route: str, status: int, seconds: float | None) -> None:
        """Count one answer; `seconds` is how long it took, None for an event stream."""
        self._counted[route, status] += 1
        if seconds is not None:
            self._timed[route][bisect_left(_BOUNDS_S, seconds)] += 1
            self._took_s[route] += seconds

    def flush(self, state: State) -> None:
        """Pass on what was counted, and how things stand."""
        for (route, status), count in self._counted.items():
            self._requests.labels(route, str(status)).inc(count)
        for route, counts in self._timed.items():
            self._sums.labels(route).inc(self._took_s[route])
            for label, count in zip(_LABELS, counts, strict=True):
                self._buckets.labels(route, label).inc(count)
        for numbers in (self._counted, self._timed, self._took_s):
            numbers.clear()
        self._committed.inc(state.committed - self._passed_on.committed)
        self._batches.inc(state.batches - self._passed_on.batches)
        self._streams.set(state.streams)
        self._waiting.set(state.waiting)
        self._connections.set(state.connections)
        self._connected.set(state.connected)
        self._passed_on = state

    def text(self) -> bytes:
        """Return everything that was passed on, in Prometheus' format."""
        together = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        shown = CollectorRegistry()
        shown.register(_WithHistogram(together))
        return generate_latest(shown)


class _WithHistogram(Collector):
    """The numbers of a registry, those of durations as the histogram that they are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        counts: defaultdict[str, dict[str, float]] = defaultdict(dict)
        sums: dict[str, float] = {}
        for metric in self._registry.collect():
            if metric.name not in (_BUCKETS, _SUM):
                yield metric
                continue
            for sample in metric.samples:
                if sample.name == f"{_BUCKETS}_total":
                    counts[sample.labels["route"]][sample.labels["le"]] = sample.value
                elif sample.name == f"{_SUM}_total":
                    sums[sample.labels["route"]] = sample.value
        histogram = HistogramMetricFamily(_DURATION, _DURATION_TEXT, labels=["route"])
        for route, by_label in counts.items():
            so_far, buckets = 0.0, []
            for label in _LABELS:
                so_far += by_label[label]
                buckets.append((label, so_far))
            histogram.add_metric([route], buckets, sums[route])
        yield histogram
