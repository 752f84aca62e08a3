"""The shortest program that still fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .steps import Step


def shortest(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], *, tries_max: int = 400) -> list[Step]:
    """Return a part of `steps` for which `fails` is true, and from which no single step can be omitted.

    After `tries_max` tries, return the shortest part found so far.
    """
    kept, size, tries = list(steps), len(steps) // 2, 0
    while size:
        start = 0
        while start < len(kept) and tries < tries_max:
            less = kept[:start] + kept[start + size :]
            tries += 1
            if fails(less):
                kept = less
            else:
                start += size
        size //= 2
    return kept
