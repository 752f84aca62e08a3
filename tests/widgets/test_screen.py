"""The list: its entries, control by keys, mouse and controller, and its messages when it is empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest
from pygame import Surface
from pygame.event import Event

from discord_achievements import AchievementManager, Result
from discord_achievements.pygame_ui import AchievementsScreen
from discord_achievements.pygame_ui.controls import Controls, Step
from discord_achievements.pygame_ui.rows import Filter
from discord_achievements.testing import FakeService, InProcessTransport
from tests.widgets.stage import APPLICATION_ID, FRAME_S, Stage, local_game

SIZE = (1280, 720)


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Stage]:
    with local_game(tmp_path, count=200) as game:
        yield game


@pytest.fixture
def screen(game: Stage) -> AchievementsScreen:
    return opened(game)


def opened(game: Stage) -> AchievementsScreen:
    screen = AchievementsScreen(game.manager)
    game.widgets = [screen]
    screen.open()
    game.until(lambda: screen._result is not None)
    see(game, screen)
    return screen


def see(game: Stage, screen: AchievementsScreen, frames: int = 2) -> Surface:
    surface = Surface(SIZE)
    for _ in range(frames):
        game.frames(1)
        screen.draw(surface)
    return surface


def key(code: int, mod: int = 0) -> Event:
    return Event(pygame.KEYDOWN, key=code, mod=mod)


def click(pos: tuple[int, int]) -> Event:
    return Event(pygame.MOUSEBUTTONDOWN, button=1, pos=pos)


def test_while_closed_it_draws_nothing_and_handles_no_event(game: Stage) -> None:
    screen = AchievementsScreen(game.manager)
    surface = Surface(SIZE)
    screen.draw(surface)
    assert pygame.mask.from_threshold(surface, (0, 0, 0), (1, 1, 1)).count() == SIZE[0] * SIZE[1]
    assert not screen.handle_event(key(pygame.K_DOWN))
    assert not screen.is_open


def test_filters_sort_by_what_is_unlocked_and_follow_an_unlock(game: Stage, screen: AchievementsScreen) -> None:
    game.manager.set_user_achievement(103, 100)
    see(game, screen)
    assert (screen._rows.unlocked, screen._rows.total) == (1, 200)
    screen.handle_event(key(pygame.K_TAB))
    assert screen._rows.shown == [103]
    screen.handle_event(key(pygame.K_TAB))
    assert len(screen._rows.shown) == 199
    game.manager.set_user_achievement(104, 100)
    see(game, screen)
    assert 104 not in screen._rows.shown
    screen.handle_event(key(pygame.K_TAB, pygame.KMOD_SHIFT))
    assert screen._rows.shown == [103, 104]


def test_the_selection_stays_visible_wherever_keys_move_it(game: Stage, screen: AchievementsScreen) -> None:
    for code in (pygame.K_DOWN, pygame.K_DOWN, pygame.K_PAGEDOWN, pygame.K_RIGHT, pygame.K_END, pygame.K_PAGEUP,
                 pygame.K_UP, pygame.K_LEFT, pygame.K_HOME):  # fmt: skip
        screen.handle_event(key(code))
        screen.handle_event(Event(pygame.KEYUP, key=code, mod=0))
        see(game, screen, frames=60)
        assert screen._layout is not None
        grid = screen._layout.grid
        assert grid.view.contains(grid.cell_at(screen._rows.selected, screen._scroll.now))
    assert screen._rows.selected == 0


def test_end_selects_the_last_and_home_the_first(game: Stage, screen: AchievementsScreen) -> None:
    screen.handle_event(key(pygame.K_END))
    assert screen._rows.selected == 199
    screen.handle_event(key(pygame.K_HOME))
    assert screen._rows.selected == 0


def test_a_held_key_repeats_until_it_is_released(game: Stage, screen: AchievementsScreen) -> None:
    screen.handle_event(key(pygame.K_DOWN))
    game.play(1.5)
    assert screen._rows.selected > 10
    screen.handle_event(Event(pygame.KEYUP, key=pygame.K_DOWN, mod=0))
    there = screen._rows.selected
    game.play(1)
    assert screen._rows.selected == there


def test_the_wheel_scrolls_and_stops_at_the_ends(game: Stage, screen: AchievementsScreen) -> None:
    screen.handle_event(Event(pygame.MOUSEWHEEL, y=-3, x=0))
    see(game, screen, frames=60)
    assert screen._scroll.now > 0
    screen.handle_event(Event(pygame.MOUSEWHEEL, y=9999, x=0))
    see(game, screen, frames=60)
    assert screen._scroll.now == 0
    screen.handle_event(Event(pygame.MOUSEWHEEL, y=-9999, x=0))
    see(game, screen, frames=90)
    assert screen._layout is not None
    grid = screen._layout.grid
    assert grid.cell_at(199, screen._scroll.now).bottom == grid.view.bottom


def test_the_scroll_bar_can_be_dragged_to_the_end(game: Stage, screen: AchievementsScreen) -> None:
    assert screen._layout is not None
    bar = screen._layout.bar
    screen.handle_event(click((bar.centerx, bar.y + 4)))
    screen.handle_event(Event(pygame.MOUSEMOTION, pos=(bar.centerx, bar.bottom + 50), rel=(0, 0), buttons=(1, 0, 0)))
    assert screen._scroll.now == screen._layout.grid.scroll_max(200)
    screen.handle_event(Event(pygame.MOUSEBUTTONUP, button=1, pos=(0, 0)))
    assert not screen.handle_event(Event(pygame.MOUSEMOTION, pos=(bar.centerx, 0), rel=(0, 0), buttons=(0, 0, 0)))


def test_clicks_choose_a_filter_an_entry_and_the_cross(game: Stage, screen: AchievementsScreen) -> None:
    layout = screen._layout
    assert layout is not None
    assert screen.handle_event(click(layout.grid.cell_at(3, 0).center))
    assert screen._rows.selected == 3
    screen.handle_event(click(layout.tabs[Filter.LOCKED].center))
    assert screen._rows.filter is Filter.LOCKED
    screen.handle_event(click((0, 0)), pos=layout.close.center)
    assert not screen.is_open


def test_other_keys_are_left_to_the_game(screen: AchievementsScreen) -> None:
    assert not screen.handle_event(key(pygame.K_l))
    assert not screen.handle_event(Event(pygame.QUIT))
    assert screen.handle_event(key(pygame.K_ESCAPE))
    assert not screen.is_open


def test_a_screen_reader_gets_the_entry_that_keys_have_moved_to(game: Stage) -> None:
    heard: list[str] = []
    screen = opened(game)
    screen.on_text = heard.append
    game.manager.set_user_achievement(100, 30)
    game.frames(2)
    screen.handle_event(key(pygame.K_DOWN))
    screen.handle_event(key(pygame.K_RIGHT))
    assert heard == ["Number 0. Do it 0 times. 30 %.", "Number 1. Do it 1 times. 0 %."]


@pytest.mark.parametrize(
    ("event", "step"),
    [
        (Event(pygame.CONTROLLERBUTTONDOWN, button=12, instance_id=0), Step.DOWN),
        (Event(pygame.CONTROLLERBUTTONDOWN, button=1, instance_id=0), Step.BACK),
        (Event(pygame.CONTROLLERBUTTONDOWN, button=10, instance_id=0), Step.NEXT_FILTER),
        (Event(pygame.CONTROLLERAXISMOTION, axis=1, value=-32768, instance_id=0), Step.UP),
        (Event(pygame.JOYHATMOTION, hat=0, value=(0, -1), instance_id=0), Step.DOWN),
        (Event(pygame.JOYAXISMOTION, axis=0, value=0.9, instance_id=0), Step.RIGHT),
        (Event(pygame.JOYBUTTONDOWN, button=0, instance_id=0), Step.CONFIRM),
    ],
    ids=str,
)
def test_a_controller_moves_it(event: Event, step: Step) -> None:
    assert Controls().steps(event) == [step]


def test_a_stick_that_is_held_repeats_and_a_trembling_one_does_not() -> None:
    controls = Controls()
    steps = [
        controls.steps(Event(pygame.JOYAXISMOTION, axis=1, value=value, instance_id=0)) for value in (0.6, 0.7, 0.8)
    ]
    assert steps == [[Step.DOWN], [], []]
    assert controls.repeats(1.0)
    controls.steps(Event(pygame.JOYAXISMOTION, axis=1, value=0.1, instance_id=0))
    assert controls.repeats(1.0) == []


def test_a_controller_that_is_also_a_joystick_counts_once() -> None:
    controls = Controls()
    assert controls.steps(Event(pygame.CONTROLLERBUTTONDOWN, button=0, instance_id=0)) == [Step.CONFIRM]
    assert controls.steps(Event(pygame.JOYBUTTONDOWN, button=0, instance_id=0)) == []


def test_of_a_thousand_entries_only_visible_ones_are_painted(tmp_path: Path) -> None:
    with local_game(tmp_path, count=1000) as game:
        screen = opened(game)
        screen.handle_event(Event(pygame.MOUSEWHEEL, y=-400, x=0))
        for _ in range(100):
            see(game, screen, frames=1)
        assert screen._rows.total == 1000
        assert len(screen._cards.kept) < 60


class Drawn:
    """Counts the pixels of a drawn list by colour."""

    def __init__(self, screen: AchievementsScreen) -> None:
        surface = Surface(SIZE)
        screen.draw(surface)
        self.message = pygame.mask.from_threshold(surface, screen._style.theme.muted, (20, 20, 20)).count()
        self.warning = pygame.mask.from_threshold(surface, screen._style.theme.warning, (12, 12, 12)).count()
        self.accent = pygame.mask.from_threshold(
            surface.subsurface((0, 140, 1280, 560)), screen._style.theme.accent, (12, 12, 12)
        ).count()


def test_it_says_that_it_is_loading_and_then_that_it_is_empty(tmp_path: Path) -> None:
    hidden: dict[str, object] = {"name": "Hidden", "description": "Find it.", "secret": True}
    with local_game(tmp_path, hidden, count=1) as game:
        screen = AchievementsScreen(game.manager)
        screen.open()
        screen.update(FRAME_S)
        loading = Drawn(screen)
        assert loading.accent > 20, "something turns"
        assert loading.message > 200
        game.widgets = [screen]
        game.until(lambda: screen._result is Result.OK)
        see(game, screen)
        empty = Drawn(screen)
        assert empty.accent == 0
        assert empty.message > 200


def test_secure_achievements_are_marked(tmp_path: Path) -> None:
    same: dict[str, object] = {"name": "Star", "description": "Shine."}
    with local_game(tmp_path, same, same | {"secure": True}, count=2) as game:
        screen = AchievementsScreen(game.manager)
        screen.open()
        game.widgets = [screen]
        game.until(lambda: screen._result is Result.OK)
        see(game, screen)
        plain, secure = list(screen._cards.kept.values())
        top_right = pygame.Rect(0, 0, 60, 40)
        top_right.topright = plain.get_rect().topright
        differences = pygame.mask.from_threshold(
            secure.subsurface(top_right), (0, 0, 0), (8, 8, 8, 255), plain.subsurface(top_right)
        )
        assert differences.count() < top_right.width * top_right.height - 50


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APPLICATION_ID)
    service.add_achievement(1, "Win", "You won!")
    service.add_player("a-token", user_id=7)
    return service


def test_an_unreachable_service_is_shown_and_a_retry_loads_the_list(service: FakeService, tmp_path: Path) -> None:
    transport = InProcessTransport(service)
    transport.go_down()
    with AchievementManager(
        APPLICATION_ID,
        base_url="https://example.com/api/v10",
        token="a-token",
        transport=transport,
        data_dir=tmp_path,
        timeout_s=1.0,
    ) as manager:
        game = Stage(manager)
        screen = AchievementsScreen(manager)
        game.widgets = [screen]
        screen.open()
        game.until(lambda: screen._result is Result.SERVICE_UNAVAILABLE)
        see(game, screen)
        failed = Drawn(screen)
        assert failed.message > 200
        assert failed.accent > 2000, "a button to try again"
        transport.come_back()
        screen.handle_event(key(pygame.K_RETURN))
        game.until(lambda: screen._rows.total == 1 and screen._result is Result.OK)
        see(game, screen)
        assert Drawn(screen).warning == 0
        transport.go_down()
        manager.set_user_achievement(1, 50)
        game.until(lambda: manager.is_online is False)
        see(game, screen)
        assert Drawn(screen).warning > 50, "a notice that this may be old"


def test_it_says_that_progress_is_not_being_saved(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be", "utf-8")
    with local_game(tmp_path) as game:
        assert game.manager.storage_error
        assert Drawn(opened(game)).warning > 50


def test_another_size_keeps_the_place(game: Stage, screen: AchievementsScreen) -> None:
    screen.handle_event(Event(pygame.MOUSEWHEEL, y=-20, x=0))
    see(game, screen, frames=90)
    assert screen._layout is not None
    before = screen._layout.grid.visible(screen._scroll.now, 200).start
    screen.draw(Surface((1920, 1080)))
    assert abs(screen._layout.grid.visible(screen._scroll.now, 200).start - before) <= 2
