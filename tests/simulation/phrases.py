"""Short stories, random in their details: steps which, picked one by one, would hardly ever meet in this order."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from .steps import CALLS_OF_A_START, OWNERS, PLAIN, RESET, SECRET, Step, step

_SHORT_S = (0.01, 0.3, 1.0, 3.0, 10.0)


def _persist(device: int, chance: random.Random) -> list[Step]:
    """Something between the game and the service that treats several exchanges alike, while somebody plays."""
    fault = step("fault", device, chance)
    return [*[fault] * chance.randint(2, 6), step("set", device, chance), Step("wait", (chance.choice(_SHORT_S),))]


def _crash(device: int, chance: random.Random) -> list[Step]:
    """A crash right after a set, and a start that does not get far either."""
    again = Step(chance.choice(("kill", "start_interrupted")), (device, chance.randint(1, CALLS_OF_A_START)))
    return [step("set", device, chance), Step("kill", (device, 0)), again, Step("start", (device,))]


def _race(device: int, chance: random.Random) -> list[Step]:
    """A change while an answer, or the event stream, is slow; sometimes it had been made and undone before."""
    user, id_ = OWNERS[device], chance.choice((SECRET, SECRET, RESET, chance.choice(PLAIN)))
    change = chance.choice((Step("grant", (user, id_, 100)), Step("set", (device, id_, 100))))
    undo = [] if id_ in PLAIN else [Step("reset", (user, id_))]
    before = _with_pauses([change, *undo], chance) if chance.random() < 0.5 else []
    if chance.random() < 0.3:
        meanwhile = [Step("delay_stream", (device, 5.0)), change, Step("wait", (0.3,)), *undo, Step("fetch", (device,))]
    else:
        kind, method = chance.choice((("fetch", "GET"), ("set", "PUT")))
        slow = Step("fault", (device, "slow answer", method))
        meanwhile = [slow, step(kind, device, chance), Step("wait", (0.3,)), chance.choice((change, *undo))]
    return [*before, *meanwhile, Step("wait", (10.0,))]


def _offline(device: int, chance: random.Random) -> list[Step]:
    """A game without a network, while something happens to its files; it ends, and then all is mended in some order."""
    trouble, relief = chance.choice(
        (
            (step("replace_files", device, chance), None),
            (step("replace_files", device, chance), None),
            (Step("fill_disk", (device,)), Step("free_disk", (device,))),
            (Step("hide_files", (device,)), Step("show_files", (device,))),
        )
    )
    begin, play = Step("start", (device,)), [step("set", device, chance) for _ in range(chance.randint(1, 2))]
    end = Step(*chance.choice((("close", (device,)), ("kill", (device, 0)))))
    well = [Step("network_up"), begin, *([relief] if relief else [])]
    chance.shuffle(well)
    if chance.random() < 0.3:
        well[-1:-1] = [Step("fault", (device, "slow answer", "GET")), Step("fetch", (device,))]
    before = [Step("save_files", (device,)), Step("network_down"), begin, trouble, *play]
    return [*before, *_with_pauses([end, *well], chance), begin]


def _full_disk(device: int, chance: random.Random) -> list[Step]:
    """A crash, perhaps before the player could sign in, and a start on a full disk, which has room again later."""
    nobody = [Step("kill", (device, 0)), Step("break_sign_in", (device,))] if chance.random() < 0.5 else []
    crash = [Step("start", (device,)), step("set", device, chance), Step("kill", (device, 0))]
    full = [Step("fill_disk", (device,)), Step("mend_sign_in", (device,))]
    fetch = [Step("start", (device,)), Step("fetch", (device,))]
    if chance.random() < 0.5:
        fetch.insert(1, Step("fault", (device, "slow answer", "GET")))
    return [
        *nobody,
        *crash,
        *full,
        *_with_pauses([*fetch, Step("free_disk", (device,))], chance),
        Step("wait", (10.0,)),
    ]


def _go_back(device: int, chance: random.Random) -> list[Step]:
    """A database that is restored after somebody went on playing; the game's server writes to it again at once."""
    user, id_ = OWNERS[device], chance.choice((*PLAIN, SECRET))
    low = [Step("grant", (user, id_, chance.randint(1, 99))) for _ in range(chance.randint(0, 2))]
    play = [Step("set", (device, id_, percent)) for percent in (chance.randint(1, 100), 100)[chance.randint(0, 1) :]]
    away = chance.choice(([], [Step("close", (device,))], [Step("kill", (device, 0))], [Step("network_down")]))
    back = [Step("network_up"), Step("start", (device,))]
    return [*_with_pauses([Step("back_up"), *play, *away], chance), Step("restore"), *low, *_with_pauses(back, chance)]


def _with_pauses(steps: list[Step], chance: random.Random) -> list[Step]:
    return [one for pair in ((one, Step("wait", (chance.choice(_SHORT_S),))) for one in steps) for one in pair]


PHRASES: Mapping[str, Callable[[int, random.Random], list[Step]]] = {
    "persist": _persist,
    "crash": _crash,
    "race": _race,
    "offline": _offline,
    "full_disk": _full_disk,
    "go_back": _go_back,
}
