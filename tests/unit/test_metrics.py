"""GET /metrics as Prometheus reads it, for one process and for several workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from discord_achievements.server.metrics import Metrics, State

QUIET = State(streams=0, waiting=0, committed=0, batches=0, connected=True, connections=0)
PUT, LIST = "update_user_achievement", "get_user_achievements"
answers = st.tuples(st.sampled_from((PUT, LIST)), st.sampled_from((200, 503)), st.floats(0, 20))


def shown(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return each number by its name, without the prefix, and its labels; not when it was first counted."""
    return {
        (sample.name.removeprefix("discord_achievements_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def number(text: bytes, name: str, **labels: str) -> float:
    return shown(text)[name, frozenset(labels.items())]


def passed_on(batches: Iterable[list[tuple[str, int, float]]]) -> bytes:
    metrics = Metrics()
    for batch in batches:
        for route, status, seconds in batch:
            metrics.count(route, status, seconds)
        metrics.flush(QUIET)
    return metrics.text()


@given(st.lists(st.lists(answers, max_size=10), max_size=4))
def test_requests_and_durations_add_up_however_often_they_are_passed_on(
    batches: list[list[tuple[str, int, float]]],
) -> None:
    text = passed_on(batches)
    counted = [answer for batch in batches for answer in batch]
    for route in {answer[0] for answer in counted}:
        took = [seconds for one, _, seconds in counted if one == route]
        buckets = {
            float(dict(labels)["le"]): value
            for (name, labels), value in shown(text).items()
            if name == "request_duration_seconds_bucket" and ("route", route) in labels
        }
        assert buckets == {bound: sum(seconds <= bound for seconds in took) for bound in buckets}
        assert float("inf") in buckets
        assert number(text, "request_duration_seconds_count", route=route) == len(took)
        assert abs(number(text, "request_duration_seconds_sum", route=route) - sum(took)) < 1e-6
        for status in {answer[1] for answer in counted if answer[0] == route}:
            requests = number(text, "requests_total", route=route, status=str(status))
            assert requests == sum(answer[:2] == (route, status) for answer in counted)


def test_how_things_stand() -> None:
    metrics = Metrics()
    metrics.count("user_achievement_events", 200, None)
    metrics.flush(State(streams=3, waiting=7, committed=20, batches=4, connected=False, connections=2))
    metrics.flush(State(streams=2, waiting=0, committed=25, batches=5, connected=True, connections=1))
    assert {name: value for (name, labels), value in shown(metrics.text()).items() if not labels} == {
        "streams": 2,
        "updates_waiting": 0,
        "updates_committed_total": 25,
        "update_batches_total": 5,
        "broker_connected": 1,
        "database_connections": 1,
    }
    assert not [name for name, _ in shown(metrics.text()) if name.startswith("request_duration")]


WORKER = """
import sys
from discord_achievements.server.metrics import Metrics, State

metrics = Metrics()
metrics.count("get_gateway", 200, float(sys.argv[1]))
metrics.flush(State(streams=2, waiting=1, committed=10, batches=5, connected=sys.argv[2] == "connected", connections=4))
print(metrics.text().decode())
input()
"""


def test_workers_report_for_all(tmp_path: Path) -> None:
    """A live number counts while its process lives, so the first is still there when the second reports."""
    texts = []
    workers = []
    for arguments in (("0.002", "connected"), ("3", "alone")):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        workers.append(worker)
        assert worker.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "\n":
            lines.append(worker.stdout.readline())
        texts.append("".join(lines).encode())
    for worker in workers:
        worker.communicate("\n")
        assert worker.returncode == 0
    text = texts[-1]
    assert number(text, "request_duration_seconds_count", route="get_gateway") == 2
    assert number(text, "request_duration_seconds_bucket", route="get_gateway", le="0.0025") == 1
    assert number(text, "request_duration_seconds_bucket", route="get_gateway", le="5.0") == 2
    assert number(text, "updates_committed_total") == 20
    assert number(text, "streams") == 4
    assert number(text, "broker_connected") == 0
