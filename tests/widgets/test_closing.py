"""Widgets that are closed, wherever that happens, and widgets that the game drops."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pygame
import pytest
from pygame import Surface
from pygame.event import Event

from discord_achievements.pygame_ui import AchievementsScreen, ProgressIndicator, Toast, Toasts
from tests.support.managers import run_python
from tests.widgets.stage import Stage, local_game


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Stage]:
    with local_game(tmp_path) as game:
        yield game


def listed(game: Stage) -> None:
    fetched: list[object] = []
    game.manager.fetch_user_achievements(fetched.append)
    game.until(lambda: fetched)
    game.frames(5)


class Hooks:
    """Closes the toasts in one of their hooks."""

    def __init__(self, game: Stage, where: str) -> None:
        self.called: list[str] = []
        self._where = where
        self.toasts = Toasts(game.manager, on_toast=self._on_toast, on_text=self._on_text, icon=self._icon)

    def _reach(self, where: str) -> None:
        self.called.append(where)
        if where == self._where:
            self.toasts.close()

    def _on_toast(self, toast: Toast) -> Toast:
        self._reach("on_toast")
        return toast

    def _on_text(self, _: str) -> None:
        self._reach("on_text")

    def _icon(self, *_: object) -> None:
        self._reach("icon")


@pytest.mark.parametrize(
    ("where", "called"),
    [
        ("on_toast", ["on_toast"]),
        ("on_text", ["on_toast", "on_text"]),
        ("icon", ["on_toast", "on_text", "icon"]),
    ],
)
def test_toasts_can_be_closed_in_their_own_hooks(game: Stage, where: str, called: list[str]) -> None:
    hooks = Hooks(game, where)
    game.widgets = [hooks.toasts]
    listed(game)
    for achievement_id in (100, 101):
        game.manager.set_user_achievement(achievement_id, 100)
    surface = Surface((640, 360))
    for _ in range(60):
        game.frames(1)
        hooks.toasts.draw(surface)
    assert hooks.called == called
    assert not hooks.toasts.is_visible
    assert not game.manager.on_user_achievement_update.handlers


def test_toasts_closed_before_their_list_arrives_show_nothing(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:  # so that there is something to show
        Toasts(game.manager).close()
        game.widgets = [Toasts(game.manager)]
        listed(game)
        game.manager.set_user_achievement(100, 100)
        game.manager.flush()
    with local_game(tmp_path) as game:
        toasts = Toasts(game.manager)
        game.widgets = [toasts]
        toasts.close()
        listed(game)
        game.frames(10)
        assert not toasts.is_visible
        toasts.close()  # again


@pytest.mark.parametrize("kind", [Toasts, ProgressIndicator])
def test_a_widget_closed_by_a_handler_of_the_same_event_gets_nothing(game: Stage, kind: Callable[..., Any]) -> None:
    event = game.manager.on_user_achievement_update
    widget: Any = None
    event.connect(lambda _: widget.close())
    widget = kind(game.manager)
    game.widgets = [widget]
    listed(game)
    game.manager.set_user_achievement(100, 60)
    game.frames(10)
    assert not widget.is_visible
    assert len(event.handlers) == 1


def test_a_list_can_be_closed_in_its_own_hook(game: Stage) -> None:
    said: list[str] = []

    def on_text(text: str) -> None:
        said.append(text)
        screen.close()

    screen = AchievementsScreen(game.manager, on_text=on_text)
    game.widgets = [screen]
    screen.open()
    listed(game)
    screen.draw(Surface((1280, 720)))
    screen.handle_event(Event(pygame.KEYDOWN, key=pygame.K_DOWN, mod=0))
    game.play(2)  # the key is still held
    assert len(said) == 1
    assert not screen.is_open


def test_lists_that_the_game_has_closed_and_dropped_are_freed(game: Stage) -> None:
    dropped: list[weakref.ref[AchievementsScreen]] = []
    for _ in range(3):
        screen = AchievementsScreen(game.manager)
        screen.open()
        screen.open()
        listed(game)
        screen.close()
        screen.close()
        dropped.append(weakref.ref(screen))
    del screen
    gc.collect()
    assert [ref() for ref in dropped] == [None] * 3
    assert not game.manager.on_user_achievement_update.handlers


def test_a_list_that_is_opened_again_shows_what_has_changed_meanwhile(game: Stage) -> None:
    screen = AchievementsScreen(game.manager)
    game.widgets = [screen]
    screen.open()
    listed(game)
    screen.close()
    game.manager.set_user_achievement(103, 100)
    game.frames(5)
    screen.open()
    game.frames(5)
    assert screen._rows.unlocked == 1


COPIES: list[Callable[[Any], object]] = [copy.copy, copy.deepcopy, pickle.dumps]


@pytest.mark.parametrize("kind", [Toasts, ProgressIndicator, AchievementsScreen])
@pytest.mark.parametrize("make", COPIES)
def test_a_widget_is_not_copied(game: Stage, kind: Callable[..., Any], make: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=rf"{kind.__name__} cannot be copied or pickled"):
        make(kind(game.manager))


FORK = """
    import os, sys
    from pathlib import Path
    from discord_achievements.pygame_ui import Toasts
    from tests.widgets.stage import local_game

    folder = Path(sys.argv[1])
    with local_game(folder / "parent") as game:
        game.widgets = [Toasts(game.manager)]
        game.until(game.manager.count_user_achievements)
        child = os.fork()
        if not child:
            with local_game(folder / "child") as game:
                toasts = Toasts(game.manager)
                game.widgets = [toasts]
                game.until(game.manager.count_user_achievements)
                game.manager.set_user_achievement(100, 100)
                game.until(lambda: toasts.is_visible)
            sys.exit()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), (folder / "child" / "data" / "announced.json").exists())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_can_have_widgets_of_its_own(tmp_path: Path) -> None:
    ended = run_python(FORK, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "0 True"
