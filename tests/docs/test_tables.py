"""The tables and samples in the documentation say what the code says."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest

from discord_achievements import Result, pytest_plugin
from discord_achievements.domain import definition, models, wire
from discord_achievements.domain.catalogue import CatalogueEntry, parse_catalogue
from discord_achievements.domain.errors import ApiError, ErrorCode
from discord_achievements.domain.ratelimit import LimitState, write_headers
from discord_achievements.domain.retry import JUDGEMENTS, Verdict, judge
from discord_achievements.domain.routes import ROUTES
from discord_achievements.domain.wire import Shape
from tests.docs.pages import DOCS, ROOT, blocks, headings, tables

PACKAGE = ROOT / "discord_achievements"
CATALOGUE = DOCS / "reference" / "catalogue.md"
PYTEST = DOCS / "reference" / "pytest.md"
WIRE = DOCS / "reference" / "wire.md"
RESULTS = DOCS / "reference" / "results.md"


def table(page: Path, *headings: str) -> list[list[str]]:
    """Return the rows of the one table whose headings begin with these."""
    [rows] = [rows for heading, *rows in tables(page) if heading[: len(headings)] == list(headings)]
    return rows


def parsed(*folders: str) -> Iterator[ast.AST]:
    """Yield every syntax node in folders of the package."""
    for folder in folders:
        for path in (PACKAGE / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_the_routes_are_those_of_the_table() -> None:
    documented = [[route.rpartition("`")[2], *rest] for route, *rest in table(WIRE, "route", "token")]
    assert documented == [
        [
            f"{route.method} {route.template}",
            route.auth.value,
            str(route.status),
            "none" if route.limit is None else f"{route.limit.requests} per {route.limit.per_s:g} s",
        ]
        for route in ROUTES
    ]


def test_the_errors_are_those_of_the_table() -> None:
    documented = [row[:3] for row in table(WIRE, "status", "code")]
    assert documented == [[str(known.status), str(known.code), known.message] for known in ErrorCode]


def test_the_field_errors_are_those_that_are_raised() -> None:
    raised = {
        argument.value
        for node in parsed("domain", "server")
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("field_error", "add")
        for argument in node.args[1:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    documented = [row[0] for row in table(WIRE, "code", "the field")]
    assert sorted(documented) == sorted(raised)


def test_the_rate_limit_headers_are_those_that_are_sent() -> None:
    documented = [row[0] for row in table(WIRE, "header")]
    assert documented == list(write_headers(LimitState(5, 4, 5.0, "bucket"), 0.0))


def sample(title: str) -> Any:
    [block] = [block for block in blocks(WIRE) if block.title == title]
    return json.loads(block.content)


@pytest.mark.parametrize(
    ("title", "shape"), [("achievement, v10", Shape.STRINGS), ("achievement, v6 to v9", Shape.OBJECTS)]
)
def test_the_samples_of_an_achievement_are_what_is_sent(title: str, shape: Shape) -> None:
    shown = sample(title)
    assert wire.encode_achievement(wire.decode_achievement(shown), shape) == shown


def test_the_sample_of_a_players_achievement_is_what_is_sent() -> None:
    shown = sample("player's achievement, v10")
    record = wire.decode_record(shown)
    assert record.definition is not None
    assert record.user_id is not None
    assert record.progress is not None
    sent = wire.encode_record(record.definition, record.user_id, record.progress, shown["revision"], Shape.STRINGS)
    assert sent == shown


def test_the_sample_of_an_update_can_be_read() -> None:
    assert wire.decode_update(sample("body of PUT")) == (100, 3600.0)
    assert sample("body of PUT") == wire.encode_update(100, 3600)


def test_the_samples_of_errors_are_what_is_sent() -> None:
    for title, status in (("error", 400), ("429", 429)):
        shown = sample(title)
        assert wire.encode_error(wire.decode_error(status, shown, shown.get("retry_after"))) == shown


def test_the_sample_of_the_stream_is_what_is_sent() -> None:
    [block] = [block for block in blocks(WIRE) if block.title == "the stream"]
    retry, event = block.content.split("\n\n")
    assert retry == "retry: 5000"
    event_id, name, data = (line.partition(": ")[2] for line in event.splitlines())
    fields = json.loads(data)
    sent = wire.encode_event(int(fields["application_id"]), int(fields["user_id"]), wire.decode_record(fields))
    assert sent == fields
    assert wire.format_event(int(event_id), name, sent).decode() == f"{event.strip()}\n\n"
    assert name == wire.USER_ACHIEVEMENT_UPDATE


def test_the_limits_of_fields_are_those_of_the_page() -> None:
    documented = dict(row[:2] for row in table(WIRE, "field"))
    assert documented["name"] == f"1 to {models.NAME_MAX} characters"
    assert documented["description"] == f"1 to {models.DESCRIPTION_MAX} characters"
    assert f"{definition.ICON_MAX_BYTES // 1024} KiB" in documented["icon"]
    assert f"{definition.ICON_MAX_PIXELS} x {definition.ICON_MAX_PIXELS} pixels" in documented["icon"]


def test_every_result_is_explained_once() -> None:
    met = [(Result[name].value, name) for name in results_met()]
    never = [(int(number), name) for number, name, _ in table(RESULTS, "number", "result")]
    assert sorted(met + never) == [(result.value, result.name) for result in Result]
    text = RESULTS.read_text(encoding="utf-8")
    assert [f"### {name}\n\nNumber {number}. " in text for number, name in met] == [True] * len(met)


def test_the_results_that_a_game_meets_are_those_that_the_code_gives() -> None:
    given = {
        node.attr
        for node in parsed("client", "domain")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Result"
    }
    assert set(results_met()) == given


def results_met() -> list[str]:
    return [heading for level, heading in headings(RESULTS) if level == 3]


def test_the_readmes_table_of_refusals_matches_the_code() -> None:
    says = {
        name: when
        for names, when in table(ROOT / "README.md", "The callback gets")
        for name in re.findall(r"\w+", names)
    }
    # What other services may answer: a documented status with a code of their own.
    others = [judge(ApiError(status, 1, "another reason")) for status in (400, 403, 409)]
    verdicts: dict[str, set[Verdict]] = {}
    for verdict, result in [*JUDGEMENTS.values(), *others]:
        verdicts.setdefault(result.name, set()).add(verdict)
    for name, those in verdicts.items():
        assert ("refused" in says[name]) == (Verdict.REFUSED in those), name
        assert ("sent again" in says[name]) == (Verdict.RETRY in those), name
        assert ("set_token" in says[name]) == (Verdict.AUTHENTICATE in those), name
        assert ("the update is kept" in says[name]) == (those != {Verdict.REFUSED}), name


def test_the_table_of_refusals_in_results_matches_the_code() -> None:
    documented = [row[:4] for row in table(RESULTS, "status", "code", "result")]
    verdicts = {
        Verdict.REFUSED: "refused",
        Verdict.RETRY: "kept, sent again",
        Verdict.AUTHENTICATE: "kept until there is another token",
        Verdict.MISCONFIGURED: "kept until the mistake is corrected",
    }
    assert documented == [
        [str(known.status), str(known.code), JUDGEMENTS[known].result.name, verdicts[JUDGEMENTS[known].verdict]]
        for known in ErrorCode
    ]


def test_the_fields_of_a_catalogue_are_those_of_the_page() -> None:
    documented = {name: default for name, default, _ in table(CATALOGUE, "field of an achievement")}
    entry = {field.name for field in (*fields(CatalogueEntry), *fields(models.Achievement))}
    assert set(documented) == entry - {"achievement", "application_id", "icon_hash"}
    required = [name for name, default in documented.items() if default == "required"]
    values = {"id": "1", "name": '"n"', "description": '"d"'}
    text = "application_id = 1\n[[achievement]]\n" + "\n".join(f"{name} = {values[name]}" for name in required)
    [parsed_entry] = parse_catalogue(text, source="page.toml").entries
    for name in set(documented) - set(required):
        value = getattr(parsed_entry.achievement, name, None)
        assert documented[name] == ("none" if value is None else str(value).lower()), name


def test_every_field_of_a_catalogue_is_in_its_sample() -> None:
    for title, all_fields in (("achievements.toml", True), ("achievements.json", False)):
        [block] = [block for block in blocks(CATALOGUE) if block.title == title]
        [entry] = parse_catalogue(block.content, source=title).entries
        documented = {name for name, *_ in table(CATALOGUE, "field of an achievement")}
        assert not all_fields or documented == set(re.findall(r"^(\w+) = ", block.content, re.MULTILINE)) - {
            "application_id"
        }
        assert entry.key == "win_the_game"


def test_the_fixtures_are_those_of_the_page() -> None:
    found = {}
    for node in ast.parse(Path(pytest_plugin.__file__).read_text(encoding="utf-8")).body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            name, _, arguments = ast.unparse(decorator).partition("(")
            if isinstance(node, ast.FunctionDef) and name == "pytest.fixture":
                found[node.name] = "session" if "scope='session'" in arguments else "function"
    assert {name: scope for name, scope, _ in table(PYTEST, "fixture")} == found


def test_the_settings_of_the_plugin_are_those_of_the_page() -> None:
    class Parser:
        def __init__(self) -> None:
            self.names: list[str] = []

        def addini(self, name: str, *_: object, **__: object) -> None:
            self.names.append(name)

    parser = Parser()
    pytest_plugin.pytest_addoption(cast("pytest.Parser", parser))
    assert [name for name, *_ in table(PYTEST, "setting")] == parser.names
