"""A folder that cannot be used, and a full disk: the game continues, and keeps what it can."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from discord_achievements.client.disk.journal import SLOTS
from tests.support.storages import AT_US, DATABASE, HALF, POSIX_ONLY, DrivenStorage, Start, played, run

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
