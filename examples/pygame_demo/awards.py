"""All use of the achievements SDK in this game."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from time import monotonic, perf_counter, sleep

from discord_achievements import Achievement, AchievementManager, Result, UserAchievement, default_data_dir
from game import LANTERN_SIZE, Game

APPLICATION_ID = 461618159171141643
CATALOGUE = Path(__file__).with_name("achievements.toml")
# The files of the SDK in its folder.
KEPT_FILES = ("achievements.sqlite3*", "journal-*.bin", "icons/*.png*", "announced.json*")
# SDK: with each of these, progress is safe. If the service is unreachable or the game ends, it is sent later.
FINE = (Result.OK, Result.SERVICE_UNAVAILABLE, Result.TRANSACTION_ABORTED)

FIRST_LIGHT = 580159119969878046
QUICK_SPARK = 580159119969878047
LIGHT_TRAIN = 580159119969878048
CLOSE_WINGS = 580159119969878049
GENTLE_FLIGHT = 580159119969878050
BRIGHT_LANTERN = 580159119969878051
TILL_DAWN = 580159119969878052
LAMPLIGHTER = 580159119969878053
MOONSTRUCK = 580159119969878054  # secret: not in the list until it is unlocked
FESTIVAL_STAR = 580159119969878055  # secure: only the game's server can set it


def percents(game: Game, home_ever: int) -> dict[int, int]:
    """Return the player's progress in percent; `home_ever` counts the sparks of all nights."""
    reached = {
        FIRST_LIGHT: 100 * (game.home > 0),
        QUICK_SPARK: 100 * (game.early_home >= 5),
        LIGHT_TRAIN: game.longest_train * 10,
        CLOSE_WINGS: game.close_calls * 20,
        GENTLE_FLIGHT: game.unhurt_home * 5,
        BRIGHT_LANTERN: game.home * 100 // LANTERN_SIZE,
        TILL_DAWN: 100 * game.over,
        LAMPLIGHTER: home_ever,
        MOONSTRUCK: 100 * game.moon_reached,
    }
    return {achievement_id: min(percent, 100) for achievement_id, percent in reached.items()}


def open_manager(*, data_dir: Path | None, locale: str, url: str | None, token: str | None) -> AchievementManager:
    # SDK: one manager for the whole game. Without a URL, progress stays on this machine.
    return AchievementManager(
        APPLICATION_ID,
        achievements=CATALOGUE,
        data_dir=data_dir,
        locale=locale,
        base_url=url,
        token=token,
    )


class Awards:
    """Reports the game's progress to the SDK. Nothing here blocks during play, so no frame is late."""

    def __init__(self, manager: AchievementManager) -> None:
        self.manager = manager  # SDK: a parameter, so that a test can pass its own (test_awards.py)
        self.ready = False  # the player's list has arrived
        self._unlocked_before: set[int] = set()
        self._unlocked_now: dict[int, str] = {}  # id: name
        self._reported: dict[int, int] = {}
        self._refusals: set[Result] = set()
        self._home_before = 0  # sparks of earlier runs
        self._home_in_run = 0  # sparks of this run's earlier nights
        self._sdk_s = 0.0

        # SDK: called for every change of the player's progress, inside run_callbacks().
        self.manager.on_user_achievement_update = self._on_update
        # SDK: requests the player's list. The answer comes a few frames later, inside run_callbacks().
        self.manager.fetch_user_achievements(self._on_fetched)

    def frame(self) -> None:
        """Call this once per frame, also while the game is paused."""
        start = perf_counter()
        # SDK: calls our callbacks below. After a millisecond, the rest waits for the next frame.
        self.manager.run_callbacks(budget_s=0.001)
        self._sdk_s += perf_counter() - start

    def report(self, game: Game) -> None:
        """Report the player's progress to the SDK. It keeps the best value, so a poor night does no harm."""
        home_ever = self._home_before + self._home_in_run + game.home if self.ready else 0
        for achievement_id, percent in percents(game, home_ever).items():
            if percent > self._reported.get(achievement_id, 0):
                self._reported[achievement_id] = percent
                start = perf_counter()
                # SDK: once this call has returned, the progress survives a crash of the game.
                self.manager.set_user_achievement(achievement_id, percent, self._on_answer)
                self._sdk_s += perf_counter() - start

    def night_is_over(self, game: Game) -> None:
        self._home_in_run += game.home

    def listed(self) -> list[tuple[Achievement, UserAchievement]]:
        """Return the visible achievements with the player's progress."""
        # SDK: empty until the list has arrived.
        progress = self.manager.user_achievements()
        return [(self.manager.get_achievement(p.achievement_id), p) for p in progress]

    def speak(self, locale: str) -> None:
        # SDK: from now on, names and descriptions are in this language.
        self.manager.set_locale(locale)

    def take_sdk_s(self) -> float:
        """Return the seconds spent in the SDK since the last call."""
        taken, self._sdk_s = self._sdk_s, 0.0
        return taken

    def nothing_left(self, game: Game) -> bool:
        """Return whether everything that can be unlocked by playing is unlocked."""
        return percents(game, 0).keys() <= self._unlocked_before | self._unlocked_now.keys()

    def wait_until_ready(self, timeout_s: float = 5.0) -> None:
        """Wait for the list. Only for a run without a window: a visible game must not block."""
        deadline = monotonic() + timeout_s
        while not self.ready and monotonic() < deadline:
            self.frame()
            sleep(0.002)

    def close(self) -> list[str]:
        """Close the SDK and return a summary as lines to print."""
        # SDK: waits up to a second for updates to arrive. The rest is sent after the next start.
        self.manager.flush(timeout_s=1.0)
        self.frame()
        everything = self.listed()
        unlocked = [achievement.name for achievement, progress in everything if progress.unlocked]
        lines = [
            f"This run: {len(self._unlocked_now)} unlocked{listing(self._unlocked_now.values())}",
            f"In total: {len(unlocked)} of {len(everything)} unlocked{listing(unlocked)}",
        ]
        if self.manager.pending_count:
            lines.append(f"Not sent yet: {self.manager.pending_count}. They will be sent after the next start.")
        if self.manager.storage_error:
            lines.append(f"Progress may be lost: {self.manager.storage_error}")
        self.manager.close()
        return lines

    def _on_answer(self, result: Result) -> None:
        """Print why an update was refused, once for each reason; others have arrived or will be sent later."""
        if result not in (*FINE, *self._refusals):
            self._refusals.add(result)
            print(f"The achievements service refused an update: {result.name}", flush=True)

    def _on_fetched(self, result: Result) -> None:
        """Note what is already unlocked in the list, so that it is not announced again."""
        # SDK: if the service is unreachable, the list is the last one that this machine received.
        if result not in FINE:
            print(f"The achievements service refused the list: {result.name}", flush=True)
        for achievement, progress in self.listed():
            if progress.unlocked and achievement.id not in self._unlocked_now:
                self._unlocked_before.add(achievement.id)
                print(f"Unlocked before: {achievement.name}", flush=True)
            if achievement.id == LAMPLIGHTER:
                self._home_before = progress.percent_complete  # one percent for each spark
        self.ready = True

    def _on_update(self, progress: UserAchievement) -> None:
        """Print an unlock, whether this game, another device or the game's server caused it."""
        achievement_id = progress.achievement_id
        known = achievement_id in self._unlocked_before or achievement_id in self._unlocked_now
        ours = self._reported.get(achievement_id) == 100
        if progress.unlocked and not known and (ours or self.ready):
            achievement = self.manager.get_achievement(achievement_id)
            self._unlocked_now[achievement_id] = achievement.name
            print(f"Unlocked: {achievement.name} - {achievement.description}", flush=True)


def listing(names: Collection[str]) -> str:
    return ": " + ", ".join(names) if names else ""


def reset(data_dir: Path | None) -> str:
    """Delete the SDK's files in its folder, nothing else, and return a line that says so."""
    folder = data_dir or default_data_dir(APPLICATION_ID)
    kept = [path for pattern in KEPT_FILES for path in folder.glob(pattern)]
    for path in kept:
        path.unlink(missing_ok=True)
    return f"Reset: earlier progress deleted in {folder} (files: {len(kept)})"
