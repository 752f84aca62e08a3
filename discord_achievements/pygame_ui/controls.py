"""Translates keys, buttons and sticks into steps of the list."""

from __future__ import annotations

from enum import Enum, auto

import pygame
from pygame.event import Event

_DEADZONE = 0.5
_AXIS_MAX = 32768
_REPEAT_AFTER_S, _REPEAT_EVERY_S = 0.35, 0.07


class Step(Enum):
    """One thing that a player can do in the list."""

    UP = auto()
    DOWN = auto()
    LEFT = auto()
    RIGHT = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    FIRST = auto()
    LAST = auto()
    NEXT_FILTER = auto()
    PREVIOUS_FILTER = auto()
    CONFIRM = auto()
    BACK = auto()


_KEYS = {
    pygame.K_UP: Step.UP, pygame.K_w: Step.UP, pygame.K_DOWN: Step.DOWN, pygame.K_s: Step.DOWN,
    pygame.K_LEFT: Step.LEFT, pygame.K_a: Step.LEFT, pygame.K_RIGHT: Step.RIGHT, pygame.K_d: Step.RIGHT,
    pygame.K_PAGEUP: Step.PAGE_UP, pygame.K_PAGEDOWN: Step.PAGE_DOWN, pygame.K_HOME: Step.FIRST,
    pygame.K_END: Step.LAST, pygame.K_e: Step.NEXT_FILTER, pygame.K_q: Step.PREVIOUS_FILTER,
    pygame.K_RETURN: Step.CONFIRM, pygame.K_KP_ENTER: Step.CONFIRM, pygame.K_SPACE: Step.CONFIRM,
    pygame.K_ESCAPE: Step.BACK, pygame.K_BACKSPACE: Step.BACK,
}  # fmt: skip
# SDL numbers a game controller's buttons in the same way for every make.
_CONTROLLER = {
    0: Step.CONFIRM, 1: Step.BACK, 9: Step.PREVIOUS_FILTER, 10: Step.NEXT_FILTER,
    11: Step.UP, 12: Step.DOWN, 13: Step.LEFT, 14: Step.RIGHT,
}  # fmt: skip
# A plain joystick's driver numbers its buttons; these are the common numbers.
_JOYSTICK = {0: Step.CONFIRM, 1: Step.BACK, 4: Step.PREVIOUS_FILTER, 5: Step.NEXT_FILTER}
_AXES = {0: (Step.LEFT, Step.RIGHT), 1: (Step.UP, Step.DOWN)}
_CONTROLLER_EVENTS = (pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERAXISMOTION)
_JOYSTICK_EVENTS = (pygame.JOYBUTTONDOWN, pygame.JOYBUTTONUP, pygame.JOYHATMOTION, pygame.JOYAXISMOTION)
_REPEATED = (Step.UP, Step.DOWN, Step.LEFT, Step.RIGHT, Step.PAGE_UP, Step.PAGE_DOWN)


class Controls:
    """Turns pygame's events into steps; a held direction repeats."""

    def __init__(self) -> None:
        self._held: Step | None = None
        self._held_by: object = None
        self._next_s = 0.0
        self._has_controller = False

    def steps(self, event: Event) -> list[Step]:
        """Return the steps of an event, none for one that is not for the list."""
        kind = event.type
        if kind in _CONTROLLER_EVENTS:
            self._has_controller = True
        elif kind in _JOYSTICK_EVENTS and self._has_controller:
            return []  # the same device, reported a second time
        if kind == pygame.KEYDOWN:
            if event.key == pygame.K_TAB:
                back = event.mod & pygame.KMOD_SHIFT
                return [Step.PREVIOUS_FILTER if back else Step.NEXT_FILTER]
            return self._press(_KEYS.get(event.key), ("key", event.key))
        if kind == pygame.KEYUP:
            self._release(("key", event.key))
        elif kind == pygame.CONTROLLERBUTTONDOWN:
            return self._press(_CONTROLLER.get(event.button), ("button", event.button))
        elif kind == pygame.JOYBUTTONDOWN:
            return self._press(_JOYSTICK.get(event.button), ("button", event.button))
        elif kind in (pygame.CONTROLLERBUTTONUP, pygame.JOYBUTTONUP):
            self._release(("button", event.button))
        elif kind == pygame.JOYHATMOTION:
            return self._tilt(("hat", 0), float(event.value[0]), _AXES[0]) + self._tilt(
                ("hat", 1), -float(event.value[1]), _AXES[1]
            )
        elif kind == pygame.JOYAXISMOTION and event.axis in _AXES:
            return self._tilt(("axis", event.axis), event.value, _AXES[event.axis])
        elif kind == pygame.CONTROLLERAXISMOTION and event.axis in _AXES:
            return self._tilt(("axis", event.axis), event.value / _AXIS_MAX, _AXES[event.axis])
        return []

    def repeats(self, dt_s: float) -> list[Step]:
        """Let time pass and return the steps of a direction that is still held."""
        steps: list[Step] = []
        if self._held is not None:
            self._next_s -= dt_s
            while self._next_s <= 0:
                self._next_s += _REPEAT_EVERY_S
                steps.append(self._held)
        return steps

    def let_go(self) -> None:
        """Forget what is held."""
        self._held = self._held_by = None

    def _press(self, step: Step | None, by: object) -> list[Step]:
        if step is None:
            return []
        if step in _REPEATED and self._held_by != by:
            self._held, self._held_by, self._next_s = step, by, _REPEAT_AFTER_S
        return [step]

    def _release(self, by: object) -> None:
        if self._held_by == by:
            self.let_go()

    def _tilt(self, by: tuple[str, int], value: float, ways: tuple[Step, Step]) -> list[Step]:
        if abs(value) < _DEADZONE:
            self._release(by)
            return []
        step = ways[value > 0]
        if self._held_by == by and self._held is step:
            return []
        self.let_go()
        return self._press(step, by)
