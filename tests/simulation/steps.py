"""What happens in one run: a list of steps, made from a seed. A step that is impossible at its time does nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .faults import FAULTS

PLAIN = (580159119969878001, 580159119969878002, 580159119969878003)
RESET = 580159119969878004
SECRET = 580159119969878005
SECURE = 580159119969878006
CHANGING = 580159119969878007
UNKNOWN = 580159119969878009
ALICE, BOB = 53908232506183680, 53908232506183681
OWNERS = (ALICE, ALICE, BOB, ALICE)
TWINS = {3: 0}  # a second process of the game on the machine of device 0
SETTABLE = (*PLAIN, RESET, SECRET)
_STEPS = ((3, 10), (10, 30), (30, 60))  # in a long program, later steps hide what earlier ones have done
_CALLS_OF_A_START = 200  # out of the process, roughly
_PAUSES_S = (0.0, 0.01, 0.03, 0.3, 1.0, 3.0, 10.0, 65.0, 700.0)


class Step(NamedTuple):
    """One thing that happens: the name of a method of `World`, and its arguments."""

    name: str
    arguments: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


def made_from(seed: int) -> list[Step]:
    """Return the program of a seed."""
    chance = random.Random(seed)
    steps = [Step("start", (device,)) for device in range(len(OWNERS)) if device not in TWINS]
    kinds = list(_CHOICES)
    device = 0
    weights = [_CHOICES[kind] * chance.choice((0, 1, 1, 4)) for kind in kinds]  # so that runs differ in kind, too
    weights[kinds.index("set")] = weights[kinds.index("wait")] = 30
    for _ in range(chance.randint(*chance.choice(_STEPS))):
        (kind,) = chance.choices(kinds, weights)
        device = chance.choice((device, _device(chance)))  # failures need steps that belong together
        steps += _PHRASES[kind](device, chance) if kind in _PHRASES else [_step(kind, device, chance)]
    return steps


_CHOICES = {
    "set": 30,
    "wait": 30,
    "fetch": 3,
    "start": 8,
    "start_interrupted": 4,
    "close": 3,
    "kill": 6,
    "crash": 4,
    "race": 8,
    "fault": 20,
    "hold_stream": 2,
    "break_stream": 2,
    "renew_token": 3,
    "sign_in": 2,
    "break_sign_in": 1,
    "block_sign_in": 1,
    "mend_sign_in": 2,
    "reset": 3,
    "grant": 4,
    "network_down": 2,
    "network_up": 4,
    "set_clock": 2,
    "kill_service": 3,
    "start_service": 6,
    "back_up": 2,
    "restore": 2,
    "redefine": 2,
    "save_files": 2,
    "replace_files": 2,
    "hide_files": 1,
    "show_files": 2,
    "fill_disk": 1,
    "free_disk": 2,
    "flood": 2,
}


def _device(chance: random.Random) -> int:
    return chance.choice((0, 0, 1, 1, 2, 2, 3))


def _crash(device: int, chance: random.Random) -> list[Step]:
    """Return the steps of a crash right after a set, and of a start which does not get far either."""
    again = Step(chance.choice(("kill", "start_interrupted")), (device, chance.randint(1, _CALLS_OF_A_START)))
    return [_step("set", device, chance), Step("kill", (device, 0)), again, Step("start", (device,))]


def _race(device: int, chance: random.Random) -> list[Step]:
    """Return the steps of a change that happens while an answer is under way."""
    kind, method = chance.choice((("fetch", "GET"), ("set", "PUT")))
    user = OWNERS[device]
    changes = (
        Step("grant", (user, SECRET, 100)),
        Step("grant", (user, chance.choice(PLAIN), 100)),
        Step("reset", (user, RESET)),
    )
    return [
        Step("fault", (device, "slow answer", method)),
        _step(kind, device, chance),
        Step("wait", (0.3,)),
        chance.choice(changes),
        Step("wait", (10.0,)),
    ]


_PHRASES: Mapping[str, Callable[[int, random.Random], list[Step]]] = {"crash": _crash, "race": _race}


def _step(kind: str, device: int, chance: random.Random) -> Step:
    user = chance.choice((ALICE, ALICE, BOB))
    percent = chance.choice((100, 100, chance.randint(0, 100)))
    if kind == "set":
        return Step(kind, (device, chance.choice((*SETTABLE, *SETTABLE, SECURE, CHANGING, UNKNOWN)), percent))
    if kind == "wait":
        return Step(kind, (chance.choice(_PAUSES_S),))
    if kind == "kill":
        return Step(kind, (device, chance.choice((0, chance.randint(1, 40), chance.randint(1, 400)))))
    if kind == "start_interrupted":
        return Step(kind, (device, chance.randint(1, _CALLS_OF_A_START)))
    if kind == "fault":
        return Step(kind, (device, chance.choice(list(FAULTS)), chance.choice(("any", "any", "PUT", "GET", "STREAM"))))
    if kind == "sign_in":
        return Step(kind, (device, user, chance.choice((True, False))))
    if kind == "renew_token":
        return Step(kind, (user,))
    if kind == "reset":
        return Step(kind, (user, RESET))
    if kind == "grant":
        return Step(kind, (user, chance.choice((*SETTABLE, SECURE)), percent))
    if kind == "kill_service":
        return Step(kind, (chance.choice((0, chance.randint(1, 60))),))
    if kind == "replace_files":
        return Step(kind, (device, chance.choice(("older", "older", "deleted", "rubbish"))))
    if kind == "flood":
        return Step(kind, (device, chance.choice(("RESYNC", "rubbish")), chance.choice((3, 300))))
    if kind == "redefine":
        return Step(kind, (chance.choice(({"secret": True}, {"secret": False}, {"name": f"No. {percent}"}, {})),))
    if kind in ("network_down", "network_up", "start_service", "back_up", "restore"):
        return Step(kind)
    if kind == "set_clock":
        return Step(kind, (device, chance.choice((0.0, -3600.0, 3600.0, 86400.0 * 400, -1_767_225_600.0))))
    return Step(kind, (device,))
