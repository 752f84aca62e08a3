"""What can happen, one step at a time. A step that is impossible at its time does nothing."""

from __future__ import annotations

import random
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
CALLS_OF_A_START = 200  # out of the process, roughly
_PAUSES_S = (0.0, 0.01, 0.03, 0.3, 1.0, 3.0, 10.0, 65.0, 700.0)


class Step(NamedTuple):
    """One thing that happens: the name of a method of `World`, and its arguments."""

    name: str
    arguments: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


def step(kind: str, device: int, chance: random.Random) -> Step:
    """Return a step of a kind, on the device if it concerns one; all else is random."""
    user = chance.choice((ALICE, ALICE, BOB))
    percent = chance.choice((100, 100, chance.randint(0, 100)))
    if kind == "set":
        return Step(kind, (device, chance.choice((*SETTABLE, *SETTABLE, SECURE, CHANGING, UNKNOWN)), percent))
    if kind == "wait":
        return Step(kind, (chance.choice(_PAUSES_S),))
    if kind == "kill":
        return Step(kind, (device, chance.choice((0, chance.randint(1, 40), chance.randint(1, 400)))))
    if kind == "start_interrupted":
        return Step(kind, (device, chance.randint(1, CALLS_OF_A_START)))
    if kind == "fault":
        return Step(kind, (device, chance.choice(list(FAULTS)), chance.choice(("any", "any", "PUT", "GET", "STREAM"))))
    if kind == "sign_in":
        return Step(kind, (device, user, chance.choice((True, False))))
    if kind == "renew_token":
        return Step(kind, (user,))
    if kind == "reset":
        return Step(kind, (user, chance.choice((RESET, RESET, SECRET))))
    if kind == "grant":
        return Step(kind, (user, chance.choice((*SETTABLE, SECURE)), percent))
    if kind == "kill_service":
        return Step(kind, (chance.choice((0, chance.randint(1, 60))),))
    if kind == "replace_files":
        return Step(kind, (device, chance.choice(("older", "older", "deleted", "rubbish", "truncated"))))
    if kind == "flood":
        return Step(kind, (device, chance.choice(("RESYNC", "rubbish")), chance.choice((3, 300))))
    if kind == "delay_stream":
        return Step(kind, (device, chance.choice((1.0, 5.0, 20.0))))
    if kind == "redefine":
        return Step(kind, (chance.choice(({"secret": True}, {"secret": False}, {"name": f"No. {percent}"}, {})),))
    if kind in ("network_down", "network_up", "start_service", "back_up", "restore"):
        return Step(kind)
    if kind == "set_clock":
        return Step(kind, (device, chance.choice((0.0, -3600.0, 3600.0, 86400.0 * 400, -1_767_225_600.0))))
    return Step(kind, (device,))
