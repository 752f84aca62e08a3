"""Parts of the service that need neither network nor database."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import discord_achievements
from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.errors import ConfigurationError
from discord_achievements.domain.routes import Limit
from discord_achievements.server.auth import Authenticator, mint
from discord_achievements.server.broker import Notice, Player
from discord_achievements.server.dsn import sqlite_path
from discord_achievements.server.duration import format_duration, parse_duration
from discord_achievements.server.settings import PREFIX, Settings, WrongSetting, check_names, range_of
from discord_achievements.server.stores.base import Key, Raise, StoreUnavailable, Token, Write, Written
from discord_achievements.server.stores.memory import MemoryStore
from discord_achievements.server.streams import SendBody, Streams
from discord_achievements.server.web.logs import formatter
from discord_achievements.server.writer import Writer

AT_US = 1_700_000_000_000_000


# Settings


def test_the_command_line_outranks_the_environment() -> None:
    environment = {f"{PREFIX}PORT": "9000", f"{PREFIX}STREAM_COMMENT_S": "2.5", f"{PREFIX}METRICS": "off"}
    assert Settings.from_environment({}).port == 8000
    settings = Settings.from_environment(environment, port=None)
    assert (settings.port, settings.stream_comment_s, settings.metrics) == (9000, 2.5, False)
    assert Settings.from_environment(environment, port=0).port == 0


def test_settings_reach_a_worker_unchanged() -> None:
    settings = Settings(database="postgresql://me@host/x", metrics=False, rate_limits="off", replay_s=1.5)
    assert Settings.from_environment(settings.to_environment()) == settings


def test_limits() -> None:
    assert Settings(rate_limits="OFF").limits() == {}
    documented = Settings().limits()
    assert documented["get_user_achievements"] == Limit(2, 5.0)
    changed = Settings(rate_limits="get_user_achievements=10/2.5, get_achievement=1/1m").limits()
    assert changed == documented | {"get_user_achievements": Limit(10, 2.5), "get_achievement": Limit(1, 60.0)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "x"), ("port", "70000"), ("workers", "0"), ("metrics", "maybe"), ("log_level", "loud"),
        ("log_format", "xml"),
        ("database", "mysql://x"), ("redis", "http://x"), ("rate_limits", "nonsense=1/1"),
        ("rate_limits", "get_achievement=0/5"), ("rate_limits", "get_achievement=5"), ("body_timeout_s", "nan"),
        ("rate_limits", "get_achievement=5/0"), ("rate_limits", "get_achievement=5/2d"),
        ("rate_limits", "get_achievement=5/x"), ("replay_s", "7w"), ("replay_s", "-1d"), ("replay_s", "1d2"),
        ("max_body_bytes", "-5"), ("workers", "2"), ("host", " "),
        ("database", "sqlite:///"), ("database", "sqlite://c/two.db"), ("database", "sqlite:c/one.db"),
        ("database", "sqlite:///:memory:"), ("database", "sqlite:///x.db?mode=rw"), ("database", "sqlite:///x.db#y"),
        ("database", "sqlite:///nul%00.db"), ("database", "postgresql:x"), ("database", "postgresql://h:notaport/x"),
        ("database", "postgresql://[x/y"), ("redis", "redis://[x"), ("redis", "redis://h:notaport"),
        ("redis", "localhost:6379"), ("cors_origins", "nonsense"), ("cors_origins", "https://a.b/"),
        ("cors_origins", "https://A.b"), ("cors_origins", "https://u@a.b"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({f"{PREFIX}{name.upper()}": value})
    assert value in str(caught.value)
    assert PREFIX in str(caught.value)


NUMBERS = [setting for setting in fields(Settings) if "range" in setting.metadata]


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_each_number_has_a_range_of_its_own(setting: Field[Any]) -> None:
    allowed, default = range_of(setting.name), getattr(Settings(), setting.name)
    assert allowed.least <= default <= allowed.most
    variable, needs = f"{PREFIX}{setting.name.upper()}", {f"{PREFIX}REDIS": "redis://host"}
    for right in allowed:
        settings = Settings.from_environment({variable: str(right).removesuffix(".0")} | needs)
        assert getattr(settings, setting.name) == right
    for wrong in (str(int(allowed.most) + 1), "0" if allowed.least else "-1", "99999999999999"):
        with pytest.raises(WrongSetting) as caught:
            Settings.from_environment({variable: wrong} | needs)
        if setting.type == "int":
            assert str(caught.value) == (
                f"{variable}: expected an integer from {allowed.least} to {allowed.most}, got '{wrong}'"
            )
        else:
            assert str(caught.value).startswith(f"{variable}: expected ")
            assert str(caught.value).endswith(f", got '{wrong}'")


def test_a_duration_out_of_range_is_quoted_as_it_was_written() -> None:
    with pytest.raises(WrongSetting) as caught:
        Settings.from_environment({f"{PREFIX}STREAM_RESYNC_S": "30d"})
    assert str(caught.value) == f"{PREFIX}STREAM_RESYNC_S: expected a duration from 1s to 7d, got '30d'"


def test_what_is_shown_can_be_read_again() -> None:
    settings = Settings(metrics=False, replay_s=86400.0, header_timeout_s=0.25, rate_limits="get_achievement=1/1h")
    lines = dict(line.split("  # ")[0].split("=", 1) for line in settings.show().splitlines())
    assert Settings.from_environment(lines) == settings
    assert lines[f"{PREFIX}REPLAY_S"] == "1d"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600), ("0.5", 0.5), ("90s", 90), ("15m", 900), ("12h", 43_200), ("1.5h", 5400), ("30d", 2_592_000),
        ("30D", 2_592_000), (" 7 d ", 604_800), ("0", 0),
    ],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "1w", "1y", "-1", "1h30m", "1e3", "inf", "nan", "٣d", "1" * 400])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 30d"):
        parse_duration(text)


@given(st.integers(1, 10**12).map(lambda millis: millis / 1000) | st.integers(1, 10**9))
def test_a_duration_that_is_shown_can_be_read_again(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("PROT", f"PROT (did you mean {PREFIX}PORT?)"),
        ("DATABASE_URL", f"DATABASE_URL (did you mean {PREFIX}DATABASE?)"),
        ("APLICATION", f"APLICATION (did you mean {PREFIX}APPLICATION?)"),
        ("TOKEN", f"TOKEN (did you mean {PREFIX}BOT_TOKEN?)"),
        ("KEEP_ALIVE", f"KEEP_ALIVE (did you mean {PREFIX}KEEP_ALIVE_S?)"),
        ("QUUX", "QUUX;"),
        ("", f"{PREFIX};"),
    ],
)
def test_a_variable_that_nobody_reads_is_refused(name: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_names({"PATH": "/bin", f"{PREFIX}PORT": "1", f"{PREFIX}{name}": ""})
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"no setting is called {PREFIX}")


def test_every_variable_that_the_package_names_is_known() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(discord_achievements.__file__).parent.rglob("*.py"))
    named = set(re.findall(rf"(?<![A-Z_]){PREFIX}[A-Z_]*[A-Z]", sources))
    assert f"{PREFIX}URL" in named
    check_names(dict.fromkeys(named, "x"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database", "postgresql://h1:5432,h2:5433/x?target_session_attrs=any"), ("database", "postgresql:///x"),
        ("database", "postgresql://me:p%40ss:word@[::1]:5432/x?sslmode=require"), ("database", "sqlite:////abs/a%20b"),
        ("database", "postgresql://me:@/x?host=/var/run/postgresql"), ("database", "sqlite:///C:/folder/x.sqlite3"),
        ("redis", "rediss://:pw@h:6379/0?ssl_cert_reqs=none"), ("redis", "unix:///run/redis.sock?db=0"),
        ("cors_origins", "https://a.b, http://localhost:8080, capacitor://localhost"), ("cors_origins", "*"),
    ],
)  # fmt: skip
def test_a_right_setting_is_taken(name: str, value: str) -> None:
    assert getattr(Settings.from_environment({f"{PREFIX}{name.upper()}": value}), name) == value


def test_the_default_database_works_with_any_folder_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "a b#c%20?d"))
    assert "a b#c%20?d" in sqlite_path(Settings().database)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG folders are those of other systems")
def test_a_relative_xdg_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    expected = tmp_path / ".local" / "share" / "discord_achievements" / "service.sqlite3"
    assert Path(sqlite_path(Settings().database)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@host:5/x?a=b", "redis://:hunter2@h:6379/0", "postgresql://u@h/x?password=hunter2",
        "postgresql://u@h/x?a=b&sslpassword=hunter2&c=d", "unix:///run/redis.sock?db=0&password=hunter2",
    ],
)  # fmt: skip
def test_passwords_are_left_out(url: str) -> None:
    name = "database" if url.startswith("postgresql") else "redis"
    shown = Settings.from_environment({f"{PREFIX}{name.upper()}": url}).show()
    assert "hunter2" not in shown
    assert url.replace("hunter2", "***") in shown


@pytest.mark.parametrize("password", ["hunter@2", "hunter/2", "hunter?2", "hunter#2", "hunter[2", "a@hunter:2"])
def test_a_password_that_is_not_escaped_is_not_shown(password: str) -> None:
    for name, scheme in (("database", "postgresql"), ("redis", "redis"), ("database", "mysql")):
        with pytest.raises(ConfigurationError) as caught:
            Settings.from_environment({f"{PREFIX}{name.upper()}": f"{scheme}://me:{password}@host:5/x"})
        assert "hunter" not in str(caught.value)
        assert f"{scheme}://me:***@host:5/x" in str(caught.value)


# The log


@pytest.mark.parametrize(
    ("log_format", "on_terminal", "is_json"),
    [
        ("auto", True, False), ("auto", False, True), ("text", True, False), ("text", False, False),
        ("json", True, True), ("json", False, True),
    ],
)  # fmt: skip
def test_the_log_suits_its_reader(log_format: str, on_terminal: bool, is_json: bool) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return on_terminal

    record = logging.LogRecord("discord_achievements.x", logging.WARNING, "x.py", 1, "%s is full", ("it",), None)
    line = formatter(log_format, Stream()).format(record)
    if is_json:
        written = json.loads(line)
        assert (written["level"], written["message"]) == ("warning", "it is full")
    else:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d WARNING it is full", line)


# Tokens


def authenticator(tokens: Sequence[Token], now_us: Callable[[], int] = lambda: AT_US) -> Authenticator:
    kept = {token.key: token for token in tokens}

    async def read(key: str) -> Token | None:
        return kept.get(key)

    return Authenticator(lambda: 1, read, now_us)


def test_a_token_can_be_found_by_scanners_and_is_not_kept() -> None:
    made = [mint(kind, 1, 2, AT_US) for kind in TokenKind for _ in range(20)]
    assert all(re.fullmatch(r"da(bot|user|client)_[0-9a-f]{12}_[0-9a-f]{64}", one.text) for one in made)
    assert len({one.text[-64:] for one in made}) == len(made)
    for one in made:
        assert one.text.encode() not in repr(one.token).encode()
        assert one.text[-64:] not in repr(one.token)


def test_the_subject_of_a_token() -> None:
    bot, player = mint(TokenKind.BOT, 1, None, AT_US), mint(TokenKind.BEARER, 1, 5, AT_US, 60)
    clock = [AT_US]
    known = authenticator([bot.token, player.token], lambda: clock[0])

    def identified(header: str) -> Any:
        return asyncio.run(known.identify(header))

    assert identified(f"Bot {bot.text}") == (TokenKind.BOT, 1, None, None)
    assert identified(f"bOT {bot.text}") == identified(f"Bot {bot.text}"), "RFC 9110: schemes are case-insensitive"
    assert identified(f"Bearer {player.text}") == (TokenKind.BEARER, 1, 5, AT_US + 60_000_000)
    mixed = f"{bot.text[:18]}_{player.text[-64:]}"
    for wrong in ("", bot.text, f"Bearer {bot.text}", f"Bot {player.text}", f"Bo {bot.text}", f"Bot {mixed}"):
        assert identified(wrong) is None
    assert identified(f"Bot {mint(TokenKind.BOT, 1, None, AT_US).text}") is None
    clock[0] += 60_000_000
    assert identified(f"Bearer {player.text}") is None, "it has expired"
    assert identified(f"Bot {bot.text}") is not None


# The writer


class RecordingStore(MemoryStore):
    """Records the sizes of batches, and fails on player 13."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        self.batches.append(len(writes))
        if any(write.key.user_id == 13 for write in writes):
            raise RuntimeError("this one is bad")
        return super().write(writes, at_us)


def test_updates_that_wait_share_a_commit() -> None:
    async def scene() -> None:
        store = RecordingStore()
        announced: list[Written] = []
        writer = Writer(store, lambda: AT_US, batch_max=500, waiting_max=500)
        writes = [writer.write(Raise(Key(1, user, 9), 50, 0), announced.append) for user in range(101, 201)]
        answers = await asyncio.gather(*writes)
        await writer.close()
        assert store.batches == [100]
        assert announced == answers
        times = [answer.after.changed_at_us for answer in answers if answer.after]
        assert len(set(times)) == 100

    asyncio.run(scene())


def test_one_bad_update_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        store = RecordingStore()
        writer = Writer(store, lambda: AT_US, batch_max=500, waiting_max=500)
        writes = [writer.write(Raise(Key(1, user, 9), 50, 0), lambda _: None) for user in (12, 13, 14)]
        one, bad, other = await asyncio.gather(*writes, return_exceptions=True)
        await writer.close()
        assert isinstance(bad, RuntimeError)
        assert isinstance(one, Written)
        assert isinstance(other, Written)
        assert store.batches == [3, 1, 1, 1]
        assert set(store.records(1, 12)) == set(store.records(1, 14)) == {9}

    asyncio.run(scene())
    assert "one by one" in caplog.text


def test_the_writer_stops_waiting_for_a_database_that_does_not_answer() -> None:
    answers = threading.Event()

    class SilentStore(RecordingStore):
        def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
            answers.wait(20)
            return super().write(writes, at_us)

    async def scene() -> None:
        store = SilentStore()
        announced: list[Written] = []
        writer = Writer(store, lambda: AT_US, batch_max=1, waiting_max=500, answer_within_s=0.1, close_within_s=0.1)
        writes = [writer.write(Raise(Key(1, user, 9), 50, 0), announced.append) for user in (5, 6)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
        await writer.close()
        answers.set()
        while not announced:
            await asyncio.sleep(0.01)
        assert announced == [Written(None, store.records(1, 5)[9])], "a late commit is announced"
        assert store.records(1, 6) == {}, "a write that was refused before its transaction began is never made"

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_writes_to_one_record_in_one_commit_are_announced_once() -> None:
    async def scene() -> None:
        announced: list[Written] = []
        writer = Writer(MemoryStore(), lambda: AT_US, batch_max=500, waiting_max=500)
        key = Key(1, 5, 9)
        answers = await asyncio.gather(
            *(writer.write(Raise(key, percent, 0), announced.append) for percent in (5, 80, 30))
        )
        await writer.close()
        assert announced == answers[:1]
        assert {answer.after for answer in answers} == {answers[0].after}

    asyncio.run(scene())


def test_writes_to_one_record_that_are_tried_one_by_one_are_announced(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        announced: list[Written] = []
        writer = Writer(RecordingStore(), lambda: AT_US, batch_max=500, waiting_max=500)
        writes = [writer.write(Raise(Key(1, 12, 9), percent, 0), announced.append) for percent in (100, 100)]
        bad = writer.write(Raise(Key(1, 13, 9), 50, 0), announced.append)
        one, other, refused = await asyncio.gather(*writes, bad, return_exceptions=True)
        await writer.close()
        assert isinstance(refused, RuntimeError)
        assert isinstance(one, Written)
        assert isinstance(other, Written)
        assert (one.before, one.after) == (None, other.after)
        changes = [entry for entry in announced if entry.before != entry.after]
        assert changes == [one], "the change is announced, and only once"

    asyncio.run(scene())
    assert "one by one" in caplog.text


# Streams


def test_the_stream_of_a_client_that_does_not_read_is_ended() -> None:
    async def scene() -> None:
        sent: list[bytes] = []
        takes = asyncio.Event()
        ended = asyncio.Event()

        async def send(data: bytes, more: bool) -> None:
            await takes.wait()
            sent.append(data)
            if not more:
                ended.set()

        player = Player(1, 5)
        streams = Streams(
            asyncio.get_running_loop().time, bytes, per_player=1, total=10, comment_every_s=60, resync_every_s=60
        )
        stream = streams.open(player, send)
        assert (streams.left(player), streams.left(Player(1, 6))) == (0, 1)
        assert not streams.is_full
        for _ in range(10):
            streams.deliver([Notice(player, b"x" * 100_000), Notice(Player(1, 6), b"not mine")])
            await asyncio.sleep(0)
        takes.set()
        await asyncio.wait_for(ended.wait(), 10)
        assert sum(map(len, sent)) < 400_000, "the buffer is bounded"
        assert streams.close(stream) is True
        assert len(streams) == 0

    asyncio.run(scene())


def test_each_stream_tells_its_client_to_refetch_from_time_to_time() -> None:
    async def scene() -> None:
        now = 1000.0
        sent: dict[str, list[bytes]] = {"early": [], "late": []}

        def sender(name: str) -> SendBody:
            async def send(data: bytes, more: bool) -> None:
                sent[name].append(data)

            return send

        async def pass_time(seconds: float) -> None:
            nonlocal now
            now += seconds
            keeping = asyncio.create_task(streams.keep())
            for _ in range(3):  # one turn for the task, one for the senders, one in reserve
                await asyncio.sleep(0)
            keeping.cancel()

        streams = Streams(
            lambda: now, lambda: b"resync", per_player=2, total=10, comment_every_s=1000, resync_every_s=600
        )
        streams.open(Player(1, 5), sender("early"))
        await pass_time(300)
        late = streams.open(Player(1, 5), sender("late"))
        await pass_time(299)
        assert sent == {"early": [], "late": []}
        await pass_time(1)
        assert sent == {"early": [b"resync"], "late": []}, "each stream at its own time"
        await pass_time(300)
        assert sent == {"early": [b"resync"], "late": [b"resync"]}
        streams.close(late)
        await pass_time(600)
        assert sent == {"early": [b"resync"] * 2, "late": [b"resync"]}

    asyncio.run(scene())


def test_a_stream_ends_at_its_time_limit_and_only_once() -> None:
    async def scene() -> None:
        now = 1000.0
        ends: list[str] = []

        def sender(name: str) -> SendBody:
            async def send(data: bytes, more: bool) -> None:
                if not more:
                    ends.append(name)

            return send

        streams = Streams(
            lambda: now, lambda: b"resync", per_player=2, total=10, comment_every_s=0.01, resync_every_s=1000
        )
        streams.open(Player(1, 5), sender("short"), 60.0)
        streams.open(Player(1, 5), sender("endless"))
        for passed in (59.0, 1.0, 1.0):
            now += passed
            keeping = asyncio.create_task(streams.keep())
            for _ in range(3):  # one turn for the task, one for the senders, one in reserve
                await asyncio.sleep(0)
            keeping.cancel()
            assert ends == ([] if now < 1060 else ["short"])

    asyncio.run(scene())
