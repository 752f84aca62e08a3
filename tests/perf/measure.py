"""How a number is taken: nanoseconds per call, alternatives interleaved, medians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from statistics import median, quantiles
from time import perf_counter_ns
from typing import TypeVar

A = TypeVar("A")


class CouldNotMeasure(Exception):
    """Something that had to happen for a measurement did not; the message says what."""


@dataclass(slots=True)
class Readings:
    """What one group of measurements found.

    `values` are keys of `goals.GOALS`, `details` stand behind them, `undecided` are keys left open by noise.
    """

    values: dict[str, float] = field(default_factory=dict)
    details: dict[str, float] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)

    def add(self, other: Readings) -> None:
        """Take over another group's readings."""
        self.values |= other.values
        self.details |= other.details
        self.undecided += other.undecided


def ns_per_call(call: Callable[[], object], calls: int) -> float:
    """Return the mean nanoseconds of `calls` calls in a row, loop included as in the controls."""
    start_ns = perf_counter_ns()
    for _ in repeat(None, calls):
        call()
    return (perf_counter_ns() - start_ns) / calls


def ns_per_call_with(call: Callable[[A], object], arguments: Sequence[A]) -> float:
    """Return the mean nanoseconds of one call per argument, loop included."""
    start_ns = perf_counter_ns()
    for argument in arguments:
        call(argument)
    return (perf_counter_ns() - start_ns) / len(arguments)


def interleaved(rounds: int, *alternatives: Callable[[], float]) -> list[float]:
    """Return the median of each alternative, measured in turns so that drift meets all of them."""
    samples: list[list[float]] = [[] for _ in alternatives]
    for _ in range(rounds):
        for taken, alternative in zip(samples, alternatives, strict=True):
            taken.append(alternative())
    return [median(taken) for taken in samples]


def p90(samples: Sequence[float]) -> float:
    """Return the 90th percentile of at least two samples."""
    return quantiles(samples, n=10)[8]
