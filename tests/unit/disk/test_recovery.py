"""What a crash left is recovered at the next start, whatever it is like, and even if that start is interrupted."""

from __future__ import annotations

import gc
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from discord_achievements.client.disk.journal import paths
from discord_achievements.client.disk.pacing import SLICE_ROWS
from discord_achievements.client.disk.storage import Storage
from discord_achievements.client.state import State, refused, reported
from discord_achievements.domain.progress import NO_PROGRESS, Progress, reach
from tests.support.storages import ANNA, AT_US, BERT, DATABASE, DONE, HALF, ROOT, DrivenStorage, Start, left_by_crash

# Crashes


def test_what_the_worker_had_not_stored_is_recovered_from_the_journal(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    for number in range(11, 11 + 3 * SLICE_ROWS):
        game.write(number)
    game.write(10, DONE)
    folder = left_by_crash(game, tmp_path / "after")
    after = start(folder)
    assert after.pending() == {10: DONE} | dict.fromkeys(range(11, 11 + 3 * SLICE_ROWS), HALF)
    assert after.storage.error is None
    after.storage.close()
    assert [path.name for path in folder.iterdir()] == [DATABASE]


def test_the_next_start_cleans_up_after_a_crash(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    folder = left_by_crash(game, tmp_path / "after")
    start(folder).storage.close()
    with closing(sqlite3.connect(folder / DATABASE)) as file:
        assert file.execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_each_player_gets_their_own_progress_from_a_journal(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.write(10)
    game.owner = BERT
    game.write(20)
    folder = left_by_crash(game, tmp_path / "after")
    assert start(folder, ANNA).pending() == {10: HALF}
    assert start(folder, BERT).pending() == {20: HALF}


def test_an_unlock_in_the_journal_keeps_its_first_time(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.write(10, reach(100, AT_US))
    game.write(10, reach(100, AT_US - 1_000_000))
    assert start(left_by_crash(game, tmp_path / "after")).pending() == {10: DONE}


def dropped(state: State) -> State:
    """Return the state after the service has refused what is pending."""
    assert state.pending is not None
    return refused(state, state.pending)


@pytest.mark.parametrize(
    "change", [dropped, lambda state: reported(dropped(state), NO_PROGRESS, 9)], ids=["no", "reset"]
)
@pytest.mark.parametrize("said_again", [0, 1, 3])
def test_a_value_reset_by_the_service_does_not_return_from_the_journal(
    start: Start, tmp_path: Path, change: Callable[[State], State], said_again: int
) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    for _ in range(said_again):
        game.play(10)
    game.apply(10, change)
    assert start(left_by_crash(game, tmp_path / "after")).pending() == {}


def test_a_set_after_a_refusal_counts(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    game.apply(10, dropped)
    game.write(10, DONE)
    assert start(left_by_crash(game, tmp_path / "after")).pending() == {10: DONE}


def test_the_journal_of_a_running_game_is_left_alone(start: Start, tmp_path: Path) -> None:
    first = start(tmp_path)
    first.write(10)
    assert start(tmp_path).pending() == {}
    first.take(10)
    assert start(tmp_path).pending() == {10: HALF}


def test_a_journal_that_is_not_completely_stored_survives_a_close(start: Start, tmp_path: Path) -> None:
    game = DrivenStorage(tmp_path)
    game.play(10)
    game.write(20)
    game.storage.close()
    assert len(list(paths(tmp_path))) == 1
    assert start(tmp_path).pending() == {10: HALF, 20: HALF}


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_journals_intact_records_are_recovered(start: Start, tmp_path: Path, seed: int) -> None:
    game = start(tmp_path / "before")
    for number in range(1, 9):
        game.write(number)
    folder = left_by_crash(game, tmp_path / "after")
    (journal,) = paths(folder)
    damaged = bytearray(journal.read_bytes())
    rng = random.Random(seed)
    for number in (0, 2, 3, 4, 5, 6, 7):
        damaged[number * 128 + rng.randrange(45)] ^= rng.randrange(1, 256)
    journal.write_bytes(damaged[: rng.randrange(256, len(damaged))])
    after = start(folder)
    assert after.storage.error is None
    assert after.pending() == {2: HALF}
    assert not journal.exists()


# Many leftovers, odd ones, interrupted starts


def test_thousands_of_leftovers_cost_no_transaction_each(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.write(10)
    (full,) = paths(tmp_path / "before")
    folder = tmp_path / "after"
    folder.mkdir()
    for number in range(200):
        (folder / f"journal-{number:032x}.bin").write_bytes(bytes(1000) if number % 2 else full.read_bytes()[:1000])
    commits = 0

    def count_commits(_: object, event: str, function: Any) -> None:
        nonlocal commits
        commits += event == "c_call" and function.__name__ == "commit"

    sys.setprofile(count_commits)
    try:
        storage = Storage(folder)
    finally:
        sys.setprofile(None)
    assert commits < 10
    assert storage.error is None
    storage.close()
    assert list(folder.iterdir()) == [folder / DATABASE]
    assert start(folder).pending() == {10: HALF}


def test_leftovers_do_not_pile_up_while_nothing_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    for number in range(1, 6):
        game = DrivenStorage(tmp_path)
        assert game.pending() == dict.fromkeys(range(1, number), HALF)
        game.play(number)
        assert len(list(paths(tmp_path))) == 1
        game.storage.close()
    (tmp_path / DATABASE).rmdir()
    game = DrivenStorage(tmp_path)
    assert game.pending() == dict.fromkeys(range(1, 6), HALF)
    game.storage.close()
    assert list(tmp_path.iterdir()) == [tmp_path / DATABASE]


@pytest.mark.parametrize(
    ("seq", "at_us", "owner"),
    [
        (2**63, AT_US, ANNA),
        (2**64 - 1, AT_US, ANNA),
        (0, AT_US, ANNA),
        (1, 2**63 - 1, ANNA),
        (1, -(2**63), ANNA),
        (1, AT_US, b"\2" + b"\xff" * 15),
        (1, AT_US, b"\2" + bytes(15)),
    ],
)
def test_a_crafted_record_costs_itself(start: Start, tmp_path: Path, seq: int, at_us: int, owner: bytes) -> None:
    game = start(tmp_path / "before")
    assert game.storage.journal is not None
    assert game.storage.journal.write(seq, 10, 100, at_us, owner)
    game.seq = 1
    game.write(20)
    after = start(left_by_crash(game, tmp_path / "after"))
    assert after.storage.error is None
    assert after.pending() == {20: HALF}


def interrupted_at(number: int, what: Callable[[], object]) -> bool:
    """Call `what` and raise KeyboardInterrupt at its call `number`, of Python or C; return whether it got that far."""
    left = number

    def count_down(_: object, event: str, __: object) -> None:
        nonlocal left
        left -= event in ("call", "c_call")
        if left == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(count_down)
    try:
        what()
    except KeyboardInterrupt:
        return True
    finally:
        left = 0  # the next line is a call, too
        sys.setprofile(None)
    return False


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore:unclosed database:ResourceWarning")
@pytest.mark.parametrize("first", [1, 14])
def test_a_start_that_is_interrupted_anywhere_loses_nothing_of_what_a_crash_left(
    start: Start, tmp_path: Path, first: int
) -> None:
    game = start(tmp_path / "before")
    for achievement_id in range(1, 11):
        game.write(achievement_id)
    number, is_interrupted = first, True
    while is_interrupted:
        folder = left_by_crash(game, tmp_path / str(number))
        started: list[Storage] = []
        is_interrupted = interrupted_at(number, lambda to=folder, keep=started: keep.append(Storage(to)))  # type: ignore[misc]
        for storage in started:
            storage.close()
        gc.collect()  # what was interrupted while it closed its files still has them open; a process would have ended
        again = start(folder)
        assert again.pending().keys() == set(range(1, 11)), f"interrupted at call {number}"
        assert again.storage.error is None
        again.storage.close()
        assert list(folder.iterdir()) == [folder / DATABASE], f"interrupted at call {number}"
        number += 25
    assert number > 100


START_AND_PLAY = """
import sys
from pathlib import Path
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.storage import Storage
from discord_achievements.domain.progress import reach

print("ready", flush=True)
for line in sys.stdin:
    folder, achievement_id = line.split()
    storage = Storage(Path(folder))
    player = storage.change(lambda: storage.players.of_owner(owners.of_user(1), storage.run))
    storage.take(player.id, {int(achievement_id): reach(50, 1)}, 1)
    storage.close()
    print(storage.durable, flush=True)
"""


@pytest.fixture
def processes() -> Iterator[Callable[[Path], None]]:
    """Two processes; each call starts both at once on a folder, where they play achievement 101 or 102."""
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", START_AND_PLAY],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    def read(child: subprocess.Popen[str]) -> str:
        assert child.stdout is not None
        return child.stdout.readline().strip()

    assert [read(child) for child in children] == ["ready", "ready"]

    def both(folder: Path) -> None:
        for number, child in enumerate(children, 101):
            assert child.stdin is not None
            child.stdin.write(f"{folder} {number}\n")
            child.stdin.flush()
        assert [read(child) for child in children] == ["True", "True"]

    yield both
    for child in children:
        child.communicate(timeout=30)
        assert child.returncode == 0


def test_two_processes_that_start_at_once_recover_everything_from_a_crash(
    start: Start, tmp_path: Path, processes: Callable[[Path], None]
) -> None:
    for round_ in range(10):
        folder = tmp_path / str(round_)
        folder.mkdir()
        for number in range(1, 11):
            game = DrivenStorage(folder)
            game.write(number)
            game.storage.close()
        processes(folder)
        assert start(folder).pending().keys() == {*range(1, 11), 101, 102}
        start(folder).storage.close()


def test_two_processes_that_start_at_once_set_a_damaged_database_aside_once(
    start: Start, tmp_path: Path, processes: Callable[[Path], None]
) -> None:
    for round_ in range(10):
        folder = tmp_path / str(round_)
        folder.mkdir()
        (folder / DATABASE).write_bytes(b"no database" * 1000)
        processes(folder)
        assert start(folder).pending().keys() == {101, 102}
        asides = {path.name: path.read_bytes() for path in folder.glob("*corrupt*")}
        assert asides == {f"{DATABASE}.corrupt-1": b"no database" * 1000}


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_leftover_journals_the_earlier_unlock_counts(start: Start, tmp_path: Path, first: int) -> None:
    """Their names say nothing about their order."""
    times = [AT_US, AT_US + 100_000_000]
    left = []
    for number in (first, 1 - first):
        game = start(tmp_path / f"run-{number}")
        game.write(10, Progress(100, times[number]))
        left.append(left_by_crash(game, tmp_path / f"left-{number}"))
    for path, name in zip([*paths(left[0]), *paths(left[1])], ("0" * 32, "1" * 32), strict=True):
        shutil.copy(path, tmp_path / "left-0" / f"journal-{name}.bin")
    for path in paths(tmp_path / "left-0"):
        if path.stem.removeprefix("journal-") not in ("0" * 32, "1" * 32):
            path.unlink()
    assert start(tmp_path / "left-0").pending() == {10: Progress(100, AT_US)}
