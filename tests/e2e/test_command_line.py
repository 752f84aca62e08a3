"""The command line, run as a user runs it: in this process, and in a new one where that makes a difference."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner
from PIL import Image

import discord_achievements
from discord_achievements.cli.main import cli
from discord_achievements.server.icons import default_icon
from tests.support.running import Client, RunningService, command, definitions_path, environment, mine_path, running


class Done(NamedTuple):
    status: int
    out: str
    err: str


def run(*arguments: str, **settings: str) -> Done:
    """Run a command in this process."""
    wanted = environment(**settings)
    cleared = dict.fromkeys(os.environ.keys() - wanted.keys())
    done = CliRunner().invoke(cli, arguments, prog_name="discord-achievements", env=cleared | wanted)
    assert isinstance(done.exception, SystemExit | None), done.exc_info
    return Done(done.exit_code, done.stdout, done.stderr)


def started(*arguments: str, encoding: str = "utf-8", **settings: str) -> Done:
    """Run a command in its own process, on a console with that encoding."""
    done = subprocess.run(
        command(*arguments),
        env=environment(**settings) | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        encoding=encoding,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def value(*arguments: str, **settings: str) -> Any:
    """Run a command with --json and return what it printed."""
    done = run(*arguments, "--json", **settings)
    assert (done.status, done.err) == (0, "")
    assert done.out.count("\n") == 1
    return json.loads(done.out)


class Application(NamedTuple):
    """An application of the running service, with its bot token."""

    service: RunningService
    database: str
    application_id: str
    bot_token: str

    def value(self, *arguments: str) -> Any:
        return value(*arguments, **self.settings())

    def run(self, *arguments: str) -> Done:
        return run(*arguments, **self.settings())

    def settings(self) -> dict[str, str]:
        return {"application": self.application_id, "url": self.service.url, "bot_token": self.bot_token}


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    database = f"sqlite:///{tmp_path_factory.mktemp('cli').as_posix()}/folder/service.sqlite3"
    made = value("app", "create", "My Game", database=database)
    assert set(made) == {"application_id", "name", "bot_token"}
    with running(database) as service:
        yield Application(service, database, made["application_id"], made["bot_token"])


def test_every_command_has_help() -> None:
    def walk(node: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        yield path, node
        if isinstance(node, click.Group):
            for name, child in node.commands.items():
                yield from walk(child, (*path, name))

    found = dict(walk(cli, ()))
    assert {" ".join(path) for path, node in found.items() if not isinstance(node, click.Group)} == {
        "serve", "app create", "app import", "app list", "app rotate-token", "token create", "token revoke",
        "achievements list", "achievements create", "achievements update", "achievements delete",
        "user set", "user reset", "user show", "database backup", "database restore", "database renew-history",
    }  # fmt: skip
    for path, node in found.items():
        assert node.help, path
        assert len(node.help.partition("\n")[0]) < 70, path
        for parameter in node.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter)
                assert len(parameter.help) < 70, (path, parameter)
        done = run(*path, "--help")
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith(f"Usage: {' '.join(('discord-achievements', *path))} ")
        assert " ...\n" not in done.out.partition("Commands:")[2], "each command's line is shown whole"


HEAVY = {
    "PIL", "alembic", "msgspec", "prometheus_client", "requests", "sqlalchemy", "starlette", "urllib3", "uvicorn",
    "discord_achievements.client",
}  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",), ("--version",), ("serve", "--help"), ("app", "create", "--help"), ("token", "create", "--help"),
        ("user", "--help"), ("achievements", "create", "--help"), ("serve", "--show-settings"), ("app", "list"),
    ],
)  # fmt: skip
def test_a_command_that_does_little_loads_little(game: Application, arguments: tuple[str, ...]) -> None:
    """What takes long to import is imported by the commands that use it, when they run."""
    code = (
        "import sys; from discord_achievements.cli import main\n"
        f"sys.argv = ['discord-achievements', *{arguments!r}]\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(database=game.database),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stdout
    assert set(done.stderr.split()) & HEAVY == set()


def test_the_help_of_the_program_says_what_each_command_says_of_itself() -> None:
    shown = run("--help").out
    for name, node in cli.commands.items():
        summary = re.escape((node.help or "?").splitlines()[0])
        assert re.search(rf"^  {name} +{summary}$", shown, re.MULTILINE)


def test_the_help_of_serve_shows_variables_and_defaults_of_its_settings() -> None:
    shown = " ".join(run("serve", "--help").out.split())
    for text in (
        "[env var: DISCORD_ACHIEVEMENTS_HOST; default: 127.0.0.1]",
        "[env var: DISCORD_ACHIEVEMENTS_PORT; default: 8000; 0<=x<=65535]",
        "[env var: DISCORD_ACHIEVEMENTS_WORKERS; default: 1; 1<=x<=64]",
        "[env var: DISCORD_ACHIEVEMENTS_DATABASE; default: a file in your data folder]",
        "[env var: DISCORD_ACHIEVEMENTS_LOG_FORMAT; default: auto]",
    ):
        assert text in shown


def test_a_process_has_the_exit_status(game: Application) -> None:
    done = started("--version")
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith(f"version {discord_achievements.__version__}\n")
    fails(started("app", "rotate-token", "5", database=game.database), "no application 5")
    wrong = started("app", "create")
    assert (wrong.status, wrong.out, "Usage: " in wrong.err) == (2, "", True)


def test_serve_names_the_address_that_is_in_use(game: Application) -> None:
    port = str(game.service.port)
    fails(started("serve", "--port", port, database=game.database), f":{port}", "in use", "--port")


def test_a_console_that_lacks_a_letter_shows_its_number_and_all_the_rest(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    made = started("app", "create", "Überfall \N{SPARKLES}", encoding="cp1252", database=database)
    assert (made.status, made.err) == (0, "")
    assert "Überfall \\u2728\n" in made.out
    assert re.search(r"dabot_[0-9a-f]{12}_[0-9a-f]{64}\n", made.out)
    assert "Überfall \N{SPARKLES}\n" in started("app", "list", database=database).out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["app", "create"],
        ["app", "create", ""],
        ["app", "create", "  "],
        ["app", "create", "N", "--catalogue", "no/such/file.toml"],
        ["app", "import", "no/such/file.toml"],
        ["app", "rotate-token", "x"],
        ["token", "create", "--application", "1"],
        ["token", "revoke"],
        ["token", "revoke", "dauser_0123456789ab_short"],
        ["token", "create", "--application", "1", "--user", "0"],
        ["token", "create", "--application", "1", "--user", "1", "--expires-in", "0"],
        ["serve", "--port", "70000"],
        ["serve", "--workers", "0"],
        ["user", "set", "1", "2", "101", "--application", "1"],
        ["achievements", "update", "1", "--application", "1"],
        ["achievements", "create", "--name", "N", "--application", "1"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "Usage: " in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["token", "create", "--application", "1", "--user", "1", "--expires-in", "1y"],
         "'--expires-in': expected seconds, or a number with s, m, h or d, such as 30d, got '1y'"),
        (["token", "create", "--application", "1", "--user", "1", "--expires-in", "36601d"],
         "'--expires-in': expected a duration from 1s to 36600d"),
        (["app", "list", "--database", "mysql://me:hunter2@host/x"],
         "'--database': expected sqlite:///path or postgresql://user:password@host:5432/name, got 'mysql://me:***@host"),
        (["token", "create", "--application", "1", "--user", "1", "--database", "x.db"], "'--database': expected"),
        (["serve", "--database", ""], "'--database': expected sqlite:///path"),
        (["serve", "--host", " "], "'--host': expected an address of this machine"),
        (["serve", "--workers", "2", "--database", "sqlite:///x.db"], "'--workers': expected 1 with SQLite, got 2"),
        (["serve", "--log-format", "xml"], "'--log-format': 'xml' is not one of 'auto', 'text', 'json'"),
        (["token", "create", "--user", "1"], "'--application' (env var: 'DISCORD_ACHIEVEMENTS_APPLICATION')"),
        (["token", "revoke", "abc"], "'KEY|TOKEN': expected a token, or its second part"),
        (["serve", "--port", "http"], "'--port': expected a port from 0 to 65535, got 'http'"),
        (["user", "set", "1", "2", "half", "--application", "1"],
         "'PERCENT': expected a whole percentage from 0 to 100, got 'half'"),
        (["achievements", "create", "--name", "N", "--description", "D", "--name-localization", "de",
          "--application", "1"], "'--name-localization': expected LOCALE=TEXT, such as de=Gewonnen, got 'de'"),
        (["app", "create", "\t"], "'NAME': expected 1 to 100 printable characters"),
    ],
)  # fmt: skip
def test_wrong_usage_says_what_was_expected(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


def fails(done: Done, *says: str) -> None:
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(r"Error: .+\n", done.err), "one clear line"
    for word in says:
        assert word in done.err


def test_failures_are_one_line_and_1(game: Application, tmp_path: Path) -> None:
    fails(run("app", "rotate-token", "5", database=game.database), "no application 5")
    fails(run("token", "create", "--application", "5", "--user", "1", database=game.database), "no application 5")
    fails(run("app", "list", database="mysql://user:hunter2@host/x"), "DATABASE", "postgresql://")
    assert "hunter2" not in run("app", "list", database="mysql://user:hunter2@host/x").err
    fails(run("app", "list", database=f"postgresql://postgres@/x?host={tmp_path}"), "database cannot be opened")
    (tmp_path / "file").write_text("not a database" * 100)
    file = f"sqlite:///{tmp_path.as_posix()}/file"
    fails(run("app", "list", database=file), "Error: the database cannot be used", "not a database")
    fails(run("app", "create", "N", database=f"{file}/x"), "Error: cannot create the folder", str(tmp_path))
    fails(run("serve", workers="2", database=game.database), "REDIS")
    fails(run("serve", port="x", database=game.database), "DISCORD_ACHIEVEMENTS_PORT")
    listing = ["achievements", "list", "--application", game.application_id]
    fails(run(*listing, url=game.service.url), "DISCORD_ACHIEVEMENTS_BOT_TOKEN")
    fails(run(*listing, url=game.service.url, bot_token="secret-nonsense"), "401", "BOT_TOKEN", "app create")
    assert "secret-nonsense" not in run(*listing, url=game.service.url, bot_token="secret-nonsense").err
    fails(run(*listing, url=game.service.url, bot_token="secret\nnonsense"), "BOT_TOKEN contains", "line break")
    assert "secret" not in run(*listing, url=game.service.url, bot_token="secret\nnonsense").err
    in_url = run(*listing, url="http://user:hunter2@host/api/v10", bot_token="x")
    fails(in_url, "--url", "user name or password; remove them")
    assert "hunter2" not in in_url.err
    fails(run(*listing, url="http://127.0.0.1:9/api/v10", bot_token="x"), "127.0.0.1:9", "`serve`", "--url")
    fails(run(*listing, url="http://example.com/api/v10", bot_token="x"), "https", "--allow-insecure-http", "--url")
    root = game.service.url.removesuffix("/api/v10")
    fails(run(*listing, url=root, bot_token="x"), f"{root} is not an achievements service", "/api/v10")
    fails(run("serve", host=" ", database=game.database), "HOST")
    for url in ("postgresql://u:p[w@h/db", "postgresql://u:hunter2@h:port/db", "sqlite:///nul%00.db", "sqlite:x.db"):
        fails(run("app", "list", database=url), "DATABASE")
    fails(run("serve", database=game.database, redis="redis://[x"), "REDIS")
    fails(run("app", "list", database="postgresql://u:hunter@2@127.0.0.1:1/db"), "%40")
    fails(game.run("achievements", "delete", "5", "--yes"), "Unknown Achievement", "990001", "`achievements list`")
    fails(game.run("achievements", "list", "--application", "5"), "Unknown Application", "`app list`")
    assert "try again" not in game.run("achievements", "delete", "5", "--yes").err
    fails_usage = run("achievements", "list", url=game.service.url)
    assert (fails_usage.status, "DISCORD_ACHIEVEMENTS_APPLICATION" in fails_usage.err) == (2, True)
    fails(game.run("achievements", "update", "5", "--name", "x"), "Unknown Achievement")
    fails(game.run("achievements", "create", "--name", "x" * 101, "--description", "d"), "name", "100")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("discord-achievements us", ["user"]),
        ("discord-achievements user s", ["set", "show"]),
        ("discord-achievements app create --c", ["--catalogue"]),
        ("discord-achievements serve --log-format ", ["auto", "text", "json"]),
    ],
)
def test_the_shell_completes(words: str, shown: list[str]) -> None:
    asked = {"_DISCORD_ACHIEVEMENTS_COMPLETE": "zsh_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = CliRunner().invoke(cli, [], prog_name="discord-achievements", env=asked)
    kinds_names_helps = done.stdout.splitlines()
    assert kinds_names_helps[1::3] == shown


@pytest.mark.parametrize("arguments", [("app", "list"), ("app", "create", "N"), ("serve", "--port", "0")])
def test_a_database_that_cannot_be_used_is_blamed_on_where_it_was_chosen(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("not a database" * 100)
    url = f"sqlite:///{tmp_path.as_posix()}/file"
    fails(run(*arguments, "--database", url), "the database cannot be used", f"check --database, which is '{url}'")
    fails(run(*arguments, database=url), f"check DISCORD_ACHIEVEMENTS_DATABASE, which is '{url}'")
    (tmp_path / "discord_achievements").mkdir()
    (tmp_path / "file").rename(tmp_path / "discord_achievements" / "service.sqlite3")
    if sys.platform not in ("win32", "darwin"):
        done = CliRunner().invoke(cli, arguments, env={"XDG_DATA_HOME": str(tmp_path)})
        fails(Done(done.exit_code, done.stdout, done.stderr), "check the file in your data folder", "--database")


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "create", "--application", "1", "--user", "1"),
        ("token", "revoke", "0123456789ab", "--yes"),
        ("app", "rotate-token", "1", "--yes"),
        ("app", "import"),
    ],
)
def test_only_serve_and_app_create_create_a_database(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A misspelt path is reported, rather than answered with an empty database."""
    file = tmp_path / "achievements.toml"
    file.write_text(CATALOGUE.replace('icon = "icons/win.png"', ""))
    url = f"sqlite:///{tmp_path.as_posix()}/misspelt.sqlite3"
    done = run(*arguments, *([str(file)] if arguments[-1] == "import" else []), "--database", url)
    fails(done, f"there is no database at {url}", "`app create`", "check --database")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--port", "0"),
        ("app", "list"),
        ("token", "create", "--application", "1", "--user", "1"),
        ("achievements", "list", "--application", "1"),
        ("user", "show", "1", "--application", "1"),
    ],
)
def test_a_misspelt_variable_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    fails(run(*arguments, database=database, prot="1"), "_PROT (did you mean DISCORD_ACHIEVEMENTS_PORT?)")
    assert run(*arguments, "--help", prot="1").status == 0
    assert list(tmp_path.iterdir()) == []


def test_show_settings_reports_a_misspelt_variable_after_all_settings() -> None:
    done = run("serve", "--show-settings", prot="1")
    assert done.status == 1
    assert "DISCORD_ACHIEVEMENTS_PORT=8000" in done.out
    assert "DISCORD_ACHIEVEMENTS_PORT?" in done.err


def test_show_settings_prints_every_setting_and_no_password() -> None:
    done = run("serve", "--show-settings", "--port", "1234", database="postgresql://me:hunter2@host/x")
    assert (done.status, done.err) == (0, "")
    assert "hunter2" not in done.out
    lines = dict(line.split("=", 1) for line in done.out.splitlines())
    assert lines["DISCORD_ACHIEVEMENTS_PORT"].startswith("1234  # ")
    assert lines["DISCORD_ACHIEVEMENTS_DATABASE"].startswith("postgresql://me:***@host/x")


def test_applications_are_listed(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/folder/service.sqlite3"
    assert value("app", "list", database=database) == []
    assert run("app", "list", database=database).out == (
        f"No applications yet: there is no database at {database}; `serve` and `app create` create it.\n"
    )
    assert list(tmp_path.iterdir()) == [], "what only reads creates nothing"
    names = ["My Game", "Another — Spiel"]
    made = [value("app", "create", name, database=database)["application_id"] for name in names]
    listed = value("app", "list", database=database)
    assert [(entry["application_id"], entry["name"]) for entry in listed] == list(zip(made, names, strict=True))
    heading, *rows = run("app", "list", database=database).out.splitlines()
    assert [row[heading.index("NAME") :] for row in rows] == names
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["service.sqlite3"]


def test_a_bot_token_is_for_one_application_until_it_is_replaced(game: Application) -> None:
    other = value("app", "create", "Another", database=game.database)
    fails(game.run("achievements", "list", "--application", other["application_id"]), "BOT_TOKEN", "--application")
    with Client(game.service.host, f"Bot {other['bot_token']}") as before:
        path = definitions_path(application_id=other["application_id"])
        assert before.get(path).status_code == 200
        rotated = value("app", "rotate-token", other["application_id"], "--yes", database=game.database)
        assert before.get(path).status_code == 401, "the running service knows at once"
    with Client(game.service.host, f"Bot {rotated['bot_token']}") as after:
        assert after.get(path).status_code == 200


def test_tokens(game: Application) -> None:
    arguments = ("token", "create", "--application", game.application_id, "--user", "77")
    made = value("token", "create", "--user", "77", database=game.database, application=game.application_id)
    assert made.pop("access_token").startswith("dauser_")
    assert made == {"application_id": game.application_id, "user_id": "77", "expires_at": None}
    short = value(*arguments, "--expires-in", "3600", database=game.database)
    left = datetime.fromisoformat(short["expires_at"]) - datetime.now(UTC)
    assert 3500 < left.total_seconds() < 3600
    long = value(*arguments, "--expires-in", "30d", database=game.database)
    left = datetime.fromisoformat(long["expires_at"]) - datetime.now(UTC)
    assert 29.9 < left.total_seconds() / 86400 < 30
    with Client(game.service.host, f"Bearer {short['access_token']}") as player:
        assert player.get(mine_path(game.application_id)).status_code == 200
    text = run(*arguments, database=game.database).out
    assert re.search(r"dauser_[0-9a-f]{12}_[0-9a-f]{64}", text), "scanners for secrets can find it"


def test_a_revoked_token_ends_at_once_and_no_other(game: Application) -> None:
    arguments = ("token", "create", "--application", game.application_id, "--user", "78")
    one, two, three = (value(*arguments, database=game.database)["access_token"] for _ in range(3))

    def statuses() -> list[int]:
        answers = []
        for token in (one, two, three):
            with Client(game.service.host, f"Bearer {token}") as player:
                answers.append(player.get(mine_path(game.application_id)).status_code)
        return answers

    assert statuses() == [200, 200, 200]
    key = one.split("_")[1]
    assert value("token", "revoke", key, "--yes", database=game.database) == {"revoked": key}
    assert statuses() == [401, 200, 200], "the running service knows at once"
    said = run("token", "revoke", two, "-y", database=game.database)
    assert (said.status, said.err) == (0, "")
    assert two[-64:] not in said.out
    assert statuses() == [401, 401, 200]
    fails(run("token", "revoke", key, database=game.database), key, "no token")
    text = run(*arguments, database=game.database).out
    assert "does not expire" in text
    assert "token revoke" in text
    assert "expires at" in run(*arguments, "--expires-in", "60", database=game.database).out


def test_what_destroys_something_asks_first(game: Application) -> None:
    """Without a terminal nobody can answer: the command refuses at once, and has changed nothing."""
    one = game.value("achievements", "create", "--name", "Keep Me", "--description", "D")["id"]
    before = game.value("user", "set", "81", one, "40")
    token = value("token", "create", "--user", "81", database=game.database, application=game.application_id)
    key = token["access_token"].split("_")[1]
    settings = game.settings() | {"database": game.database}
    for destroying in (
        ("achievements", "delete", one),
        ("user", "reset", "81", one),
        ("token", "revoke", key),
        ("app", "rotate-token", game.application_id),
    ):
        for flags in ((), ("--json",)):
            refused = run(*destroying, *flags, **settings)
            fails(refused, f"`{' '.join(destroying[:2])}` asks for confirmation", "--yes")
    assert game.value("user", "show", "81") == [before], "and its bot token still works"
    with Client(game.service.host, f"Bearer {token['access_token']}") as player:
        assert player.get(mine_path(game.application_id)).status_code == 200
    game.value("achievements", "delete", one, "--yes")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize(
    ("answer", "status", "left"), [("y\n", 0, 0), ("YES\n", 0, 0), ("n\n", 1, 40), ("\n", 1, 40), ("\x04", 1, 40)]
)
def test_the_answer_on_a_terminal_decides(game: Application, answer: str, status: int, left: int) -> None:
    import pty

    one = game.value("achievements", "create", "--name", "Ask\nMe", "--description", "D")["id"]
    game.value("user", "set", "82", one, "40")
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())  # the terminal keeps it until it is read
        done = subprocess.run(
            command("user", "reset", "82", one, "--json"),
            env=environment(**game.settings()),
            stdin=theirs,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    question = f"Reset player 82 from 40 % of achievement {one} (Ask\N{REPLACEMENT CHARACTER}Me) to 0 %? [y/N]: "
    assert done.stderr.startswith(question)
    assert done.returncode == status
    (shown,) = game.value("user", "show", "82")
    assert shown["percent_complete"] == left
    if status == 0:
        assert (json.loads(done.stdout), done.stderr) == (shown, question), "the question is not in the output"
    else:
        assert (done.stdout, done.stderr.removeprefix(question).strip()) == ("", "Aborted!")
    game.value("achievements", "delete", one, "--yes")


def test_definitions_and_progress(game: Application, tmp_path: Path) -> None:
    icon = tmp_path / "cup.png"
    icon.write_bytes(default_icon().content)
    made = game.value(
        "achievements", "create", "--name", "Win", "--description", "You won", "--secret", "--icon", str(icon),
        "--name-localization", "de=Gewonnen", "--name-localization", "fr=Gagné",
    )  # fmt: skip
    assert (made["name"], made["secret"], made["secure"]) == ("Win", True, False)
    assert made["name_localizations"] == {"de": "Gewonnen", "fr": "Gagné"}
    assert made["icon_hash"] == default_icon().icon_hash
    one = made["id"]
    changed = game.value("achievements", "update", one, "--no-secret", "--secure")
    assert changed == made | {"secret": False, "secure": True}
    assert game.value("achievements", "list") == [changed]
    assert game.run("achievements", "list").out == (
        f"ID{' ' * (len(one) - 2)}  SECRET  SECURE  NAME\n{one}  no      yes     Win\n"
    )
    assert game.run("achievements", "update", one, "--secure").out == f"Updated achievement {one} (Win).\n"

    state = game.value("user", "set", "77", one, "60")
    (shown,) = game.value("user", "show", "77")
    assert (shown["achievement_id"], shown["percent_complete"], shown["unlocked_at"]) == (one, 60, None)
    assert state == shown
    state = game.value("user", "set", "77", one, "30")
    assert state["percent_complete"] == 60, "the state after the update, not what was sent"
    assert game.run("user", "set", "77", one, "10").out == f"Player 77 has 60 % of achievement {one} (Win).\n"
    assert game.value("user", "set", "79", one, "0")["percent_complete"] == 0
    unlocked = game.run("user", "set", "77", one, "100").out
    assert re.fullmatch(
        rf"Player 77 has 100 % of achievement {one} \(Win\), unlocked [-0-9]+ [:0-9]+ UTC\.\n", unlocked
    )
    heading, row = game.run("user", "show", "77").out.splitlines()
    for name, part in (("PROGRESS", "100 %"), ("UNLOCKED", "20"), ("NAME", "Win")):
        assert row[heading.index(name) :].startswith(part)
    state = game.value("user", "reset", "77", one, "--yes")
    (shown,) = game.value("user", "show", "77")
    assert (shown["percent_complete"], shown) == (0, state)
    assert game.value("user", "show", "78") == []
    assert [entry["id"] for entry in game.value("user", "show", "78", "--all")] == [one]

    assert game.run("achievements", "delete", one, "--yes").status == 0
    fails(game.run("user", "set", "77", one, "5"), "Unknown Achievement")
    assert game.value("achievements", "list") == []


def test_a_change_whose_result_cannot_be_read_is_not_called_a_failure(game: Application) -> None:
    one = game.value("achievements", "create", "--name", "Twice", "--description", "D")["id"]
    with running(game.database, rate_limits="get_player_achievements=1/1h") as limited:
        settings = game.settings() | {"url": limited.url}
        assert value("user", "set", "90", one, "10", **settings)["percent_complete"] == 10
        fails(run("user", "set", "90", one, "20", **settings), "the progress was changed, but reading it failed", "429")
    (shown,) = game.value("user", "show", "90")
    assert shown["percent_complete"] == 20
    game.value("achievements", "delete", one, "--yes")


CATALOGUE = """
application_id = 461618159171141643

[[achievement]]
id = 580159119969878046
key = "win"
name = "Win the Game"
description = "You won!"
icon = "icons/win.png"
name_localizations = { de = "Gewinne das Spiel" }

[[achievement]]
id = 580159119969878047
name = "Hidden"
description = "Found."
secret = true
"""


def test_a_catalogue_makes_an_application_and_brings_it_up_to_date(game: Application, tmp_path: Path) -> None:
    database = game.database
    file = tmp_path / "achievements.toml"
    file.write_text(CATALOGUE)
    (tmp_path / "icons").mkdir()
    (tmp_path / "icons" / "win.png").write_bytes(default_icon().content)
    fails(run("app", "import", str(file), database=database), "no application 461618159171141643", "app create")
    made = value("app", "create", "My Game", "--catalogue", str(file), database=database)
    assert (made["application_id"], made["name"]) == ("461618159171141643", "My Game")
    fails(run("app", "create", "Again", "--catalogue", str(file), database=database), "already", "app import")

    def imported() -> dict[str, list[str]]:
        return dict(value("app", "import", str(file), database=database))

    win, hidden, new = "580159119969878046", "580159119969878047", "580159119969878048"
    assert imported() == {"created": [], "changed": [], "unchanged": [win, hidden], "not_in_file": []}
    new_game = Application(game.service, database, made["application_id"], made["bot_token"])
    one, two = new_game.value("achievements", "list")
    assert (one["id"], one["name"], one["name_localizations"]) == (win, "Win the Game", {"de": "Gewinne das Spiel"})
    assert (two["id"], two["secret"], two["description"]) == (hidden, True, "Found.")
    (tmp_path / "other.png").write_bytes(small_png())
    uploaded = new_game.value("achievements", "update", hidden, "--icon", str(tmp_path / "other.png"))

    file.write_text(CATALOGUE.replace(hidden, new).replace("You won!", "Well done!"))
    assert imported() == {"created": [new], "changed": [win], "unchanged": [], "not_in_file": [hidden]}
    assert f"Kept, although not in {file}: {hidden}" in run("app", "import", str(file), database=database).out
    file.write_text(CATALOGUE.replace("Found.", "Found it."))
    assert imported()["changed"] == [win, hidden]
    listed = {entry["id"]: entry for entry in new_game.value("achievements", "list")}
    assert listed[hidden] == uploaded | {"description": "Found it."}, "an icon that the file does not name stays"
    assert set(listed) == {win, hidden, new}
    with Client(game.service.host) as anyone:
        address = f"/app-assets/{made['application_id']}/achievements/{win}/icons/{listed[win]['icon_hash']}.png"
        assert anyone.site(address).content == default_icon().content


@pytest.mark.parametrize(("seconds", "shown"), [(3600, "1970-01-01 01:00:00"), (6_000_000_000, "2160-02-18 10:40:00")])
@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("app", "create", "My Game")])
def test_a_clock_that_must_be_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], seconds: int, shown: str
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: seconds * 10**9)
    done = run(*arguments, database=f"sqlite:///{tmp_path.as_posix()}/service.sqlite3")
    fails(done, f"the clock says {shown} UTC", "2015 to 2150", "set the clock")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "table"), [(["create", "X", "--catalogue"], "applications"), (["import"], "achievements")]
)
def test_another_process_that_is_faster_is_reported_in_one_line(
    tmp_path: Path, arguments: list[str], table: str
) -> None:
    """Between the check and the change, another process creates the same; here, a trigger does."""
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    file = tmp_path / "achievements.toml"
    file.write_text(CATALOGUE.replace('icon = "icons/win.png"', ""))
    value("app", "create", "X", "--catalogue", str(file), database=database)
    with closing(sqlite3.connect(tmp_path / "service.sqlite3")) as connection, connection:
        columns = ", ".join(f"NEW.{name}" for _, name, *_ in connection.execute(f"PRAGMA table_info({table})"))
        connection.execute(f"DELETE FROM {table}")
        connection.execute(
            f"CREATE TRIGGER faster BEFORE INSERT ON {table} BEGIN INSERT INTO {table} VALUES ({columns}); END"
        )
    done = CliRunner().invoke(cli, ["app", *arguments, str(file), "--database", database])
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: .+ already exists.*\n", done.stderr)


def test_every_wrong_icon_of_a_catalogue_is_reported_and_nothing_is_created(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    file = tmp_path / "achievements.toml"
    file.write_text(CATALOGUE.replace("secret = true", 'icon = "missing.png"').replace("icons/win.png", "fake.png"))
    (tmp_path / "fake.png").write_bytes(b"GIF89a")
    fails(
        run("app", "create", "My Game", "--catalogue", str(file), database=database),
        "fake.png: Invalid image", "missing.png", "No such file",
    )  # fmt: skip
    assert value("app", "list", database=database) == []


def small_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (10, 20, 30)).save(buffer, "PNG")
    return buffer.getvalue()
