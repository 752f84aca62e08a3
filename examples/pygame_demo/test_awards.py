"""Tests the game's achievements without a window, a service or waiting; the guide "Testing a game" explains how."""

from __future__ import annotations

from random import Random

import pytest

from awards import Awards
from discord_achievements.testing import CheckedManager, ServiceControl, UnknownId
from game import Game, autopilot


def play_a_night(awards: Awards) -> Game:
    game = Game(Random(7))
    while not game.over:
        game.step(autopilot(game))
        awards.report(game)
        awards.frame()
    return game


def test_a_night_brings_achievements(achievements: CheckedManager) -> None:
    game = play_a_night(Awards(achievements))
    achievements.assert_unlocked("first_light")
    achievements.assert_unlocked("till_dawn")
    achievements.assert_progress("lamplighter", game.home)
    achievements.assert_locked("festival_star")


def test_a_night_without_a_connection_counts(achievements: CheckedManager, achievement_service: ServiceControl) -> None:
    achievement_service.go_offline()
    play_a_night(Awards(achievements))
    achievements.assert_unlocked("till_dawn")
    achievement_service.assert_locked("till_dawn")

    achievement_service.come_back()
    achievements.advance(180)
    achievement_service.assert_unlocked("till_dawn")


def test_what_the_server_grants_is_announced(
    achievements: CheckedManager, achievement_service: ServiceControl, capsys: pytest.CaptureFixture[str]
) -> None:
    awards = Awards(achievements)
    awards.frame()
    achievement_service.grant("festival_star")
    awards.frame()
    assert "Unlocked: Star of the Festival" in capsys.readouterr().out


def test_every_id_in_the_code_is_in_the_catalogue(unknown_achievement_ids: list[UnknownId]) -> None:
    assert unknown_achievement_ids == []
