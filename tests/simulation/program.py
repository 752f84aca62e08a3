"""What happens in one run: a list of steps and phrases, made from a seed."""

from __future__ import annotations

import random

from .phrases import PHRASES
from .steps import OWNERS, TWINS, Step, step

_STEPS = ((3, 10), (10, 30), (30, 60))  # in a long program, later steps hide what earlier ones have done
_CHOICES = {
    "set": 30,
    "wait": 30,
    "fetch": 3,
    "fetch_often": 1,
    "start": 8,
    "start_interrupted": 4,
    "close": 3,
    "kill": 6,
    "crash": 4,
    "race": 8,
    "offline": 6,
    "full_disk": 4,
    "go_back": 4,
    "fault": 20,
    "persist": 10,
    "hold_stream": 2,
    "delay_stream": 2,
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
        steps += PHRASES[kind](device, chance) if kind in PHRASES else [step(kind, device, chance)]
    return steps


def _device(chance: random.Random) -> int:
    return chance.choice((0, 0, 1, 1, 2, 2, 3))
