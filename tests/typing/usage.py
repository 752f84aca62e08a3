"""The public API as a game uses it. Nobody runs this file: a type checker reads it.

`assert_type` holds what a call gives. A line that ends in `type: ignore[...]` is a mistake that must be found: where
it is not, the comment is unused, and that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_type

import pygame

from discord_achievements import (
    Achievement,
    AchievementManager,
    ApiError,
    CatalogueError,
    ConfigurationError,
    DiscordAchievementsError,
    Result,
    ResultError,
    TokenProvider,
    TransportError,
    UserAchievement,
    WireError,
    __version__,
    default_data_dir,
)
from discord_achievements.gamesdk import NotOfferedError, configure, discord, discordsdk
from discord_achievements.pygame_ui import (
    DARK,
    LIGHT,
    AchievementsScreen,
    Anchor,
    ProgressIndicator,
    Theme,
    Toast,
    Toasts,
)
from discord_achievements.testing import (
    ByteStream,
    CheckedManager,
    ErrorCode,
    FakeService,
    Fault,
    FaultServer,
    InProcessTransport,
    ManualClock,
    ScriptedTransport,
    ServiceControl,
    UnknownId,
    UnscriptedRequestError,
    run_until,
    stall,
    unknown_ids,
)

APPLICATION_ID = 461618159171141643
ACHIEVEMENT_ID = 580159119969878046


class SignIn:
    """A provider of tokens needs to inherit from nothing."""

    def get_token(self) -> str:
        return "token"

    def refresh(self) -> str:
        return "new token"


class NeverRenewed:
    def get_token(self) -> str:
        return "token"


def print_result(result: Result) -> None:
    assert_type(result, Result)
    assert_type(result.value, int)
    assert_type(result == 40, bool)
    assert_type(result is Result.UNAUTHORIZED_FOR_ACHIEVEMENT, bool)


def show(achievement: UserAchievement) -> bool:
    assert_type(achievement.user_id, int)
    assert_type(achievement.achievement_id, int)
    assert_type(achievement.percent_complete, int)
    assert_type(achievement.unlocked_at, str)
    assert_type(achievement.unlocked, bool)
    assert_type(achievement.synced, bool)
    achievement.percent_complete = 100  # type: ignore[misc]
    return achievement.unlocked


def print_achievement(achievement: UserAchievement) -> None:
    print(achievement)


def show_connection(online: bool) -> None:
    assert_type(online, bool)


def without_argument() -> None:
    pass


def make() -> None:
    assert_type(AchievementManager(APPLICATION_ID, achievements="achievements.toml"), AchievementManager)
    AchievementManager(APPLICATION_ID, achievements=Path("achievements.toml"), data_dir=Path("data"), locale="de")
    AchievementManager(APPLICATION_ID, base_url="https://host/api/v10", token="token", timeout_s=3)
    AchievementManager(APPLICATION_ID, base_url="http://nas/api/v10", token=SignIn(), allow_insecure_http=True)
    AchievementManager(achievements="achievements.toml")  # type: ignore[call-arg]
    AchievementManager(APPLICATION_ID, "achievements.toml")  # type: ignore[call-arg]
    AchievementManager("461618159171141643", achievements="achievements.toml")  # type: ignore[arg-type]
    AchievementManager(APPLICATION_ID, base_url="https://host/api/v10", token=NeverRenewed())  # type: ignore[arg-type]
    AchievementManager(APPLICATION_ID, catalogue="achievements.toml")  # type: ignore[call-arg]
    provider: TokenProvider = SignIn()
    assert_type(provider.get_token(), str)
    assert_type(provider.refresh(), str)
    assert_type(default_data_dir(APPLICATION_ID), Path)
    assert_type(__version__, str)


def verbs(manager: AchievementManager) -> None:
    manager.set_user_achievement(ACHIEVEMENT_ID, 25)
    manager.set_user_achievement(ACHIEVEMENT_ID, 25, print_result)
    manager.set_user_achievement(achievement_id=ACHIEVEMENT_ID, percent_complete=25, callback=None)
    manager.set_user_achievement(ACHIEVEMENT_ID, 25, lambda result: assert_type(result, Result))
    manager.set_user_achievement(ACHIEVEMENT_ID)  # type: ignore[call-arg]
    manager.set_user_achievement("580159119969878046", 25)  # type: ignore[arg-type]
    manager.set_user_achievement(ACHIEVEMENT_ID, 0.25)  # type: ignore[arg-type]
    manager.set_user_achievement(ACHIEVEMENT_ID, 25, without_argument)  # type: ignore[arg-type]
    manager.fetch_user_achievements()
    manager.fetch_user_achievements(print_result)
    manager.fetch_user_achievements(show)  # type: ignore[arg-type]
    assert_type(manager.count_user_achievements(), int)
    assert_type(manager.get_user_achievement_at(0), UserAchievement)
    assert_type(manager.get_user_achievement(ACHIEVEMENT_ID), UserAchievement)
    manager.get_user_achievement("win_the_game")  # type: ignore[arg-type]
    manager.run_callbacks()
    manager.run_callbacks(budget_s=0.001)
    manager.run_callbacks("1 ms")  # type: ignore[arg-type]
    assert_type(manager.get_icon(ACHIEVEMENT_ID), str | None)
    pygame.image.load(manager.get_icon(ACHIEVEMENT_ID))  # type: ignore[arg-type]
    manager.set_token("token")
    manager.set_token(SignIn())
    manager.set_token(None)  # type: ignore[arg-type]
    assert_type(manager.flush(timeout_s=1.0), bool)
    manager.close(timeout_s=0)
    with AchievementManager(APPLICATION_ID, achievements="achievements.toml") as entered:
        assert_type(entered, AchievementManager)


def state(manager: AchievementManager) -> None:
    assert_type(manager.application_id, int)
    assert_type(manager.locale, str)
    assert_type(manager.data_dir, Path)
    assert_type(manager.pending_count, int)
    assert_type(manager.is_online, bool | None)
    assert_type(manager.storage_error, str | None)
    manager.pending_count = 0  # type: ignore[misc]
    manager.is_online = True  # type: ignore[misc]


def definition(manager: AchievementManager) -> None:
    achievement = manager.get_achievement(ACHIEVEMENT_ID)
    assert_type(achievement, Achievement)
    assert_type(achievement.id, int)
    assert_type(achievement.application_id, int)
    assert_type(achievement.name, str)
    assert_type(achievement.description, str)
    assert_type(achievement.secret, bool)
    assert_type(achievement.secure, bool)
    assert_type(achievement.icon_hash, str)
    assert_type(achievement.name_localizations, Mapping[str, str] | None)
    assert_type(achievement.description_localizations, Mapping[str, str] | None)
    achievement.name = "Another"  # type: ignore[misc]
    print(achievement.unlocked)  # type: ignore[attr-defined]


def events(manager: AchievementManager) -> None:
    manager.on_user_achievement_update = show
    manager.on_user_achievement_update = lambda achievement: assert_type(achievement, UserAchievement)
    manager.on_user_achievement_update = None
    manager.on_user_achievement_update = show_connection  # type: ignore[assignment]
    manager.on_user_achievement_update = "show"  # type: ignore[assignment]
    manager.on_user_achievement_update.disconnect(show)
    manager.on_user_achievement_update.disconnect(without_argument)  # type: ignore[arg-type]
    # A decorator leaves a function what it is.
    still_the_same: Callable[[UserAchievement], bool] = manager.on_user_achievement_update.connect(show)
    changed: Callable[[UserAchievement], str] = manager.on_user_achievement_update.connect(show)  # type: ignore[assignment]
    print(still_the_same, changed)

    @manager.on_user_achievement_update.connect
    def connected(achievement: UserAchievement) -> int:
        return achievement.percent_complete

    @manager.on_user_achievement_update.connect
    @manager.on_connection_change.connect
    def connected_twice(_: object) -> None:
        pass

    connected("an achievement")  # type: ignore[arg-type]
    connected_twice("anything")
    manager.on_connection_change = show_connection
    manager.on_connection_change = show  # type: ignore[assignment]
    manager.on_connection_change.connect(show_connection)


def errors(manager: AchievementManager) -> None:
    try:
        manager.get_user_achievement(ACHIEVEMENT_ID)
    except ResultError as error:
        assert_type(error.result, Result)
    except ApiError as error:
        assert_type(error.status, int)
        assert_type(error.code, int | None)
        assert_type(error.errors, Mapping[str, Any] | None)
        assert_type(error.retry_after_s, float | None)
    except (CatalogueError, ConfigurationError, TransportError, WireError) as error:
        root: DiscordAchievementsError = error
        raise root from error


def widgets(manager: AchievementManager, surface: pygame.Surface, event: pygame.event.Event) -> None:
    theme = replace(DARK, accent=(120, 220, 140), fonts=("game.ttf",))
    assert_type(theme, Theme)
    assert_type(LIGHT.fonts, tuple[str, ...])
    Theme(panel="red")  # type: ignore[arg-type]
    Theme(colour=(0, 0, 0))  # type: ignore[call-arg]
    theme.panel = (0, 0, 0)  # type: ignore[misc]

    anchor: Anchor = "midtop"
    toasts = Toasts(manager, anchor=anchor, theme=theme, on_toast=renamed, on_text=print, sound=True, icon=no_icon)
    Toasts(manager, anchor="center")  # type: ignore[arg-type]
    Toasts(manager, theme="dark")  # type: ignore[arg-type]
    Toasts(manager, on_toast=show)  # type: ignore[arg-type]
    toasts.update(1 / 60)
    toasts.update()  # type: ignore[call-arg]
    assert_type(toasts.draw(surface), pygame.Rect | None)
    assert_type(toasts.is_visible, bool)
    toasts.close()

    screen = AchievementsScreen(manager, theme=LIGHT, reduced_motion=True, on_text=print, icon=no_icon)
    assert_type(screen.handle_event(event), bool)
    screen.handle_event(event, pos=(1, 2))
    screen.open()
    screen.update(1 / 60)
    screen.draw(surface)
    screen.draw("surface")  # type: ignore[arg-type]
    assert_type(screen.is_open, bool)
    screen.close()

    indicator = ProgressIndicator(manager, anchor="topright", theme=theme, scale=1.5)
    indicator.update(1 / 60)
    assert_type(indicator.draw(surface), pygame.Rect | None)
    assert_type(indicator.is_visible, bool)
    indicator.close()


def renamed(toast: Toast) -> Toast | None:
    assert_type(toast.achievement, UserAchievement)
    assert_type(toast.percent_complete, int | None)
    assert_type(toast.text, str)
    toast.name = "Another"  # type: ignore[misc]
    return replace(toast, name="Another") if toast.description else None


def no_icon(achievement: UserAchievement, size: int) -> pygame.Surface | None:
    return pygame.Surface((size, size)) if achievement.unlocked else None


def game_for_discordsdk() -> None:
    configure(achievements="achievements.toml", locale="de")
    app = discordsdk.Discord(APPLICATION_ID, discordsdk.CreateFlags.default)
    app.set_log_hook(discordsdk.LogLevel.info, lambda level, text: print(level.name, text))
    manager = app.get_achievement_manager()
    assert_type(manager, discordsdk.AchievementManager)
    manager.set_user_achievement(ACHIEVEMENT_ID, 100, lambda result: assert_type(result, discordsdk.Result))
    manager.fetch_user_achievements(lambda result: print(result is discordsdk.Result.ok))
    assert_type(manager.count_user_achievements(), int)
    assert_type(manager.get_user_achievement_at(0), discordsdk.UserAchievement)
    assert_type(manager.get_user_achievement(ACHIEVEMENT_ID).percent_complete, int)
    manager.on_user_achievement_update = print_achievement  # type: ignore[method-assign]  # as with the old wrapper
    app.run_callbacks()
    assert_type(app.core, AchievementManager)
    assert_type(discordsdk.get_exception(discordsdk.Result.not_found), discordsdk.DiscordException)
    discordsdk.Discord(APPLICATION_ID)  # type: ignore[call-arg]
    print(discordsdk.Result.OK)  # type: ignore[attr-defined]
    print(discordsdk.Lobby)  # type: ignore[attr-defined]
    manager.SetUserAchievement(ACHIEVEMENT_ID, 100)  # type: ignore[attr-defined]


class OldManager(discord.AchievementManager):
    def OnUserAchievementUpdate(self, achievement: discord.UserAchievement) -> None:
        assert_type(achievement.UserId, int)
        assert_type(achievement.AchievementId, int)
        assert_type(achievement.PercentComplete, int)
        assert_type(achievement.UnlockedAt, str)


def game_for_the_csharp_like_wrapper() -> None:
    app = discord.Discord(APPLICATION_ID, discord.CreateFlags.Default)
    app.SetLogHook(discord.LogLevel.Info, lambda level, text: print(level.name, text))
    manager = app.GetAchievementManager()
    assert_type(manager, discord.AchievementManager)
    manager.SetUserAchievement(ACHIEVEMENT_ID, 100, lambda result: assert_type(result, discord.Result))
    manager.FetchUserAchievements(lambda result: print(result == discord.Result.Ok))
    assert_type(manager.CountUserAchievements(), int)
    assert_type(manager.GetUserAchievementAt(0), discord.UserAchievement)
    assert_type(manager.GetUserAchievement(ACHIEVEMENT_ID).PercentComplete, int)
    app.RunCallbacks()
    assert_type(app.core, AchievementManager)
    assert_type(discord.getException(discord.Result.NotFound), discord.DiscordException)
    print(manager.GetUserAchievement(ACHIEVEMENT_ID).percent_complete)  # type: ignore[attr-defined]
    print(discord.Lobby)  # type: ignore[attr-defined]
    try:
        app.GetLobbyManager()
    except NotOfferedError as error:
        old: NotImplementedError = error
        raise old from error


def tests_of_a_game(tmp_path: Path) -> None:
    clock = ManualClock()
    clock.advance(3.5)
    clock.advance("3.5")  # type: ignore[arg-type]
    service = FakeService(APPLICATION_ID, clock=clock)
    assert_type(service.add_achievement(ACHIEVEMENT_ID, "Win the Game", secret=True), Achievement)
    service.add_achievement(ACHIEVEMENT_ID, "Win the Game", "You won!", True)  # type: ignore[call-arg]
    service.add_player("token", user_id=1)
    service.grant(1, ACHIEVEMENT_ID)
    assert_type(service.progress(1)[ACHIEVEMENT_ID].percent, int)
    assert_type(service.fill(3), list[int])

    transport = InProcessTransport(service)
    manager = AchievementManager(
        APPLICATION_ID, base_url="https://host/api", token="token", data_dir=tmp_path, transport=transport, clock=clock
    )
    AchievementManager(APPLICATION_ID, base_url="https://host/api", transport=service)  # type: ignore[arg-type]
    transport.go_down()
    run_until(manager, lambda: manager.pending_count, timeout_s=1.0)
    run_until(manager, True)  # type: ignore[arg-type]
    transport.come_back()

    with FaultServer(service) as server:
        assert_type(server, FaultServer)
        assert_type(server.base_url, str)
        server.fail(Fault.UNAVAILABLE, times=None, method="PUT")
        server.fail("unavailable")  # type: ignore[arg-type]
        server.heal()

    with ScriptedTransport({"get_user_achievements": stall}) as scripted:
        AchievementManager(APPLICATION_ID, base_url="https://host/api", token="token", transport=scripted)
        scripted.push(b": a comment\n\n")
        scripted.push(": a comment\n\n")  # type: ignore[arg-type]
        try:
            scripted.check()
        except UnscriptedRequestError as error:
            failed: AssertionError = error
            raise failed from error
        streams: list[ByteStream] = []
        assert_type([stream.closed for stream in streams], list[bool])


def test_of_a_game(
    achievements: CheckedManager, achievement_service: ServiceControl, unknown_achievement_ids: list[UnknownId]
) -> None:
    games: AchievementManager = achievements
    games.run_callbacks()
    achievements.assert_unlocked("win_the_game")
    achievements.assert_progress(ACHIEVEMENT_ID, 40)
    achievements.assert_progress("win_the_game", "40")  # type: ignore[arg-type]
    achievements.advance(1.5)
    assert_type(achievements.percent("win_the_game"), int)
    achievement_service.refuse(Fault.FORBIDDEN)
    achievement_service.refuse(ErrorCode.UNKNOWN_ACHIEVEMENT, times=None)
    achievement_service.refuse(403)  # type: ignore[arg-type]
    achievement_service.delay(2)
    achievement_service.grant("win_the_game")
    assert_type(achievement_service.start_manager("data"), CheckedManager)
    assert_type([one.line for one in unknown_achievement_ids], list[int])
    assert_type(unknown_ids(["my_game"], "achievements.toml"), list[UnknownId])
