"""Toasts in a game: which unlocks and progress they announce, and how they are drawn."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pygame
import pytest
from pygame import Surface

from discord_achievements import AchievementManager, Result
from discord_achievements.client.disk.catalogue_file import read_catalogue
from discord_achievements.pygame_ui import AchievementsScreen, ProgressIndicator, Toast, Toasts
from discord_achievements.pygame_ui.background import Background
from discord_achievements.pygame_ui.texts import ENGLISH
from discord_achievements.pygame_ui.toast_queue import ANCHORS, Anchor
from discord_achievements.testing import FakeService, InProcessTransport, ManualClock, ServiceControl
from tests.widgets.stage import APPLICATION_ID, Stage, catalogue, local_game

SIZE = (1280, 720)


class Announcements(list[str]):
    """The names that toasts have announced, in order."""

    def hook(self, toast: Toast) -> Toast | None:
        self.append(toast.name if toast.percent_complete is None else f"{toast.name} {toast.percent_complete}")
        return toast


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Stage]:
    with local_game(tmp_path) as game:
        yield game


def started(game: Stage, said: Announcements, **options: bool | int) -> Toasts:
    """Toasts of a game whose list has been read."""
    toasts = Toasts(game.manager, on_toast=said.hook, **options)  # type: ignore[arg-type]
    game.widgets = [toasts]
    game.until(lambda: game.manager.count_user_achievements() > 0)
    game.frames(5 + game.manager.count_user_achievements() // 10)
    return toasts


def kept(folder: Path) -> dict[str, list[int]]:
    path = folder / "data" / "announced.json"
    found = json.loads(path.read_text("utf-8"))["players"] if path.exists() else {}
    return found if isinstance(found, dict) else {}


def test_five_unlocks_at_once_show_five(game: Stage) -> None:
    said = Announcements()
    started(game, said)
    for achievement_id in range(100, 105):
        game.manager.set_user_achievement(achievement_id, 100)
    game.play(30)
    assert said == [f"Number {index}" for index in range(5)]


def test_progress_is_shown_only_at_its_steps(game: Stage) -> None:
    said = Announcements()
    started(game, said, progress_step=25)
    for percent in (10, 24, 26, 40, 60, 99, 100):
        game.manager.set_user_achievement(100, percent)
        game.play(12)
    assert said == ["Number 0 26", "Number 0 60", "Number 0 99", "Number 0"]


def test_without_progress_steps_only_unlocks_are_shown(game: Stage) -> None:
    said = Announcements()
    started(game, said, progress_step=0)
    for percent in (50, 100):
        game.manager.set_user_achievement(100, percent)
        game.play(12)
    assert said == ["Number 0"]


def test_an_old_unlock_is_never_announced_again(tmp_path: Path) -> None:
    for run in range(3):
        said = Announcements()
        with local_game(tmp_path) as game:
            started(game, said)
            game.manager.set_user_achievement(100, 100)
            game.play(8)
        assert said == (["Number 0"] if run == 0 else [])


def test_toasts_cut_off_by_the_end_of_the_game_are_shown_once_at_the_next_start(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        started(game, Announcements())
        for achievement_id in (100, 101, 102):
            game.manager.set_user_achievement(achievement_id, 100)
        game.frames(10)  # the first is being shown
        game.until(lambda: kept(tmp_path).get("0") == [100])
    for expected in (["Number 1", "Number 2"], []):
        said = Announcements()
        with local_game(tmp_path) as game:
            started(game, said)
            game.play(12)
        assert said == expected


def test_a_game_can_skip_missed_unlocks(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        started(game, Announcements())
        game.manager.set_user_achievement(100, 100)
        game.manager.set_user_achievement(101, 100)
        game.frames(10)
    for missed in (False, True):
        said = Announcements()
        with local_game(tmp_path) as game:
            started(game, said, missed=missed)
            game.play(12)
        assert said == []


def test_a_game_that_gets_toasts_later_does_not_announce_the_past(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        game.manager.set_user_achievement(100, 100)
        assert game.manager.flush()
    said = Announcements()
    with local_game(tmp_path) as game:
        started(game, said)
        game.play(6)
        assert said == []
        game.manager.set_user_achievement(101, 100)
        game.play(6)
    assert said == ["Number 1"]


def test_an_unlock_before_the_list_has_arrived_is_announced(game: Stage) -> None:
    said = Announcements()
    game.widgets = [Toasts(game.manager, on_toast=said.hook)]
    game.manager.set_user_achievement(100, 100)
    assert game.manager.count_user_achievements() == 0
    game.play(6)
    assert said == ["Number 0"]


def test_an_unlock_on_another_device_while_the_game_was_closed_is_shown_once(tmp_path: Path) -> None:
    service = FakeService(APPLICATION_ID)
    for achievement_id in range(1, 4):
        service.add_achievement(achievement_id, f"Number {achievement_id}", "Do it.")
    service.add_player("a-token", user_id=7)
    service.grant(7, 1)

    def run() -> list[str]:
        said = Announcements()
        with AchievementManager(
            APPLICATION_ID,
            base_url="https://example.com/api/v10",
            token="a-token",
            transport=InProcessTransport(service),
            data_dir=tmp_path / "data",
        ) as manager:
            game = Stage(manager)
            started(game, said)
            game.until(lambda: "7" in kept(tmp_path))
            game.play(8)
        return said

    assert run() == []
    service.grant(7, 2)
    assert run() == ["Number 2"]
    assert run() == []


def test_an_unlock_before_the_first_frame_is_announced_by_the_managers_clock(tmp_path: Path) -> None:
    with closing(ServiceControl(read_catalogue(catalogue(tmp_path, count=1)))) as service:
        manager = service.start_manager(tmp_path / "data")
        said = Announcements()
        game = Stage(manager)
        game.widgets = [Toasts(manager, on_toast=said.hook)]
        manager.set_user_achievement(100, 100)
        game.play(6)
    assert said == ["Number 0"]


def test_a_clock_that_is_set_back_makes_no_unlock_an_old_one(tmp_path: Path) -> None:
    clock, said = ManualClock(), Announcements()
    path = catalogue(tmp_path, count=2)
    with AchievementManager(APPLICATION_ID, achievements=path, data_dir=tmp_path / "data", clock=clock) as manager:
        game = Stage(manager)
        started(game, said, missed=False)
        clock.jump_wall_clock(-365 * 24 * 3600.0)
        clock.advance(5)
        manager.set_user_achievement(100, 100)
        game.play(6)
    assert said == ["Number 0"]


class Beginning:
    """A player's first start and the following ones, with a service that answers on request."""

    def __init__(self, folder: Path, *, has_catalogue: bool) -> None:
        self.folder = folder
        self.service = FakeService(APPLICATION_ID)
        for achievement_id in range(100, 106):
            self.service.add_achievement(achievement_id, f"Number {achievement_id - 100}", "Do it.")
        self.service.add_player("a-token", user_id=7)
        self.catalogue = catalogue(folder, count=6) if has_catalogue else None

    @contextmanager
    def start(self, said: Announcements, *, is_down: bool = False) -> Iterator[tuple[Stage, InProcessTransport]]:
        transport = InProcessTransport(self.service)
        if is_down:
            transport.go_down()
        with AchievementManager(
            APPLICATION_ID,
            achievements=self.catalogue,
            base_url="https://example.com/api/v10",
            token="a-token",
            transport=transport,
            data_dir=self.folder / "data",
        ) as manager:
            game = Stage(manager)
            game.widgets = [Toasts(manager, on_toast=said.hook)]
            yield game, transport

    def again(self) -> list[str]:
        """Return what the next start announces."""
        said = Announcements()
        with self.start(said) as (game, _):
            game.until(lambda: game.manager.is_online and game.manager.count_user_achievements())
            game.until(lambda: "7" in kept(self.folder))
            game.play(8)
        return said


@pytest.mark.parametrize("frames", [0, 1, 30])
@pytest.mark.parametrize("count", [1, 3])
def test_an_unlock_before_the_player_is_known_is_announced_once(tmp_path: Path, frames: int, count: int) -> None:
    beginning = Beginning(tmp_path, has_catalogue=True)
    said = Announcements()
    names = [f"Number {index}" for index in range(count)]
    with beginning.start(said) as (game, _):
        for achievement_id in range(100, 100 + count):
            game.manager.set_user_achievement(achievement_id, 100)
        game.manager.run_callbacks()
        for _ in range(frames):
            game.widgets[0].update(1 / 60)  # the toasts continue although nothing has arrived yet
        game.until(lambda: "7" in kept(tmp_path))
        game.play(20)
    assert said == names
    assert kept(tmp_path) == {"7": list(range(100, 100 + count))}
    assert beginning.again() == []


@pytest.mark.parametrize("is_down", [False, True])
def test_an_unlock_before_its_name_is_known_is_announced_once_it_is(tmp_path: Path, is_down: bool) -> None:
    beginning = Beginning(tmp_path, has_catalogue=False)
    said = Announcements()
    with beginning.start(said, is_down=is_down) as (game, transport):
        results: list[Result] = []
        game.manager.set_user_achievement(100, 100, results.append)
        game.until(lambda: results)
        transport.come_back()
        game.until(lambda: said)
        game.play(8)
    assert said == ["Number 0"]
    assert beginning.again() == []


def test_the_first_player_who_signs_in_takes_over_what_was_announced(tmp_path: Path) -> None:
    service = FakeService(APPLICATION_ID)
    for achievement_id in range(100, 106):
        service.add_achievement(achievement_id, f"Number {achievement_id - 100}", "Do it.")
    service.add_player("a-token", user_id=7)
    with local_game(tmp_path) as game:
        started(game, Announcements())
        game.manager.set_user_achievement(100, 100)
        game.play(8)
    said = Announcements()
    with AchievementManager(
        APPLICATION_ID,
        achievements=catalogue(tmp_path, count=6),
        base_url="https://example.com/api/v10",
        token="a-token",
        transport=InProcessTransport(service),
        data_dir=tmp_path / "data",
    ) as manager:
        game = Stage(manager)
        started(game, said)
        game.until(lambda: service.progress(7))
        game.play(8)
    assert said == []


def test_the_game_can_change_a_toast_or_suppress_it(game: Stage) -> None:
    heard: list[str] = []

    def choose(toast: Toast) -> Toast | None:
        return None if toast.name == "Number 0" else dataclasses.replace(toast, name="Trophy")

    toasts = Toasts(game.manager, on_toast=choose, on_text=heard.append)
    game.widgets = [toasts]
    game.manager.set_user_achievement(100, 100)
    game.manager.set_user_achievement(101, 100)
    game.play(8)
    assert heard == ["Achievement unlocked: Trophy. Do it 1 times."]


def test_what_the_game_changed_stays_changed_while_progress_moves_on(game: Stage) -> None:
    calls: list[str] = []

    def rename(toast: Toast) -> Toast:
        calls.append(toast.name)
        return dataclasses.replace(toast, name="Trophy")

    toasts = Toasts(game.manager, on_toast=rename, progress_step=1)
    game.widgets = [toasts]
    game.until(game.manager.count_user_achievements)
    game.frames(5)
    for percent in (10, 20, 30):
        game.manager.set_user_achievement(100, percent)
        game.play(0.5)
    assert calls == ["Number 0"]
    assert toasts._toast is not None
    assert (toasts._toast.name, toasts._toast.percent_complete) == ("Trophy", 30)


def test_an_exception_in_a_hook_is_passed_on_and_the_next_toast_is_shown(game: Stage) -> None:
    said = Announcements()

    def choose(toast: Toast) -> Toast | None:
        if toast.name == "Number 0":
            raise RuntimeError("a mistake of the game")
        return said.hook(toast)

    game.widgets = [Toasts(game.manager, on_toast=choose)]
    game.manager.set_user_achievement(100, 100)
    game.manager.set_user_achievement(101, 100)
    with pytest.raises(RuntimeError, match="a mistake of the game"):
        game.play(8)
    game.play(8)
    assert said == ["Number 1"]


def test_it_uses_the_managers_current_language(tmp_path: Path) -> None:
    heard: list[str] = []
    entry: dict[str, object] = {
        "name": "Win",
        "description": "You won!",
        "name_localizations": {"de": "Sieg"},
        "description_localizations": {"de": "Gewonnen!"},
    }
    with local_game(tmp_path, entry) as game:
        game.widgets = [Toasts(game.manager, on_text=heard.append)]
        game.manager.set_locale("de")
        game.manager.set_user_achievement(100, 100)
        game.play(2)
        game.manager.set_locale("pl")
        game.manager.set_user_achievement(101, 100)
        game.play(8)
    assert heard == ["Erfolg freigeschaltet: Sieg. Gewonnen!", "Osiągnięcie odblokowane: Number 1. Do it 1 times."]


def test_the_game_can_pass_its_own_texts(game: Stage) -> None:
    heard: list[str] = []
    game.widgets = [
        Toasts(game.manager, texts=ENGLISH._replace(headline="Trophy earned"), on_text=heard.append),
    ]
    game.manager.set_user_achievement(100, 100)
    game.play(2)
    assert heard == ["Trophy earned: Number 0. Do it 0 times."]


@pytest.mark.parametrize("anchor", ANCHORS)
def test_it_lies_inside_at_its_anchor(game: Stage, anchor: Anchor) -> None:
    toasts = Toasts(game.manager, anchor=anchor)
    game.widgets = [toasts]
    game.manager.set_user_achievement(100, 100)
    game.play(1)
    surface = Surface(SIZE)
    area = toasts.draw(surface)
    assert area is not None
    assert surface.get_rect().contains(area)
    painted = pygame.mask.from_threshold(surface, (0, 0, 0), (2, 2, 2))
    painted.invert()
    [box] = [rect for rect in painted.get_bounding_rects() if rect.width > 200]
    assert {"left": box.left < 60, "right": box.right > 1220}.get(
        anchor.removeprefix("top").removeprefix("bottom"), abs(box.centerx - 640) < 4
    )
    assert (box.centery < 360) is ("top" in anchor)


def moves(game: Stage, toasts: Toasts, frames: int) -> list[tuple[int, int]]:
    found = []
    for _ in range(frames):
        game.frames(1)
        area = toasts.draw(Surface(SIZE))
        if area is not None:
            found.append(area.topleft)
    return found


def test_it_slides_in_unless_motion_is_reduced(game: Stage) -> None:
    toasts = Toasts(game.manager)
    game.widgets = [toasts]
    game.manager.set_user_achievement(100, 100)
    assert len(set(moves(game, toasts, 40))) > 5
    toasts.close()

    still = Toasts(game.manager, reduced_motion=True)
    game.widgets = [still]
    game.manager.set_user_achievement(101, 100)
    assert len(set(moves(game, still, 40))) == 1


def test_a_long_frame_does_not_cost_a_toast_its_time(game: Stage) -> None:
    toasts = Toasts(game.manager)
    game.widgets = [toasts]
    game.manager.set_user_achievement(100, 100)
    game.play(0.5)
    toasts.update(60.0)
    assert toasts.draw(Surface(SIZE)) is not None
    game.play(10)
    assert toasts.draw(Surface(SIZE)) is None


def test_a_toast_that_does_not_change_is_painted_once(game: Stage) -> None:
    toasts = Toasts(game.manager)
    game.widgets = [toasts]
    game.manager.set_user_achievement(100, 100)
    game.play(1)
    surface = Surface(SIZE)
    toasts.draw(surface)
    first = toasts._picture
    for _ in range(30):
        game.frames(1)
        toasts.draw(surface)
    assert toasts._picture is first


def test_the_icon_is_loaded_in_the_background_and_then_shown(tmp_path: Path) -> None:
    tmp_path.joinpath("green.png").touch()
    picture = Surface((64, 64))
    picture.fill((0, 255, 0))
    pygame.image.save(picture, tmp_path / "green.png")
    with local_game(tmp_path, {"name": "Win", "description": "You won!", "icon": "green.png"}) as game:
        toasts = Toasts(game.manager)
        game.widgets = [toasts]
        game.manager.set_user_achievement(100, 100)
        game.play(1)

        def greens() -> int:
            surface = Surface(SIZE)
            toasts.draw(surface)
            return pygame.mask.from_threshold(surface, (0, 255, 0), (30, 30, 30)).count()

        game.until(lambda: greens() > 2000)


def test_a_folder_that_is_not_writable_does_not_disturb_the_game(tmp_path: Path) -> None:
    said = Announcements()
    with local_game(tmp_path) as game:
        (tmp_path / "data" / "announced.json").mkdir()
        started(game, said)
        game.manager.set_user_achievement(100, 100)
        game.play(8)
    assert said == ["Number 0"]


def test_what_could_not_be_stored_once_is_stored_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with local_game(tmp_path) as game:
        in_the_way = tmp_path / "data" / "announced.json"
        toasts = started(game, Announcements())
        game.until(in_the_way.exists)
        in_the_way.unlink()
        in_the_way.mkdir()
        game.manager.set_user_achievement(100, 100)
        game.until(lambda: toasts.is_visible)
        game.until(lambda: caplog.messages)
        game.play(20)
        in_the_way.rmdir()
        game.until(in_the_way.exists)
    assert kept(tmp_path) == {"0": [100]}
    (message,) = caplog.messages
    assert message.startswith("which achievements were announced cannot be stored")


def test_closing_toasts_stores_what_could_not_be_stored(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        in_the_way = tmp_path / "data" / "announced.json"
        in_the_way.mkdir()
        toasts = started(game, Announcements())
        game.manager.set_user_achievement(100, 100)
        game.until(lambda: toasts.is_visible)
        Background().settle()
        in_the_way.rmdir()
        toasts.close()
        Background().settle()
    assert kept(tmp_path) == {"0": [100]}


def test_a_broken_file_of_announced_unlocks_is_replaced(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        (tmp_path / "data" / "announced.json").write_text('{"players": 5}', "utf-8")
        said = Announcements()
        started(game, said)
        game.manager.set_user_achievement(100, 100)
        game.play(8)
        game.until(lambda: kept(tmp_path) == {"0": [100]})
    assert said == ["Number 0"]


def test_unlocks_announced_by_another_process_are_kept(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        started(game, Announcements())
        game.until(lambda: kept(tmp_path) == {"0": []})
        path = tmp_path / "data" / "announced.json"
        path.write_text(json.dumps({"version": 1, "players": {"0": [105], "8": [101]}}), "utf-8")
        game.manager.set_user_achievement(100, 100)
        game.play(2)
        game.until(lambda: kept(tmp_path) == {"0": [100, 105], "8": [101]})


END_WITHOUT_GOODBYE = """
import sys
from tests.widgets.stage import Stage, local_game
from discord_achievements.pygame_ui import Toasts
from pathlib import Path
with local_game(Path(sys.argv[1])) as game:
    toasts = Toasts(game.manager)
    game.widgets = [toasts]
    game.until(lambda: game.manager.count_user_achievements())
    game.frames(20)
    game.manager.set_user_achievement(100, 100)
    game.until(lambda: toasts.is_visible)
"""


def test_an_announcement_in_the_last_frame_is_recorded(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", END_WITHOUT_GOODBYE, str(tmp_path)], cwd=root, check=True, timeout=60)
    assert kept(tmp_path) == {"0": [100]}


@pytest.mark.parametrize(
    "options",
    [
        {"anchor": "left"},
        {"scale": 0},
        {"scale": float("nan")},
        {"stay_s": 1.0, "stay_min_s": 2.0},
        {"stay_min_s": 0},
        {"progress_step": 101},
    ],
    ids=str,
)
def test_an_argument_out_of_range_is_refused(game: Stage, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Toasts(game.manager, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"sound": "x.wav"},
        {"sound": None},
        {"theme": "dark"},
        {"texts": "de"},
        {"icon": "icon.png"},
        {"on_toast": "show"},
        {"on_text": 5},
        {"scale": "big"},
        {"progress_step": "25"},
        {"stay_s": "4"},
        {"stay_min_s": None},
    ],
    ids=str,
)
def test_an_argument_of_the_wrong_type_is_refused_in_the_constructor(game: Stage, options: dict[str, object]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(TypeError, match=rf"{name} must be .*, got {value!r}"):
        Toasts(game.manager, **options)  # type: ignore[arg-type]


def test_the_list_and_the_indicator_refuse_them_too(game: Stage) -> None:
    with pytest.raises(TypeError, match="theme must be DARK, LIGHT or a Theme, got 'dark'"):
        AchievementsScreen(game.manager, theme="dark")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="theme must be DARK, LIGHT or a Theme, got 'dark'"):
        ProgressIndicator(game.manager, theme="dark")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_text must be a function or None, got 5"):
        AchievementsScreen(game.manager, on_text=5)  # type: ignore[arg-type]


@pytest.fixture
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without audible sound, on which the test must start the mixer."""
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.mixer.quit()
    yield
    pygame.mixer.quit()


def start_mixer() -> None:
    pygame.mixer.init(22050, -16, 2)


@pytest.mark.usefixtures("quiet_machine")
@pytest.mark.parametrize("begins", ["before the toasts", "before the frames", "with the unlock"])
def test_the_chime_is_played_for_unlocks(game: Stage, begins: str) -> None:
    if begins == "before the toasts":
        start_mixer()
    toasts = Toasts(game.manager, sound=True)
    game.widgets = [toasts]
    if begins == "before the frames":
        start_mixer()
    game.until(game.manager.count_user_achievements)
    game.frames(5)
    assert not pygame.mixer.get_busy()
    if begins == "with the unlock":
        start_mixer()
    game.manager.set_user_achievement(100, 100)
    game.until(lambda: toasts.is_visible)
    game.until(pygame.mixer.get_busy)
    playing = pygame.mixer.Channel(0).get_sound()
    assert playing is not None
    assert playing.get_length() == pytest.approx(0.9, abs=0.05)


@pytest.mark.usefixtures("quiet_machine")
def test_the_games_own_sound_is_played_for_unlocks(game: Stage) -> None:
    start_mixer()
    own = pygame.mixer.Sound(buffer=bytes(22050))
    toasts = Toasts(game.manager, sound=own)
    game.widgets = [toasts]
    game.until(game.manager.count_user_achievements)
    game.frames(5)
    game.manager.set_user_achievement(100, 40)
    game.until(lambda: toasts.is_visible)
    assert own.get_num_channels() == 0
    game.manager.set_user_achievement(100, 100)
    game.until(lambda: own.get_num_channels() == 1)


@pytest.mark.usefixtures("quiet_machine")
def test_without_a_mixer_the_log_says_once_why_there_is_no_chime(game: Stage, caplog: pytest.LogCaptureFixture) -> None:
    said = Announcements()
    toasts = Toasts(game.manager, sound=True, on_toast=said.hook)
    game.widgets = [toasts]
    game.until(game.manager.count_user_achievements)
    game.frames(5)
    assert not caplog.records
    game.manager.set_user_achievement(100, 100)
    game.manager.set_user_achievement(101, 100)
    game.play(8)
    assert said == ["Number 0", "Number 1"]
    (message,) = caplog.messages
    assert "pygame.mixer.init()" in message
