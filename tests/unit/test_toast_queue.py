"""Which toasts are shown, in which order and for how long."""

from __future__ import annotations

import pytest

pytest.importorskip("pygame")  # the queue's package imports it

from discord_achievements import UserAchievement
from discord_achievements.pygame_ui.toast_queue import Toast, ToastQueue

STAY_S, STAY_MIN_S, MOVE_S = 4.0, 2.0, 0.25
FRAME_S = 1 / 64


def unlock(achievement_id: int) -> UserAchievement:
    return UserAchievement(0, achievement_id, 100, "2023-05-02T12:00:00.000000+00:00")


def progress(achievement_id: int, percent: int) -> UserAchievement:
    return UserAchievement(0, achievement_id, percent, "")


def shown(queue: ToastQueue, seconds: float = 60.0) -> list[tuple[int, int, float]]:
    """Let time pass; return each toast's achievement, percentage and seconds on screen, in order."""
    found = [] if queue.showing is None else [(0, 0, 0.0)]
    for _ in range(round(seconds / FRAME_S)):
        if queue.advance(FRAME_S) and queue.show_next() is not None:
            found.append((0, 0, 0.0))
        if queue.showing is not None:
            now = queue.showing.achievement
            found[-1] = (now.achievement_id, now.percent_complete, found[-1][2] + FRAME_S)
    return found


@pytest.fixture
def queue() -> ToastQueue:
    return ToastQueue(STAY_S, STAY_MIN_S, MOVE_S)


def test_five_at_once_are_shown_one_after_the_other(queue: ToastQueue) -> None:
    for achievement_id in range(1, 6):
        queue.push(unlock(achievement_id), 0)
    times = shown(queue)
    assert [achievement_id for achievement_id, _, _ in times] == [1, 2, 3, 4, 5]
    assert [seconds for _, _, seconds in times] == pytest.approx([2.5, 2.5, 2.5, 2.5, 4.5], abs=0.1)


def test_a_toast_shown_for_long_leaves_when_another_is_added(queue: ToastQueue) -> None:
    queue.push(unlock(1), 0)
    shown(queue, 3.0)
    queue.push(unlock(2), 0)
    presence = [queue.presence()]
    while queue.showing is not None and queue.showing.achievement.achievement_id == 1:
        if queue.advance(FRAME_S):
            queue.show_next()
        presence.append(queue.presence())
    assert len(presence) == pytest.approx(MOVE_S / FRAME_S, abs=3), "it leaves at once, and does so visibly"
    assert sorted(presence[:-1], reverse=True) == presence[:-1]


def test_a_burst_of_progress_is_one_toast_whose_bar_moves(queue: ToastQueue) -> None:
    queue.push(progress(1, 10), 0)
    for percent in range(11, 60):
        queue.push(progress(1, percent), percent - 1)
        shown(queue, 0.1)
    assert queue.showing is not None
    assert queue.showing.achievement.percent_complete == 59
    assert not queue.waiting
    seconds = 0.0
    while not queue.advance(FRAME_S):
        seconds += FRAME_S
    assert seconds == pytest.approx(STAY_S + MOVE_S, abs=0.2), "the last step can be read as long as any"


def test_a_waiting_burst_is_one_toast_with_the_last_value(queue: ToastQueue) -> None:
    queue.push(unlock(9), 0)
    shown(queue, 0.5)
    for percent in (25, 50, 75):
        queue.push(progress(1, percent), percent - 25)
    assert [(one, percent) for one, percent, _ in shown(queue)][-1:] == [(1, 75)]
    assert queue.showing is None


def test_a_burst_does_not_block_other_toasts(queue: ToastQueue) -> None:
    queue.push(progress(1, 1), 0)
    shown(queue, 0.1)
    queue.push(unlock(2), 0)
    for percent in range(2, 90):
        queue.push(progress(1, percent), percent - 1)
        shown(queue, 0.1)
        if queue.showing is not None and queue.showing.achievement.achievement_id == 2:
            return
    pytest.fail("the unlock was never shown")


def test_an_unlock_replaces_its_progress(queue: ToastQueue) -> None:
    queue.push(unlock(9), 0)
    shown(queue, 0.5)
    queue.push(progress(1, 75), 50)
    queue.push(unlock(1), 75)
    assert [(one, percent) for one, percent, _ in shown(queue)][-1:] == [(1, 100)]


def test_unlocks_come_before_waiting_progress(queue: ToastQueue) -> None:
    queue.push(progress(1, 10), 0)
    shown(queue, 0.1)
    queue.push(progress(2, 20), 0)
    queue.push(unlock(3), 0)
    queue.push(progress(4, 30), 0)
    queue.push(unlock(5), 0)
    assert [one for one, _, _ in shown(queue)] == [1, 3, 5, 2, 4]


def test_progress_on_screen_leaves_for_its_unlock(queue: ToastQueue) -> None:
    queue.push(progress(1, 75), 50)
    shown(queue, 1.0)
    queue.push(unlock(1), 75)
    shown(queue, 2 * MOVE_S)
    assert queue.showing is not None
    assert queue.showing.is_unlock


@pytest.mark.parametrize(
    ("toast", "text"),
    [
        (Toast(unlock(1), "Achievement unlocked", "Win", "You won!"), "Achievement unlocked: Win. You won!"),
        (Toast(unlock(1), "Unlocked", "Win!", ""), "Unlocked: Win!"),
        (Toast(progress(1, 40), "Progress", "Win", "All of it", 40), "Progress: Win (40 %). All of it."),
    ],
)
def test_a_screen_reader_gets_sentences(toast: Toast, text: str) -> None:
    assert toast.text == text
