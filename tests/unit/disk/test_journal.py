from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.journal import FILE_BYTES, SLOTS, Entry, Journal, Orphan, nonces, paths, read
from discord_achievements.client.disk.record_file import Mapped, Written, type_in

ROOT = Path(__file__).parents[3]
ANNA, BERT = owners.of_user(1), owners.of_user(2)
AT_US = 1_700_000_000_000_000
CELL_BYTES = 64
RECORD_BYTES = 45


@pytest.fixture(params=[Mapped, Written])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    kind = request.param
    journal = Journal.create(tmp_path, record_file=lambda file, _, size: kind(file, size))
    yield journal
    journal.close(remove=True)


def entry(seq: int, achievement_id: int, percent: int, owner: bytes = ANNA) -> Entry:
    return Entry(seq, achievement_id, AT_US + percent, owner, percent)


def write(journal: Journal, one: Entry) -> bool:
    return journal.write(one.seq, one.achievement_id, one.percent, one.at_us, one.owner)


def content(folder: Path) -> bytes:
    (path,) = paths(folder)
    return path.read_bytes()


def crashed(folder: Path, *entries: Entry) -> Path:
    """Leave the journal of a process that wrote `entries` and was killed."""
    folder.mkdir(exist_ok=True)
    journal = Journal.create(folder)
    for one in entries:
        assert write(journal, one)
    journal.close(remove=False)
    return folder / f"journal-{journal.nonce.hex()}.bin"


SEVERAL = [
    entry(1, 10, 1),
    entry(2, 20, 100),
    entry(3, 10, 2),
    entry(4, 2**63 - 1, 0, BERT),
    entry(5, 10, 100, BERT),
    entry(2**63 - 1, 20, 50, BERT),
]
SEVERAL_BYTES = 10 * CELL_BYTES  # five slots


@pytest.fixture
def several(tmp_path: Path) -> bytes:
    """The part of a journal with several records that is not empty."""
    whole = crashed(tmp_path, *SEVERAL).read_bytes()
    assert not any(whole[SEVERAL_BYTES:])
    return whole[:SEVERAL_BYTES]


def at(data: bytes) -> dict[int, Entry]:
    """Return the offset of each entry in a journal's bytes."""
    cells = range(0, len(data), CELL_BYTES)
    return {start: found for start in cells for found in read(data[start : start + CELL_BYTES])}


def test_records_are_read_in_the_order_of_the_calls(several: bytes) -> None:
    assert read(several) == SEVERAL


def test_a_new_journal_is_empty(journal: Journal, tmp_path: Path) -> None:
    assert len(content(tmp_path)) == FILE_BYTES
    assert read(content(tmp_path)) == []
    assert journal.is_committed


def test_a_record_is_in_the_file_when_write_returns(journal: Journal, tmp_path: Path) -> None:
    for one in SEVERAL:
        assert write(journal, one)
        assert one in read(content(tmp_path))


def test_a_flipped_byte_loses_only_its_own_record(several: bytes) -> None:
    where = at(several)
    assert sorted(where.values()) == SEVERAL
    for offset in range(len(several)):
        others = [found for start, found in where.items() if not start <= offset < start + RECORD_BYTES]
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(several)
            damaged[offset] ^= flip
            assert read(bytes(damaged)) == sorted(others), f"byte {offset} xor {flip}"


def test_a_truncated_journal_keeps_every_whole_record(several: bytes) -> None:
    where = at(several)
    for length in range(len(several) + 1):
        kept = [found for start, found in where.items() if start + RECORD_BYTES <= length]
        assert read(several[:length]) == sorted(kept), f"{length} bytes"


@pytest.mark.parametrize("seed", range(20))
def test_garbage_is_not_read_as_a_record(seed: int) -> None:
    assert read(random.Random(seed).randbytes(64 * 1024)) == []


@pytest.mark.parametrize(("achievement_id", "percent"), [(0, 50), (-1, 50), (-(2**63), 50), (10, 101), (10, 255)])
def test_a_record_that_no_game_can_have_set_is_skipped(tmp_path: Path, achievement_id: int, percent: int) -> None:
    good = entry(2, 20, 100)
    assert read(crashed(tmp_path, entry(1, achievement_id, percent), good).read_bytes()) == [good]


def test_a_torn_overwrite_keeps_the_record_before_it(tmp_path: Path) -> None:
    first, second, third, other = entry(1, 10, 1), entry(2, 10, 2), entry(3, 10, 3), entry(4, 20, 4)
    before = crashed(tmp_path / "before", first, second, other).read_bytes()[: 4 * CELL_BYTES]
    after = crashed(tmp_path / "after", first, second, third, other).read_bytes()[: 4 * CELL_BYTES]
    changed = [offset for offset in range(len(before)) if before[offset] != after[offset]]
    for torn_at in range(changed[0], changed[-1] + 1):
        found = read(after[:torn_at] + before[torn_at:])
        assert second in found
        assert other in found
        assert set(found) <= {first, second, third, other}
    assert third in read(after)


def test_a_torn_first_write_is_not_read_as_a_record(tmp_path: Path) -> None:
    whole = crashed(tmp_path, entry(1, 10, 100)).read_bytes()[:CELL_BYTES]
    for length in range(RECORD_BYTES - 1):
        assert read(whole[:length].ljust(CELL_BYTES, b"\0")) == []


def test_each_achievement_of_each_owner_has_its_own_slot(journal: Journal, tmp_path: Path) -> None:
    written = [
        entry(2 * number + turn, 10 + number % 3, percent=number, owner=owner)
        for number in range(12)
        for turn, owner in enumerate((ANNA, BERT))
    ]
    for one in written:
        write(journal, one)
    latest = {(one.owner, one.achievement_id): one for one in written}
    assert set(latest.values()) <= set(read(content(tmp_path)))


def test_a_lower_value_does_not_replace_a_higher_one(journal: Journal, tmp_path: Path) -> None:
    more = entry(1, 10, 100)
    write(journal, more)
    for seq in range(2, 6):
        assert write(journal, entry(seq, 10, 50))
        assert more in read(content(tmp_path))


def test_a_lower_value_after_a_committed_higher_one_is_recorded(journal: Journal, tmp_path: Path) -> None:
    # The service may have refused the higher value.
    less = entry(2, 10, 50)
    write(journal, entry(1, 10, 100))
    journal.committed_seq = 1
    write(journal, less)
    assert less in read(content(tmp_path))


def test_a_full_journal_refuses_until_everything_is_committed(journal: Journal, tmp_path: Path) -> None:
    for number in range(1, SLOTS + 1):
        assert write(journal, entry(number, number, 50))
    full = content(tmp_path)
    assert not write(journal, entry(SLOTS + 1, SLOTS + 1, 50))
    journal.committed_seq = SLOTS - 1
    assert not write(journal, entry(SLOTS + 2, SLOTS + 1, 50))
    assert content(tmp_path) == full

    assert write(journal, entry(SLOTS + 3, 1, 60)), "an achievement that has its room keeps it"
    journal.committed_seq = SLOTS
    assert not write(journal, entry(SLOTS + 4, SLOTS + 1, 50)), "and counts as not committed again"

    journal.committed_seq = SLOTS + 3
    assert journal.is_committed
    latest = entry(SLOTS + 5, SLOTS + 1, 50)
    assert write(journal, latest)
    assert latest in read(content(tmp_path))
    assert not journal.is_committed


@pytest.mark.parametrize("seed", range(3))
def test_uncommitted_records_are_never_overwritten(journal: Journal, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    waiting: dict[tuple[bytes, int], Entry] = {}
    refused = 0
    for seq in range(1, 12_000):
        owner = rng.choice((ANNA, BERT)) if seq % 100 == 0 else ANNA
        one = entry(seq, rng.randrange(1, 3000), rng.randrange(101), owner)
        if write(journal, one):
            before = waiting.get((one.owner, one.achievement_id), one)
            waiting[one.owner, one.achievement_id] = one if one.percent > before.percent else before
        else:
            refused += 1
        if rng.random() < 0.0005:
            journal.committed_seq = seq
            waiting.clear()
        if seq % 1000 == 0:
            assert set(waiting.values()) <= set(read(content(tmp_path)))
    assert refused, "the journal was never full"


def test_only_journals_of_ended_processes_can_be_taken(tmp_path: Path) -> None:
    mine, theirs = Journal.create(tmp_path), Journal.create(tmp_path)
    dead = crashed(tmp_path, *SEVERAL)
    assert {mine.nonce, theirs.nonce} < set(nonces(tmp_path))
    taken = [orphan for path in paths(tmp_path) if (orphan := Orphan.take(path)) is not None]
    assert [(orphan.nonce, orphan.entries) for orphan in taken] == [(bytes.fromhex(dead.stem[8:]), SEVERAL)]

    assert Orphan.take(dead) is None, "it is held while it is being folded"
    taken[0].close(remove=False)
    again = Orphan.take(dead)
    assert again is not None, "it stays for the next start where it could not be folded"
    again.close(remove=True)
    assert not dead.exists()
    assert Orphan.take(dead) is None
    for journal in (mine, theirs):
        journal.close(remove=True)
    assert nonces(tmp_path) == []


def test_a_journal_that_was_never_filled_is_taken_and_removed(tmp_path: Path) -> None:
    path = tmp_path / f"journal-{bytes(16).hex()}.bin"
    path.touch()
    orphan = Orphan.take(path)
    assert orphan is not None
    assert orphan.entries == []
    orphan.close(remove=True)
    assert not path.exists()


def test_files_with_other_names_are_left_alone(tmp_path: Path) -> None:
    nonce = bytes(16).hex()
    for name in (f"journal-{nonce} - Copy.bin", f"journal-{nonce}.bin.part", "journal-.bin", f"journal2-{nonce}.bin"):
        (tmp_path / name).touch()
    assert list(paths(tmp_path)) == []


@pytest.mark.parametrize("folder", ["missing", "a_file", "a_file/below"])
def test_a_journal_needs_a_folder(tmp_path: Path, folder: str) -> None:
    (tmp_path / "a_file").touch()
    with pytest.raises(OSError, match=r"\[Errno"):
        Journal.create(tmp_path / folder)
    assert nonces(tmp_path / folder) == []


CREATE_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from discord_achievements.client.disk.journal import FILE_BYTES, Journal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES - 1, FILE_BYTES - 1))
try:
    Journal.create(Path(sys.argv[1]))
except OSError as exc:
    print("OSError", exc.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
def test_a_full_disk_is_reported_when_the_journal_is_created(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CREATE_ON_A_FULL_DISK, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.stdout.startswith("OSError"), ended.stderr
    assert list(tmp_path.iterdir()) == []


WRITE_AND_TRUNCATE = """
import os, sys
from pathlib import Path
from discord_achievements.client.disk.journal import FILE_BYTES, SLOTS, Journal

folder, size = Path(sys.argv[1]), int(sys.argv[2])
journal = Journal.create(folder)
for seq in range(1, SLOTS + 1):
    assert journal.write(seq, seq, 50, 1, bytes(16))
journal.committed_seq, journal.recheck = SLOTS, True
(path,) = folder.iterdir()
os.truncate(path, size)
for seq in range(SLOTS + 1, SLOTS + 31):
    assert journal.write(seq, seq, 50, 1, bytes(16))
os._exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let anybody truncate a mapped file")
@pytest.mark.parametrize("size", [0, 100, 4096, FILE_BYTES - 1, FILE_BYTES, 2 * FILE_BYTES])
def test_a_journal_that_somebody_truncates_neither_kills_the_game_nor_loses_what_comes_then(
    tmp_path: Path, size: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITE_AND_TRUNCATE, tmp_path, str(size)], cwd=ROOT, timeout=30, check=False
    )
    assert ended.returncode == 3
    found = {one.achievement_id for one in read(content(tmp_path))}
    assert set(range(SLOTS + 1, SLOTS + 31)) <= found


def test_a_record_that_cannot_be_written_is_reported_until_it_is_stored(tmp_path: Path) -> None:
    class Broken(Written):
        is_broken = False

        def put(self, offset: int, record: bytes, checksum: int, /) -> None:
            if self.is_broken:
                raise OSError("no room")
            super().put(offset, record, checksum)

    made: list[Broken] = []

    def broken_file(file: BinaryIO, _: Path, size: int) -> Broken:
        made.append(Broken(file, size))
        return made[0]

    journal = Journal.create(tmp_path, record_file=broken_file)
    write(journal, entry(1, 10, 50))
    made[0].is_broken = True
    for seq in range(2, SLOTS + 9):
        assert not write(journal, entry(seq, 20, 50))
    assert "no room" in str(journal.trouble)
    made[0].is_broken = False
    assert write(journal, entry(SLOTS + 9, 20, 50)), "what failed has taken no room"
    journal.committed_seq = SLOTS + 9
    assert journal.trouble is None
    journal.close(remove=True)


WRITE_TO_A_FAILED_DEVICE = """
import fcntl, os, struct, sys
from pathlib import Path
from discord_achievements.client.disk.journal import SLOTS, Journal

folder = Path(sys.argv[1])
journal = Journal.create(folder)
assert journal.write(1, 1, 50, 1, bytes(16))
os.sync()
fcntl.ioctl(os.open(folder, os.O_RDONLY), 0x8004587D, struct.pack("I", 2))  # XFS_IOC_GOINGDOWN, as after an error
journal.committed_seq, journal.recheck = 1, True
print(sum(journal.write(seq, seq, 50, 1, bytes(16)) for seq in range(2, SLOTS)), journal.trouble)
sys.stdout.flush()
os._exit(3)
"""


@pytest.fixture(params=["xfs", "ext4"])
def failing_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(330 << 20)
    try:
        subprocess.run([f"mkfs.{request.param}", "-q", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, disk], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"mounting a file needs root, mkfs.{request.param} and a kernel that has it")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_device_that_fails_neither_kills_the_game_nor_raises_an_exception(failing_disk: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITE_TO_A_FAILED_DEVICE, failing_disk],
        cwd=ROOT,
        timeout=60,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ended.returncode == 3
    written, trouble = ended.stdout.split(maxsplit=1)
    assert (int(written) == SLOTS - 2) == (trouble == "None\n")


MOUNTS = """\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:26 / /home rw shared:2 - btrfs /dev/sda2 rw,subvol=/home
31 30 0:30 / /home/ann/My\\040Games rw - vboxsf games rw
32 30 0:31 / /home/bob rw shared:7 master:3 - tmpfs none rw
33 30 0:32 / /home/bob rw - fuse.sshfs bob rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/usr/games", "ext4"),
        ("/", "ext4"),
        ("/homes", "ext4"),
        ("/home", "btrfs"),
        ("/home/ann", "btrfs"),
        ("/home/ann/My Games/data", "vboxsf"),
        ("/home/ann/My Gamesaves", "btrfs"),
        ("/home/bob/x", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert type_in(MOUNTS, path) == kind


def test_where_no_mount_is_known_nothing_is_mapped() -> None:
    assert type_in("", "/home") == ""


FILL_AND_WRITE = """
import os, sys
from pathlib import Path
from discord_achievements.client.disk.journal import SLOTS, Journal

folder = Path(sys.argv[1])
journal = Journal.create(folder)
os.sync()
with (folder / "filling").open("wb", buffering=0) as file:
    for size in (1 << 20, 4096):
        try:
            while True:
                file.write(os.urandom(size))
        except OSError:
            pass
os.sync()
print(sum(journal.write(seq, seq, 50, 1, bytes(16)) for seq in range(1, SLOTS + 1)), flush=True)
os._exit(3)
"""


@pytest.fixture
def small_btrfs(tmp_path: Path) -> Iterator[Path]:
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(120 << 20)
    try:
        subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, disk], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a btrfs needs root, mkfs.btrfs and a kernel that has it")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_on_a_full_copy_on_write_disk_the_game_goes_on_and_records_find_their_room(small_btrfs: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FILL_AND_WRITE, small_btrfs], cwd=ROOT, timeout=60, check=False, stdout=subprocess.PIPE
    )
    assert ended.returncode == 3
    assert int(ended.stdout) == SLOTS


TAKE_ALL = """
import sys
from pathlib import Path
from discord_achievements.client.disk.journal import Orphan, paths

print("ready", flush=True)
sys.stdin.readline()
for path in paths(Path(sys.argv[1])):
    orphan = Orphan.take(path)
    if orphan is not None:
        print(orphan.nonce.hex())
        orphan.close(remove=True)
"""


def test_of_processes_that_start_at_once_exactly_one_takes_each_orphan(tmp_path: Path) -> None:
    orphans = sorted(crashed(tmp_path, entry(1, 10, 50)).stem[8:] for _ in range(200))
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE_ALL, tmp_path],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in starters:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starters:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [process.communicate(timeout=30)[0].split() for process in starters]
    assert sorted(nonce for one in taken for nonce in one) == orphans
    assert list(tmp_path.iterdir()) == []
