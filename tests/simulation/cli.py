"""Run many seeds (`make simulate`), and print the shortest failing program of a seed that fails."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from .checks import Wrong
from .program import made_from
from .shrink import shortest
from .steps import Step
from .world import run


def report(seed: int, wrong: Wrong) -> str:
    """Return a failure as text: its shortest program, and the command that repeats it."""

    def fails(steps: Sequence[Step]) -> bool:
        again = run(seed, steps)
        return again is not None and again.rule == wrong.rule

    steps = shortest(made_from(seed), fails)
    last = run(seed, steps) or wrong
    lines = [f"Seed {seed}: {last}", *(f"    {step}" for step in steps)]
    lines.append(f"Repeat it: make simulate SEEDS=1 ARGS='--first {seed}'")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.cli", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="number of seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--failures", type=int, default=1, help="stop after this many failing seeds")
    options = parser.parse_args(arguments)
    began, done, failed = time.perf_counter(), 0, 0
    for seed in range(options.first, options.first + options.seeds):
        wrong = run(seed, made_from(seed))
        done += 1
        if wrong is not None:
            failed += 1
            print(f"after {done} seeds:\n{report(seed, wrong)}", flush=True)
            if failed >= options.failures:
                break
    taken_s = time.perf_counter() - began
    print(f"{done} seeds, {failed} failed, {done / taken_s:.1f} seeds a second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
