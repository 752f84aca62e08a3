from __future__ import annotations

import gc
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import Achievement, AchievementManager, Result
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.database import SCHEMA_VERSION, Database
from discord_achievements.client.disk.journal import SLOTS, paths
from discord_achievements.client.disk.pacing import SLICE_ROWS
from discord_achievements.client.disk.players import Players
from discord_achievements.client.disk.storage import Storage
from discord_achievements.client.state import State, refused, reported
from discord_achievements.domain.catalogue import Catalogue, CatalogueEntry
from discord_achievements.domain.progress import NO_PROGRESS, Progress, reach
from discord_achievements.testing import run_until

ROOT = Path(__file__).parents[3]
ANNA, BERT = owners.of_user(1), owners.of_user(2)
AT_US = 1_700_000_000_000_000
HALF, DONE = reach(50, AT_US), reach(100, AT_US)
DATABASE = "achievements.sqlite3"
POSIX_ONLY = pytest.mark.skipif(
    sys.platform == "win32", reason="needs POSIX users, limits, or files that can be replaced while they are open"
)


class DrivenStorage:
    """A storage that is driven as by a game: `play` is what a set does, up to where the worker has stored it."""

    def __init__(self, folder: Path, owner: bytes = ANNA) -> None:
        self.storage = Storage(folder)
        self.owner = owner
        self.seq = 0
        self.player = self.storage.change(lambda: self.storage.players.of_owner(owner, self.storage.run))

    def write(self, achievement_id: int, progress: Progress = HALF) -> None:
        """Write to the journal only, as the game's thread does."""
        self.seq += 1
        assert self.storage.journal is not None
        at_us = progress.unlocked_at_us or AT_US
        assert self.storage.journal.write(self.seq, achievement_id, progress.percent, at_us, self.owner)

    def take(self, achievement_id: int, progress: Progress = HALF) -> State:
        """Store what was written, as the worker does."""
        return self.storage.take(self.player.id, {achievement_id: progress}, self.seq)[achievement_id].after

    def play(self, achievement_id: int, progress: Progress = HALF) -> State:
        self.write(achievement_id, progress)
        return self.take(achievement_id, progress)

    def apply(self, achievement_id: int, change: Callable[[State], State]) -> None:
        """Have the service change one state."""

        def commit() -> None:
            database = self.storage.database
            before = database.states(self.player.id, [achievement_id])[achievement_id]
            database.write_states(self.player.id, {achievement_id: change(before)})

        self.storage.change(commit)

    def pending(self) -> dict[int, Progress]:
        return self.storage.database.pending(self.player.id)


@pytest.fixture
def start() -> Iterator[Callable[..., DrivenStorage]]:
    """Starts games, and closes them after the test."""
    games: list[DrivenStorage] = []

    def start(folder: Path, owner: bytes = ANNA) -> DrivenStorage:
        games.append(DrivenStorage(folder, owner))
        return games[-1]

    yield start
    for game in games:
        game.storage.close()


Start = Callable[..., DrivenStorage]


def left_by_crash(game: DrivenStorage, to: Path) -> Path:
    """Copy what is on disk if `game` is killed now, and return the copy."""
    shutil.copytree(game.storage.folder, to)
    return to


def played(folder: Path, *achievement_ids: int) -> Path:
    """Play and close; return the database file."""
    game = DrivenStorage(folder)
    if achievement_ids:
        game.storage.take(game.player.id, dict.fromkeys(achievement_ids, HALF), 1)
    game.storage.close()
    return folder / DATABASE


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Ordinary play


def test_progress_is_kept_until_the_next_start(start: Start, tmp_path: Path) -> None:
    played(tmp_path / "new" / "folder", 10, 20)
    game = start(tmp_path / "new" / "folder")
    assert game.pending() == {10: HALF, 20: HALF}
    assert game.storage.error is None


def test_only_the_database_is_left_behind(tmp_path: Path) -> None:
    path = played(tmp_path, 10)
    assert list(tmp_path.iterdir()) == [path]
    with closing(sqlite3.connect(tmp_path / DATABASE)) as file:
        assert file.execute("SELECT count(*) FROM journal").fetchone() == (0,)


@POSIX_ONLY
def test_a_new_folder_is_private_to_the_user(tmp_path: Path) -> None:
    played(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_sets_are_committed_when_take_returns(start: Start, tmp_path: Path) -> None:
    game, other = start(tmp_path), start(tmp_path)
    for percent in range(1, 50):
        game.play(10, reach(percent, AT_US))
        assert other.pending() == {10: reach(percent, AT_US)}


def test_each_commit_is_synchronized_with_the_disk(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def recording(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(connect(*args, **kwargs))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", recording)
    start(tmp_path)
    (connection,) = connections
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: nothing less syncs the log each time"


def test_ok_is_reported_only_after_the_commit(tmp_path: Path) -> None:
    definitions = (CatalogueEntry(Achievement(1, 10, "Name", "What to do"), None, None),)
    with AchievementManager(1, achievements=Catalogue(1, definitions, "a test"), data_dir=tmp_path) as manager:
        seen: list[tuple[Result, dict[int, Progress]]] = []

        def look(result: Result) -> None:
            with closing(Database(tmp_path / DATABASE)) as on_disk:
                seen.append((result, on_disk.pending(Players(on_disk).of_owner(owners.LOCAL, b"").id)))

        for percent in (1, 50, 99):
            manager.set_user_achievement(10, percent, look)
            run_until(manager, lambda: seen)
            assert seen.pop() == (Result.OK, {10: Progress(percent, None)})


def test_setting_the_same_in_every_frame_writes_nothing(start: Start, tmp_path: Path) -> None:
    game, other = start(tmp_path), start(tmp_path)
    game.play(10)
    other.storage.database.changed_elsewhere()
    for _ in range(5):
        assert game.play(10).pending == HALF
        assert game.play(10, reach(20, AT_US)).pending == HALF
    assert not other.storage.database.changed_elsewhere()
    assert game.storage.journal is not None
    assert game.storage.journal.is_committed


def test_many_sets_are_taken_at_once(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    sets = {number: reach(number % 101, AT_US) for number in range(1, 4 * SLICE_ROWS)}
    taken = game.storage.take(game.player.id, sets, 1)
    assert {number: one.after.pending for number, one in taken.items()} == sets
    assert game.pending() == sets


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


# A damaged database


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"this is no database, and never was one",
        lambda good: random.Random(1).randbytes(len(good)),
        lambda good: bytes(len(good)),
        lambda good: good[: len(good) // 2],
        lambda good: good[:1000],
        lambda good: good[:4096] + bytes(4096) + good[8192:],
        lambda good: good[:4096] + random.Random(2).randbytes(len(good) - 4096),
        lambda good: good[4096:] + good[:4096],
        lambda good: good.replace(b"pending_percent", b"pending_\xff\x00rcent"),
        lambda good: good.replace(b"pending_percent", b"pending_percens"),
    ],
    ids=["text", "garbage", "zeros", "half", "first_bytes", "zero_page", "garbage_pages", "turned", "schema", "column"],
)
def test_a_damaged_database_is_set_aside_and_a_new_one_created(
    start: Start, tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = played(tmp_path, *range(1, 200))
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    game = start(tmp_path)
    aside = tmp_path / f"{DATABASE}.corrupt-1"
    assert aside.read_bytes() == damaged
    assert game.storage.error is not None
    assert aside.name in game.storage.error
    assert caplog.messages == [game.storage.error]
    game.play(10, DONE)
    game.storage.close()

    again = start(tmp_path)
    assert again.storage.error is None
    assert again.pending() == {10: DONE}


def test_every_damaged_database_is_kept(start: Start, tmp_path: Path) -> None:
    for number in range(1, 4):
        (tmp_path / DATABASE).write_text(f"damaged {number}")
        start(tmp_path).storage.close()
    kept = {path.name: path.read_text() for path in tmp_path.glob("*corrupt*")}
    assert kept == {f"{DATABASE}.corrupt-{number}": f"damaged {number}" for number in range(1, 4)}


def test_the_journal_survives_a_damaged_database(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.write(10)
    folder = left_by_crash(game, tmp_path / "after")
    (folder / DATABASE).write_bytes(b"damaged")
    assert start(folder).pending() == {10: HALF}


@pytest.mark.parametrize("seed", range(60))
def test_with_any_damage_the_game_continues_and_no_byte_is_deleted(start: Start, tmp_path: Path, seed: int) -> None:
    path = played(tmp_path, *range(1, 200))
    rng = random.Random(seed)
    damaged = bytearray(path.read_bytes())
    offset, length = rng.randrange(len(damaged)), rng.choice((1, 1, 1, 16, 512))
    damaged[offset : offset + length] = rng.randbytes(len(damaged[offset : offset + length]))
    path.write_bytes(damaged)
    game = start(tmp_path)
    game.play(500, DONE)
    for slices in game.storage.database.rows(game.player.id):
        assert slices
    assert game.pending()[500] == DONE
    if game.storage.error is not None and game.storage.durable:
        assert (tmp_path / f"{DATABASE}.corrupt-1").read_bytes() == damaged
    game.storage.close()
    assert start(tmp_path).pending()[500] == DONE


@pytest.mark.parametrize("side", ["-wal", "-shm"])
@pytest.mark.parametrize("seed", range(5))
def test_garbage_in_side_files_loses_nothing_of_the_database_file(
    start: Start, tmp_path: Path, side: str, seed: int
) -> None:
    played(tmp_path / "before", 10)
    game = start(tmp_path / "before")
    game.play(20)
    folder = left_by_crash(game, tmp_path / "after")
    file = folder / f"{DATABASE}{side}"
    rng = random.Random(seed)
    data = bytearray(file.read_bytes())
    begin = rng.randrange(len(data))
    data[begin:] = rng.randbytes(len(data) - begin)
    file.write_bytes(data)
    after = start(folder)
    assert after.pending()[10] == HALF
    assert after.play(30).pending == HALF


def test_a_database_of_a_later_version_is_neither_used_nor_changed(start: Start, tmp_path: Path) -> None:
    path = played(tmp_path, 10)
    for version in (SCHEMA_VERSION + 1, SCHEMA_VERSION):
        with closing(sqlite3.connect(path)) as file:
            file.execute(f"PRAGMA user_version = {version}")
        if version == SCHEMA_VERSION:
            break
        before = path.read_bytes()
        for number in (20, 30):
            game = start(tmp_path)
            assert game.storage.error is not None
            assert f"schema {version}" in game.storage.error
            game.play(number)
            game.storage.close()
        assert path.read_bytes() == before
    assert start(tmp_path).pending() == {10: HALF, 20: HALF, 30: HALF}


# A folder that cannot be used


@pytest.mark.parametrize("below", ["a_file", "a_file/folder", "a_file/a/b", "x" * 300, "x" * 4000])
def test_without_a_folder_the_game_continues_in_memory(
    start: Start, tmp_path: Path, below: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a_file").touch()
    game = start(tmp_path / below)
    assert game.storage.journal is None
    assert game.storage.take(game.player.id, {10: HALF}, 1)[10].after.pending == HALF
    assert game.pending() == {10: HALF}
    assert game.storage.error is not None
    assert str(tmp_path / below) in game.storage.error
    assert caplog.messages == [game.storage.error], "it says so once"
    game.storage.close()


def test_without_a_database_the_journal_keeps_everything(start: Start, tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    for number in (10, 20):
        game = start(tmp_path)
        assert game.storage.error is not None
        game.play(number)
        assert number in game.pending()
        game.storage.close()
    (tmp_path / DATABASE).rmdir()
    game = start(tmp_path)
    assert game.storage.error is None
    assert game.pending() == {10: HALF, 20: HALF}


def test_a_full_journal_is_reported_as_long_as_nothing_can_be_stored(start: Start, tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    game = start(tmp_path)
    before = game.storage.error
    assert game.storage.journal is not None
    for number in range(1, SLOTS + 1):
        game.play(number)
    assert game.storage.error == before
    game.seq += 1
    assert not game.storage.journal.write(game.seq, SLOTS + 1, 50, AT_US, game.owner)
    assert game.take(SLOTS + 1).pending == HALF
    assert game.storage.error != before
    assert "journal is full" in str(game.storage.error)


PLAY_AS_NOBODY = """
import os, sys
from pathlib import Path
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.storage import Storage
from discord_achievements.domain.progress import reach

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
storage = Storage(Path(sys.argv[1]))
player = storage.change(lambda: storage.players.of_owner(owners.of_user(1), storage.run))
for seq, achievement_id in enumerate(map(int, sys.argv[2:]), 1):
    if storage.journal is not None:
        assert storage.journal.write(seq, achievement_id, 50, 1, owners.of_user(1))
    storage.take(player.id, {achievement_id: reach(50, 1)}, seq)
print(*sorted(storage.database.pending(player.id)))
print(storage.error)
storage.close()
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user of this machine can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


def play_as_nobody(folder: Path, *achievement_ids: int) -> tuple[list[int], str, list[str]]:
    """Return the game's state, its `error`, and what it logged."""
    ended = run(PLAY_AS_NOBODY, folder, *achievement_ids)
    assert ended.returncode == 0, ended.stderr
    pending, error = ended.stdout.splitlines()
    return [int(number) for number in pending.split()], error, ended.stderr.splitlines()


@POSIX_ONLY
def test_in_a_read_only_folder_the_game_continues_with_the_stored_progress(start: Start, public: Path) -> None:
    folder = public / "data"
    path = played(folder, 10)
    path.chmod(0o444)
    folder.chmod(0o555)
    pending, error, log = play_as_nobody(folder, 20)
    assert pending == [10, 20]
    assert str(path) in error
    assert log == [error], "it says so once"
    assert list(folder.iterdir()) == [path]
    folder.chmod(0o755)
    path.chmod(0o644)
    assert start(folder).pending() == {10: HALF}


@POSIX_ONLY
def test_the_game_continues_if_no_folder_can_be_created(public: Path) -> None:
    public.chmod(0o555)
    pending, error, log = play_as_nobody(public / "data", 20)
    assert pending == [20]
    assert str(public / "data") in error
    assert log == [error]


@POSIX_ONLY
def test_a_read_only_database_is_shown_and_the_journal_keeps_the_rest(start: Start, public: Path) -> None:
    folder = public / "data"
    path = played(folder, 10)
    path.chmod(0o444)
    folder.chmod(0o777)
    pending, error, log = play_as_nobody(folder, 20, 30)
    assert pending == [10, 20, 30]
    assert log == [error]
    path.chmod(0o666)
    assert start(folder).pending().keys() == {10, 20, 30}


def test_a_journal_that_cannot_be_taken_over_does_not_affect_others(start: Start, tmp_path: Path) -> None:
    odd = tmp_path / f"journal-{bytes(16).hex()}.bin"
    odd.mkdir()
    for number in (10, 20):
        game = DrivenStorage(tmp_path)
        game.write(number)
        game.storage.close()
    game = start(tmp_path)
    assert game.pending() == {10: HALF, 20: HALF}
    assert game.storage.error is not None
    assert str(odd) in game.storage.error
    assert game.storage.durable


FOLD_REFUSE_AND_START_AGAIN = """
import os, sys
from pathlib import Path
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.state import refused
from discord_achievements.client.disk.storage import Storage

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for _ in range(2):
    storage = Storage(Path(sys.argv[1]))
    database = storage.database
    player = storage.change(lambda: storage.players.of_owner(owners.of_user(1), storage.run))
    states = database.states(player.id)
    print(*database.pending(player.id))
    dropped = {number: refused(one, one.pending) for number, one in states.items()}
    storage.change(lambda: database.write_states(player.id, dropped))
    storage.close()
"""


@POSIX_ONLY
def test_a_journal_that_cannot_be_removed_is_recovered_once(start: Start, public: Path) -> None:
    folder = public / "data"
    start(folder)  # keeps the database's side files there, which cannot be created in that folder
    game = DrivenStorage(folder)
    game.write(10)
    game.storage.close()
    for path in folder.iterdir():
        path.chmod(0o666)
    folder.chmod(0o555)
    ended = run(FOLD_REFUSE_AND_START_AGAIN, folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["10", ""]


# A full disk


PLAY_ON_A_FULL_DISK = """
import os, sys
from pathlib import Path
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.storage import Storage
from discord_achievements.domain.progress import reach

def limit(size):
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

def fill(folder):
    with (folder / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - 20_000))

folder, fault = Path(sys.argv[1]), sys.argv[2]
if fault == "small from the start":
    limit(200_000)
storage = Storage(folder)
player = storage.change(lambda: storage.players.of_owner(owners.of_user(1), storage.run))
if fault == "full":
    fill(folder)
elif fault == "small":
    limit((folder / "achievements.sqlite3-wal").stat().st_size + 20_000)
for number in range(1, 101):
    if storage.journal is not None:
        assert storage.journal.write(number, number, 50, 1, owners.of_user(1))
    storage.take(player.id, {number: reach(50, 1)}, number)
assert len(storage.database.pending(player.id)) == 100
print(storage.error)
sys.stdout.flush()
os._exit(0)
"""


@POSIX_ONLY
def test_on_a_full_disk_the_game_continues_and_loses_nothing(start: Start, tmp_path: Path) -> None:
    ended = run(PLAY_ON_A_FULL_DISK, tmp_path, "small")
    assert ended.returncode == 0, ended.stderr
    assert str(tmp_path / DATABASE) in ended.stdout
    assert ended.stderr.splitlines() == ended.stdout.splitlines(), "it says so once"
    game = start(tmp_path)
    assert game.storage.error is None
    assert game.pending() == dict.fromkeys(range(1, 101), HALF)


@POSIX_ONLY
def test_without_room_for_a_journal_the_game_continues(tmp_path: Path) -> None:
    ended = run(PLAY_ON_A_FULL_DISK, tmp_path, "small from the start")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("no journal") == 1
    assert "in memory until the game ends" in ended.stdout
    assert "; ".join(ended.stderr.splitlines()) == ended.stdout.strip(), "it says each once"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("only root can mount a small disk; the test above fills one by a limit")
    yield disk
    subprocess.run(["umount", disk], check=True)


@POSIX_ONLY
def test_on_a_small_full_disk_the_game_continues_and_loses_nothing(start: Start, small_disk: Path) -> None:
    ended = run(PLAY_ON_A_FULL_DISK, small_disk, "full")
    assert ended.returncode == 0, ended.stderr
    assert str(small_disk / DATABASE) in ended.stdout
    while_full = DrivenStorage(small_disk)
    assert while_full.pending() == dict.fromkeys(range(1, 101), HALF)
    assert while_full.storage.error is not None
    while_full.storage.close()
    (small_disk / "filling").unlink()
    again = DrivenStorage(small_disk)
    assert again.pending() == dict.fromkeys(range(1, 101), HALF)
    assert again.storage.error is None
    again.storage.close()


# A database that another process has locked


HOLD = """
import sqlite3, sys

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
database.rollback()
database.close()
"""


class Holder:
    """Another program that locks the database until `release`."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"

    def release(self) -> None:
        self._process.communicate("\n", timeout=30)


def test_a_database_locked_during_play_loses_nothing(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game.play(20)
        game.play(30)
        assert game.pending().keys() == {10, 20, 30}
        assert game.storage.error is not None
        assert "locked" in game.storage.error
        game.storage.close()
    finally:
        holder.release()
    again = start(tmp_path)
    assert again.storage.error is None
    assert again.pending().keys() == {10, 20, 30}


@pytest.mark.parametrize("is_new", [True, False])
def test_a_database_locked_at_the_start_loses_nothing(start: Start, tmp_path: Path, is_new: bool) -> None:
    if not is_new:
        played(tmp_path, 10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game = start(tmp_path)
        game.play(20)
        assert game.pending().keys() == ({20} if is_new else {10, 20})
        assert game.storage.error is not None
        assert "locked" in game.storage.error
        game.storage.close()
    finally:
        holder.release()
    again = start(tmp_path)
    assert again.storage.error is None
    assert again.pending().keys() == ({20} if is_new else {10, 20})


def test_a_database_locked_for_a_moment_is_waited_for(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    holder = Holder(tmp_path / DATABASE)
    taking = threading.Thread(target=game.play, args=(10,))
    taking.start()
    holder.release()
    taking.join(30)
    assert game.storage.error is None
    assert game.pending() == {10: HALF}


def test_a_cache_that_is_free_again_is_used_again(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game.play(20)
        due_at = game.storage.tend(0.0)
        assert due_at is not None
        due_at = game.storage.tend(due_at)
        assert "locked" in str(game.storage.error)
    finally:
        holder.release()
    other = start(tmp_path)
    other.play(30)
    while game.storage.error is not None:
        assert due_at is not None
        assert due_at < 100
        due_at = game.storage.tend(due_at)
    game.play(40)
    assert game.pending() == other.pending() == dict.fromkeys((10, 20, 30, 40), HALF)
    assert game.storage.journal is not None
    assert game.storage.journal.is_committed


@pytest.mark.parametrize("is_new", [True, False])
def test_a_cache_that_was_held_at_the_start_is_used_once_it_is_free(start: Start, tmp_path: Path, is_new: bool) -> None:
    if not is_new:
        played(tmp_path, 10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game = start(tmp_path)
        game.storage.define([definition(20)])
        game.storage.use_service("https://one.example/api/v10")
        game.play(20)
    finally:
        holder.release()
    due_at = game.storage.tend(0.0)
    assert due_at is not None
    game.storage.tend(due_at)
    assert game.storage.durable
    assert game.storage.error is None
    expected = {20: HALF} if is_new else {10: HALF, 20: HALF}
    game.storage.close()
    assert start(tmp_path).pending() == expected
    assert len(list(paths(tmp_path))) == 1


def test_what_is_kept_in_memory_is_stored_when_the_game_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    game = DrivenStorage(tmp_path)
    game.play(10)
    (tmp_path / DATABASE).rmdir()
    game.storage.close()
    assert list(tmp_path.iterdir()) == [tmp_path / DATABASE]
    assert start(tmp_path).pending() == {10: HALF}


# Files that other programs replace, delete or restore while the game runs


def exchanged(path: Path, by: Path) -> None:
    """Put a copy in the file's place, as a program that synchronises folders does."""
    copy = path.with_name(f"{path.name}.part")
    shutil.copy(by, copy)
    copy.replace(path)


def file_replaced(folder: Path, older: Path) -> None:
    exchanged(folder / DATABASE, older / DATABASE)


def files_replaced(folder: Path, older: Path) -> None:
    for side in ("-wal", "-shm"):
        (folder / f"{DATABASE}{side}").unlink()
    exchanged(folder / DATABASE, older / DATABASE)


def file_replaced_by_nonsense(folder: Path, _: Path) -> None:
    (folder / "nonsense").write_bytes(b"nonsense" * 999)
    exchanged(folder / DATABASE, folder / "nonsense")


def file_deleted(folder: Path, _: Path) -> None:
    (folder / DATABASE).unlink()


def file_truncated(folder: Path, _: Path) -> None:
    os.truncate(folder / DATABASE, 0)


def file_truncated_to_a_page(folder: Path, _: Path) -> None:
    os.truncate(folder / DATABASE, 4096)


def log_deleted(folder: Path, _: Path) -> None:
    (folder / f"{DATABASE}-wal").unlink()


def side_files_deleted(folder: Path, _: Path) -> None:
    for side in ("-wal", "-shm"):
        (folder / f"{DATABASE}{side}").unlink()


def folder_deleted(folder: Path, _: Path) -> None:
    shutil.rmtree(folder)


def folder_renamed(folder: Path, _: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def folder_restored(folder: Path, older: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    shutil.copytree(older, folder)


def journals_deleted(folder: Path, _: Path) -> None:
    for path in paths(folder):
        path.unlink()


REPLACED = [
    file_replaced,
    files_replaced,
    file_replaced_by_nonsense,
    file_deleted,
    file_truncated,
    file_truncated_to_a_page,
    log_deleted,
    side_files_deleted,
    folder_deleted,
    folder_renamed,
    folder_restored,
]


@POSIX_ONLY
@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("replace", [*REPLACED, journals_deleted], ids=lambda replace: replace.__name__)
def test_what_is_set_after_files_were_replaced_is_in_the_files_that_are_there_then(
    start: Start, tmp_path: Path, replace: Callable[[Path, Path], None], is_killed: bool
) -> None:
    folder, older = tmp_path / "data", tmp_path / "older"
    played(folder, 10)
    shutil.copytree(folder, older)
    game = start(folder)
    game.play(20)
    replace(folder, older)
    game.play(30)
    game.play(40)
    if replace is not journals_deleted:
        assert "another program" in str(game.storage.error)
    if is_killed:
        folder = left_by_crash(game, tmp_path / "after")
    else:
        game.storage.close()
    again = start(folder)
    assert again.storage.error is None
    assert again.pending() == dict.fromkeys((10, 20, 30, 40), HALF)
    again.storage.close()
    assert not list(paths(folder))


@POSIX_ONLY
@pytest.mark.parametrize("replace", REPLACED, ids=lambda replace: replace.__name__)
def test_a_game_that_ends_after_files_were_replaced_takes_its_progress_along(
    start: Start, tmp_path: Path, replace: Callable[[Path, Path], None]
) -> None:
    folder, older = tmp_path / "data", tmp_path / "older"
    played(folder, 10)
    shutil.copytree(folder, older)
    game = start(folder)
    game.play(20)
    replace(folder, older)
    game.storage.close()
    again = start(folder)
    assert again.storage.error is None
    assert again.pending() == {10: HALF, 20: HALF}


@POSIX_ONLY
def test_a_deleted_journal_is_created_again_at_once(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    journals_deleted(tmp_path, tmp_path)
    game.play(20)
    game.write(30)
    assert start(left_by_crash(game, tmp_path / "after")).pending().keys() == {10, 20, 30}


@POSIX_ONLY
def test_two_copies_that_have_gone_different_ways_are_united(start: Start, tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    played(folder, 10)
    shutil.copytree(folder, other)
    elsewhere = DrivenStorage(other)
    elsewhere.play(20)
    elsewhere.storage.close()
    game = start(folder)
    game.play(30)
    exchanged(folder / DATABASE, other / DATABASE)
    game.play(40, DONE)
    assert game.pending() == {10: HALF, 20: HALF, 30: HALF, 40: DONE}


# Values that nobody stores


@pytest.mark.parametrize(
    "crafted",
    [
        "percent = 'x'",
        "percent = 101",
        "percent = -1",
        "pending_percent = 1000",
        "pending_percent = 0.5",
        "unlocked_at_us = 'x'",
        "pending_unlocked_at_us = 9223372036854775807",
        "pending_unlocked_at_us = -9223372036854775807",
        "revision = 'x'",
    ],
)
def test_a_database_with_impossible_progress_counts_as_damaged(start: Start, tmp_path: Path, crafted: str) -> None:
    path = played(tmp_path, 10)
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"UPDATE progress SET {crafted}")
        file.commit()
    game = start(tmp_path)
    assert "damaged" in str(game.storage.error)
    game.play(20)
    assert game.pending() == {20: HALF}


# Long paths


def long_folder(tmp_path: Path, length: int) -> Path:
    """Return a folder in which the cache's path has that many bytes."""
    rest = length - len(str(tmp_path)) - len(f"/{DATABASE}")
    names = []
    while rest > 0:
        names.append("x" * (min(rest, 101) - 1 if rest != 102 else 50))
        rest -= len(names[-1]) + 1
    folder = tmp_path.joinpath(*names)
    assert len(str(folder / DATABASE)) == length
    return folder


@POSIX_ONLY
@pytest.mark.parametrize("length", [495, *range(500, 516, 3), 600, 2000])
def test_a_path_of_any_length_works(start: Start, tmp_path: Path, length: int) -> None:
    folder = long_folder(tmp_path, length)
    game = start(folder)
    game.storage.define([definition(10)])
    game.play(10)
    game.write(20)
    other = start(folder)
    other.play(30)
    game.storage.database.changed_elsewhere()
    assert game.pending().keys() == {10, 30}
    moved = left_by_crash(game, tmp_path / "short")
    assert start(moved).pending().keys() == {10, 20, 30}
    for one in (game, other):
        one.storage.close()
    again = start(folder)
    assert again.storage.error is None
    assert again.pending().keys() == {10, 20, 30}
    assert again.storage.database.definition_count() == 1
    again.storage.close()
    assert not list(paths(folder))


@POSIX_ONLY
def test_a_folder_that_a_crash_left_can_move_to_a_long_path_and_back(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    assert (tmp_path / "before" / f"{DATABASE}-wal").stat().st_size
    long = long_folder(tmp_path, 700)
    long.parent.mkdir(parents=True)
    left_by_crash(game, long)
    there = start(long)
    there.play(20)
    assert there.pending() == {10: HALF, 20: HALF}
    back = start(left_by_crash(there, tmp_path / "back"))
    assert back.storage.error is None
    assert back.pending() == {10: HALF, 20: HALF}


@POSIX_ONLY
def test_a_damaged_file_at_a_long_path_is_set_aside(start: Start, tmp_path: Path) -> None:
    long = long_folder(tmp_path, 700)
    path = played(long, 10)
    path.write_bytes(b"nonsense" * 1000)
    game = start(long)
    assert "damaged" in str(game.storage.error)
    assert game.storage.durable
    game.play(20)
    assert (long / f"{DATABASE}.corrupt-1").read_bytes() == b"nonsense" * 1000


# The write-ahead log


def test_the_log_is_empty_once_the_game_has_been_idle_for_a_moment(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    due_at = game.storage.tend(100.0)
    assert due_at is not None
    assert 100 < due_at < 101
    assert game.storage.tend(due_at) is None
    assert (tmp_path / "before" / f"{DATABASE}-wal").stat().st_size == 0
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "before" / DATABASE, tmp_path / "alone")
    assert start(tmp_path / "alone").pending() == {10: HALF}
    assert game.storage.tend(due_at) is None, "nothing is to be done until something changes"


class NoRoom(Database):
    """A database whose log cannot be moved into its file."""

    def settle(self) -> None:
        if self.path is not None:
            raise sqlite3.OperationalError("database or disk is full")


def test_a_log_that_cannot_be_emptied_is_one_more_failure_of_the_file(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.database.close()
    game.storage.database = NoRoom(tmp_path / DATABASE)
    game.play(10)
    due_at = game.storage.tend(100.0)
    assert due_at is not None
    due_at = game.storage.tend(due_at)
    assert due_at is not None
    assert "full" in str(game.storage.error)
    game.storage.tend(due_at)
    assert game.storage.error is None
    assert game.pending() == {10: HALF}


class Unreadable(Database):
    """A database whose file can neither be written nor read, as on a disk that fails."""

    def transaction(self) -> AbstractContextManager[None]:
        if self.path is not None:
            raise sqlite3.OperationalError("disk I/O error")
        return super().transaction()

    def copy_to_memory(self) -> Database:
        raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_is_set_while_the_file_cannot_even_be_read_is_stored_later(
    start: Start, tmp_path: Path, is_gone: bool
) -> None:
    game = start(tmp_path)
    game.play(10)
    game.storage.database.close()
    path, elsewhere = tmp_path / DATABASE, tmp_path / "elsewhere"
    game.storage.database = Unreadable(path)
    if is_gone:
        path.rename(elsewhere)
        path.mkdir()
    game.play(20)
    assert game.pending() == ({20: HALF} if is_gone else {10: HALF, 20: HALF})
    if is_gone:
        path.rmdir()
        elsewhere.rename(path)
    due_at = game.storage.tend(100.0)
    assert due_at is not None
    game.storage.tend(due_at)
    assert game.storage.error is None
    assert game.pending() == {10: HALF, 20: HALF}


# Definitions, and moving to a service


def definition(number: int, name: str = "Name") -> Achievement:
    return Achievement(1, number, name, "What to do")


def test_the_catalogues_definitions_are_the_only_ones(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.define(definition(number) for number in range(1, 3 * SLICE_ROWS))
    game.play(10)
    game.storage.define([definition(10, "New"), definition(1000)])
    assert game.storage.database.definition_ids().keys() == {10, 1000}
    texts = game.storage.database.texts(10)
    assert texts is not None
    assert texts.name == "New"
    assert game.pending() == {10: HALF}


def test_unchanged_definitions_are_not_written(start: Start, tmp_path: Path) -> None:
    game, other = start(tmp_path), start(tmp_path)
    game.storage.define([definition(10), definition(20)])
    other.storage.database.changed_elsewhere()
    game.storage.define([definition(10), definition(20)])
    assert not other.storage.database.changed_elsewhere()


def test_progress_of_local_mode_is_pending_for_the_first_service(start: Start, tmp_path: Path) -> None:
    played(tmp_path, 10)
    game = start(tmp_path)
    game.storage.use_service("https://one.example/api/v10")
    assert game.pending() == {10: HALF}


def test_progress_confirmed_by_one_service_is_pending_for_another(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.define([definition(10)])
    game.storage.use_service("https://one.example/api/v10")
    game.play(10)
    game.apply(10, lambda state: reported(state, HALF, 5))
    game.storage.change(game.storage.remember_answer)
    assert game.pending() == {}

    game.storage.use_service("https://one.example/api/v10")
    assert (game.storage.answered, game.pending()) == (True, {})
    game.storage.use_service("https://two.example/api/v10")
    assert (game.storage.answered, game.pending()) == (False, {10: HALF})


def test_the_runs_of_running_games_are_known(start: Start, tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)
    third = DrivenStorage(tmp_path)
    third.storage.close()
    for game in (first, second):
        assert set(game.storage.other_runs()) == {first.storage.run, second.storage.run}
