"""A fixed range of seeds holds every rule; `make simulate` runs as many seeds as you like."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from .checks import Wrong
from .cli import report
from .program import made_from
from .shrink import shortest
from .steps import PLAIN, Step
from .world import World, run

SEEDS = 64
AT_ONCE = 8


@pytest.mark.any_python
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_nothing_is_lost_whatever_happens(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        wrong = run(seed, made_from(seed))
        assert wrong is None, report(seed, wrong)


def test_a_seed_is_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    histories: list[list[tuple[float, str]]] = []
    calm_down = World.calm_down

    def noted(world: World) -> None:
        calm_down(world)
        histories.append([one for device in world.devices if device.line for one in device.line.requests])

    monkeypatch.setattr(World, "calm_down", noted)
    for _ in range(2):
        assert run(1, made_from(1)) is None
    assert histories[0]
    assert histories[0] == histories[1]


def test_a_wrong_result_is_found_and_its_program_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(world: World, device: int) -> None:
        call = world.checks.calls(world.checks.started(world.devices[device]), PLAIN[0], 100)
        world.checks.recorded(call)  # although the game was never called

    monkeypatch.setattr(World, "fetch", lie)
    steps = [Step("start", (0,)), Step("set", (0, PLAIN[1], 50)), Step("fetch", (0,)), Step("wait", (1.0,))]
    wrong = run(1, steps)
    assert wrong is not None
    assert wrong.rule == "nothing recorded is lost"

    def fails(less: Sequence[Step]) -> bool:
        return isinstance(run(1, less), Wrong)

    assert shortest(steps, fails) == [Step("fetch", (0,))]
