from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.catalogue import Catalogue, CatalogueEntry, parse_catalogue
from discord_achievements.domain.errors import CatalogueError, DiscordAchievementsError
from discord_achievements.domain.localization import LOCALES
from discord_achievements.domain.models import Achievement

DOCUMENTED = """\
application_id = 461618159171141643

[[achievement]]
id = 580159119969878046          # snowflake; stays the same for ever
key = "win_the_game"             # identifier for generated constants; unique
name = "Win the Game"
description = "You won!"
secret = false                   # default false
secure = false                   # default false
icon = "icons/win.png"           # optional, relative to this file
name_localizations = { de = "Gewinne das Spiel" }
description_localizations = { de = "Du hast gewonnen!" }
"""

WIN = CatalogueEntry(
    Achievement(
        application_id=461618159171141643,
        id=580159119969878046,
        name="Win the Game",
        description="You won!",
        secret=False,
        secure=False,
        icon_hash="",
        name_localizations={"de": "Gewinne das Spiel"},
        description_localizations={"de": "Du hast gewonnen!"},
    ),
    key="win_the_game",
    icon="icons/win.png",
)

MISSING = object()


def an_entry(**changes: Any) -> dict[str, Any]:
    fields = {"id": 5, "key": "win", "name": "Win", "description": "You won!", **changes}
    return {name: value for name, value in fields.items() if value is not MISSING}


def as_json(*entries: Any, **top: Any) -> str:
    fields = {"application_id": 1, "achievement": list(entries), **top}
    return json.dumps({name: value for name, value in fields.items() if value is not MISSING})


def problems_of(text: str, source: str = "achievements.json") -> tuple[str, ...]:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, source=source)
    return caught.value.problems


# Right files


def test_documented_file() -> None:
    expected = Catalogue(461618159171141643, (WIN,), "achievements.toml")
    assert parse_catalogue(DOCUMENTED, source="achievements.toml") == expected


def test_only_the_required_fields() -> None:
    text = 'application_id = 1\n[[achievement]]\nid = 5\nname = "Win"\ndescription = "You won!"\n'
    (entry,) = parse_catalogue(text, source="a.toml").entries
    assert entry == CatalogueEntry(Achievement(1, 5, "Win", "You won!"), key=None, icon=None)
    assert (entry.achievement.secret, entry.achievement.secure) == (False, False)


@pytest.mark.parametrize("text", ["application_id = 1", "application_id = 1\nachievement = []"])
def test_a_game_without_achievements(text: str) -> None:
    assert parse_catalogue(text, source="a.toml") == Catalogue(1, (), "a.toml")


@pytest.mark.parametrize("source", ["achievements.json", "ACHIEVEMENTS.JSON", "no_suffix", "wrong.toml"])
def test_json_is_recognised_by_suffix_or_brace(source: str) -> None:
    text = as_json(an_entry(secret=True, icon=None, name_localizations={}))
    assert parse_catalogue(text, source=source).entries == (
        CatalogueEntry(Achievement(1, 5, "Win", "You won!", secret=True), key="win", icon=None),
    )


def test_ids_may_be_strings() -> None:
    text = as_json(an_entry(id="580159119969878046"), application_id="461618159171141643")
    catalogue = parse_catalogue(text, source="a.json")
    assert catalogue.application_id == 461618159171141643
    assert catalogue.entries[0].achievement.application_id == 461618159171141643
    assert catalogue.entries[0].achievement.id == 580159119969878046


@pytest.mark.parametrize(("text", "source"), [("application_id = 1", "a.toml"), (as_json(), "a.json")])
def test_a_byte_order_mark_is_accepted(text: str, source: str) -> None:
    assert parse_catalogue("\ufeff" + text, source=source).application_id == 1


def test_entries_are_sorted_by_id() -> None:
    text = as_json(*(an_entry(id=id, key=f"k{id}") for id in (7, 3, 2**63 - 1, 5)))
    assert [e.achievement.id for e in parse_catalogue(text, source="a.json").entries] == [3, 5, 7, 2**63 - 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 100, "description": "y" * 200},
        {"name": "x", "description": "y"},
        {"name": " padded ", "description": "🏆 Gagné !\u200d"},
        {"id": 1},
        {"key": "été"},
        {"key": "match"},
        {"icon": "../shared/win.png"},
        {"name_localizations": dict.fromkeys(LOCALES, "x" * 100)},
        {"description_localizations": dict.fromkeys(LOCALES, "x" * 200)},
    ],
)
def test_valid_values_arrive_unchanged(changes: dict[str, Any]) -> None:
    (entry,) = parse_catalogue(as_json(an_entry(**changes)), source="a.json").entries
    for field, value in changes.items():
        assert getattr(entry if field in {"key", "icon"} else entry.achievement, field) == value


def test_a_thousand_achievements_are_accepted() -> None:
    text = as_json(*(an_entry(id=number, key=f"k{number}") for number in range(1, 1001)))
    assert len(parse_catalogue(text, source="a.json").entries) == 1000


def test_id_of() -> None:
    catalogue = parse_catalogue(as_json(an_entry(), an_entry(id=6, key=MISSING)), source="a.json")
    assert catalogue.id_of("win") == 5
    with pytest.raises(KeyError, match=r"a\.json .*'wim'.*did you mean 'win'"):
        catalogue.id_of("wim")


# Mistakes in one entry: what the message must contain besides file and entry

FIELD_MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    ({"id": MISSING}, ["id is missing", "1 to 9223372036854775807"]),
    ({"id": 0}, ["id is 0", "1 to 9223372036854775807"]),
    ({"id": -5}, ["id is -5"]),
    ({"id": 2**63}, ["id is 9223372036854775808"]),
    ({"id": 5.0}, ["id is 5.0"]),
    ({"id": True}, ["id is True"]),
    ({"id": None}, ["id is None"]),
    ({"id": ""}, ["id is ''"]),
    ({"id": "five"}, ["id is 'five'"]),
    ({"id": "-5"}, ["id is '-5'"]),
    ({"id": "5 "}, ["id is '5 '"]),
    ({"id": "\N{ARABIC-INDIC DIGIT FIVE}"}, ["id is '"]),
    ({"id": "9" * 30}, ["id is '999"]),
    ({"id": [5]}, ["id is [5]"]),
    ({"key": 5}, ["key is 5", "win_the_game"]),
    ({"key": ""}, ["key is ''"]),
    ({"key": "win-the-game"}, ["key is 'win-the-game'"]),
    ({"key": "1st"}, ["key is '1st'"]),
    ({"key": "class"}, ["key is 'class'", "Python"]),
    ({"key": "None"}, ["key is 'None'"]),
    ({"name": MISSING}, ["name is missing", "1 to 100"]),
    ({"name": 5}, ["name is 5", "1 to 100"]),
    ({"name": None}, ["name is None"]),
    ({"name": {"default": "Win"}}, ["name is {'default': 'Win'}"]),
    ({"name": ""}, ["name is 0 characters long", "1 to 100"]),
    ({"name": "x" * 101}, ["name is 101 characters long", "'xxx", "1 to 100"]),
    ({"name": "two\nlines"}, [r"name is 'two\nlines'", r"'\n'"]),
    ({"name": "nul\0"}, [r"'\x00'"]),
    ({"name": "half \ud83c"}, [r"'\ud83c'"]),
    ({"description": MISSING}, ["description is missing", "1 to 200"]),
    ({"description": False}, ["description is False"]),
    ({"description": ""}, ["description is 0 characters long"]),
    ({"description": "x" * 201}, ["description is 201 characters long", "1 to 200"]),
    ({"description": "tab\t"}, [r"'\t'"]),
    ({"secret": 1}, ["secret is 1", "true or false"]),
    ({"secret": "true"}, ["secret is 'true'"]),
    ({"secure": None}, ["secure is None", "true or false"]),
    ({"icon": 5}, ["icon is 5", "icons/win.png"]),
    ({"icon": ""}, ["icon is ''"]),
    ({"icon": "/usr/share/win.png"}, ["icon is '/usr/share/win.png'"]),
    ({"icon": "C:\\win.png"}, ["icon is 'C:"]),
    ({"icon": "C:win.png"}, ["icon is 'C:win.png'"]),
    ({"icon": "\\\\host\\share\\win.png"}, ["icon is "]),
    ({"icon": "win\0.png"}, [r"icon is 'win\x00.png'"]),
    ({"name_localizations": "Gewinne"}, ["name_localizations is 'Gewinne'", "table"]),
    ({"name_localizations": []}, ["name_localizations is []"]),
    ({"name_localizations": {"de": 5}}, ["name_localizations['de'] is 5", "1 to 100"]),
    ({"name_localizations": {"de": ""}}, ["name_localizations['de'] is 0 characters long"]),
    ({"name_localizations": {"de": "x" * 101}}, ["name_localizations['de'] is 101 characters long"]),
    ({"name_localizations": {"de": "a\r"}}, [r"name_localizations['de'] is 'a\r'"]),
    ({"name_localizations": {"en": "x"}}, ["name_localizations has 'en'", "en-GB or en-US"]),
    ({"name_localizations": {"pt_br": "x"}}, ["has 'pt_br'", "did you mean pt-BR?"]),
    ({"name_localizations": {"german": "x"}}, ["has 'german'", *LOCALES]),
    (
        {"description_localizations": {"de": "x" * 201}},
        ["description_localizations['de'] is 201", "1 to 200"],
    ),
    ({"description_localizations": {"sv": "x"}}, ["description_localizations has 'sv'", "sv-SE"]),
    ({"secrete": True}, ["unknown field 'secrete'", "did you mean 'secret'?"]),
    ({"Name": "Win"}, ["unknown field 'Name'", "did you mean 'name'?"]),
    ({"colour": "red"}, ["unknown field 'colour'", "id, key, name, description, secret, secure, icon"]),
]


@pytest.mark.parametrize(("changes", "fragments"), FIELD_MISTAKES)
def test_mistake_in_a_field(changes: dict[str, Any], fragments: list[str]) -> None:
    (problem,) = problems_of(as_json(an_entry(id=4, key="other"), an_entry(**changes)))
    assert problem.startswith("achievements.json: [[achievement]] #2")
    for fragment in fragments:
        assert fragment in problem


def test_messages_name_the_entry_by_its_key() -> None:
    (problem,) = problems_of(as_json(an_entry(name="")))
    assert problem.startswith("achievements.json: [[achievement]] #1 'win': name is ")


# Mistakes in the file as a whole

JSON_MISTAKES: list[tuple[str, list[str]]] = [
    ("", ["JSON"]),
    ('{"application_id": 1,\n "achievement": [}', ["JSON", "line 2"]),
    ('{"application_id": 1, "application_id": 2}', ["JSON", "'application_id' twice", "2"]),
    ("[]", ["[]", "object"]),
    ("5", ["5", "object"]),
    ("[" * 100_000, ["JSON"]),
    ('{"application_id": ' + "9" * 5000 + "}", ["JSON", "digits"]),
    (as_json(application_id=MISSING), ["application_id is missing", "1 to 9223372036854775807"]),
    (as_json(application_id="game"), ["application_id is 'game'"]),
    (as_json(application_id=2**63), ["application_id is 9223372036854775808"]),
    (as_json(application_id=True), ["application_id is True"]),
    (as_json(achievements=[]), ["unknown field 'achievements'", "did you mean 'achievement'?"]),
    (as_json(version=1), ["unknown field 'version'", "application_id, achievement"]),
    (as_json(achievement={"id": 5}), ["achievement is {'id': 5}", "[[achievement]]"]),
    (as_json(achievement=None), ["achievement is None"]),
    (as_json("win"), ["[[achievement]] #1 is 'win'", "table"]),
    (as_json(an_entry(), an_entry(key="b")), ["#2 'b'", "id is 5", "[[achievement]] #1 'win'"]),
    (as_json(an_entry(), an_entry(id="5", key="b")), ["#2 'b'", "id is 5", "[[achievement]] #1 'win'"]),
    (as_json(an_entry(), an_entry(id=6)), ["#2 'win'", "key is 'win'", "[[achievement]] #1 'win'"]),
    (as_json(*(an_entry(id=n, key=f"k{n}") for n in range(1, 1002))), ["1001", "at most 1000"]),
]


@pytest.mark.parametrize(("text", "fragments"), JSON_MISTAKES)
def test_mistake_in_json(text: str, fragments: list[str]) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith("achievements.json: ")
    for fragment in fragments:
        assert fragment in problem
    assert len(problem) < 500


TOML_MISTAKES: list[tuple[str, list[str]]] = [
    ("application_id = 1\nname = \n", ["achievements.toml", "TOML", "line 2"]),
    ("application_id = 1\napplication_id = 2\n", ["TOML", "line 2"]),
    ("application_id = 1\n[achievement]\nid = 5\n", ["achievement is {'id': 5}", "[[achievement]]"]),
    ("application_id = 2024-01-01\n", ["application_id is datetime.date(2024, 1, 1)"]),
    (f"application_id = 0x{'f' * 9000}\n", ["application_id is ", "1 to 9223372036854775807"]),
    (f"application_id = {'9' * 5000}\n", ["TOML", "digits"]),
    (f"application_id = {'[' * 100_000}\n", ["TOML"]),
    (f"application_id = {'[' * 90}{']' * 90}\n", ["application_id is [["]),
]


@pytest.mark.parametrize(("text", "fragments"), TOML_MISTAKES)
def test_mistake_in_toml(text: str, fragments: list[str]) -> None:
    (problem,) = problems_of(text, "achievements.toml")
    for fragment in fragments:
        assert fragment in problem
    assert len(problem) < 500


# Where a mistake is


@pytest.mark.parametrize("header", ["[[achievement]]", "  [[ achievement ]]  # second", '[["achievement"]]'])
def test_toml_mistakes_name_the_line_of_their_entry(header: str) -> None:
    text = DOCUMENTED + f'\n\n{header}\nid = 5\nkey = "b"\nname = "{"x" * 123}"\ndescription = "ok"\n'
    (problem,) = problems_of(text, "achievements.toml")
    assert problem.startswith("achievements.toml:15: [[achievement]] #2 'b': name is 123 characters long")


@pytest.mark.parametrize(
    "text",
    [
        'application_id = 1\nachievement = [\n{ id = 5, name = "", description = "ok" }]\n',
        'application_id = 1\n[[achievement]]\nid = 5\nname = ""\ndescription = """\n[[achievement]]"""\n',
    ],
)
def test_an_uncertain_line_number_is_omitted(text: str) -> None:
    (problem,) = problems_of(text, "achievements.toml")
    assert problem.startswith("achievements.toml: [[achievement]] #1: name is 0 characters long")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("application_id = 1\n\n[[achievment]]\nid = 5\n", "a.toml:3: "),
        ("application_id = 1\n[achievment]\nid = 5\n", "a.toml:2: "),
        ('application_id = 1\n\n"achievment" = 5\n', "a.toml:3: "),
        ('{"application_id": 1,\n "achievment": []}', "a.toml:2: "),
        ("application_id = 1\n[[achievment]]\n[[achievment]]\n", "a.toml: "),  # the message does not say which of them
    ],
)
def test_an_unknown_top_level_field_is_reported_with_its_line(text: str, where: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, source="a.toml")
    assert caught.value.problems == (f"{where}unknown field 'achievment'; did you mean 'achievement'?",)


def test_all_mistakes_are_reported_together() -> None:
    text = as_json(
        an_entry(id=0, name="", secret=1),
        "nothing",
        an_entry(key="not a name", icon="/"),
        colour="red",
        application_id=MISSING,
    )
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, source="achievements.json")
    reported = [problem.removeprefix("achievements.json: ") for problem in caught.value.problems]
    starts = [
        "unknown field 'colour'",
        "application_id is missing",
        "[[achievement]] #1 'win': id is 0",
        "[[achievement]] #1 'win': name is 0",
        "[[achievement]] #1 'win': secret is 1",
        "[[achievement]] #2 is 'nothing'",
        "[[achievement]] #3 'not a name': key is 'not a name'",
        "[[achievement]] #3 'not a name': icon is '/'",
    ]
    assert len(reported) == len(starts)
    for start in starts:
        assert any(problem.startswith(start) for problem in reported), start
    for problem in caught.value.problems:
        assert problem in str(caught.value).splitlines()[1:] or f"  {problem}" in str(caught.value)


def test_the_error_is_a_package_error_and_a_value_error() -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue("?", source="a.toml")
    assert isinstance(caught.value, DiscordAchievementsError)
    assert isinstance(caught.value, ValueError)


# Laws

ID = st.integers(1, 2**63 - 1)
LINE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=100)
LOCALIZATIONS = st.dictionaries(st.sampled_from(sorted(LOCALES)), LINE, max_size=3)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"id": ID, "name": LINE, "description": LINE},
        optional={
            "key": st.from_regex(r"k[a-z0-9_]{1,8}", fullmatch=True),
            "secret": st.booleans(),
            "secure": st.booleans(),
            "icon": st.from_regex(r"[a-z]{1,8}/[a-z]{1,8}\.png", fullmatch=True),
            "name_localizations": LOCALIZATIONS,
            "description_localizations": LOCALIZATIONS,
        },
    ),
    max_size=4,
    unique_by=(lambda entry: entry["id"], lambda entry: entry.get("key", entry["id"])),
)


def to_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {to_toml(item)}" for key, item in value.items()) + "}"
    # JSON is valid TOML here, except escaped surrogate pairs; TOML requires DEL to be escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def to_toml_file(application_id: int, entries: list[dict[str, Any]]) -> str:
    lines = [f"application_id = {application_id}"]
    for entry in entries:
        lines += ["[[achievement]]", *(f"{field} = {to_toml(value)}" for field, value in entry.items())]
    return "\n".join(lines)


@given(ID, ENTRIES)
def test_toml_and_json_give_the_same_catalogue(application_id: int, entries: list[dict[str, Any]]) -> None:
    from_toml = parse_catalogue(to_toml_file(application_id, entries), source="game")
    from_json = parse_catalogue(as_json(*entries, application_id=application_id), source="game")
    assert from_toml == from_json
    expected = sorted(entries, key=lambda entry: int(entry["id"]))
    for entry, parsed in zip(expected, from_toml.entries, strict=True):
        achievement = parsed.achievement
        assert achievement.application_id == application_id
        assert (achievement.id, achievement.name) == (entry["id"], entry["name"])
        assert achievement.description == entry["description"]
        assert achievement.name_localizations == (entry.get("name_localizations") or None)
        assert (achievement.secret, achievement.secure) == (
            entry.get("secret", False),
            entry.get("secure", False),
        )
        assert (parsed.key, parsed.icon) == (entry.get("key"), entry.get("icon"))


FIELD = st.sampled_from(
    [
        *("application_id", "achievement", "id", "key", "name", "description", "secret", "secure", "icon"),
        *("name_localizations", "description_localizations", "de", "en"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("win"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD | st.text(), inner, max_size=3),
    max_leaves=6,
)


def parse_or_refuse(text: str, source: str) -> None:
    try:
        parse_catalogue(text, source=source)
    except CatalogueError as exc:
        problems = exc.problems
    else:
        return
    assert problems
    assert all(problem.startswith(source) for problem in problems)


@given(ANYTHING)
def test_any_json_is_read_or_raises_catalogue_error(data: object) -> None:
    parse_or_refuse(json.dumps(data), "a.json")


@given(st.lists(st.dictionaries(FIELD, ANYTHING, max_size=4), max_size=3), ANYTHING)
def test_any_entry_is_read_or_raises_catalogue_error(entries: list[dict[str, object]], application_id: object) -> None:
    parse_or_refuse(as_json(*entries, application_id=application_id), "a.json")


TOML_VALUE = st.sampled_from(
    [
        *("5", "-0", "1e9", "nan", "inf", "0xFF", f"0x{'f' * 5000}", "true"),
        *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"),
        *('"text"', "'''\n[[achievement]]'''", "[]", "[[1], {}]", "{}", "{ de = 5 }", "=", '"'),
    ]
)
TOML_LINE = st.builds("{} = {}".format, FIELD, TOML_VALUE) | st.sampled_from(
    ["[[achievement]]", "[achievement]", "[[achievement.id]]", "[name]", "# comment", ""]
)


@given(st.lists(TOML_LINE).map("\n".join))
def test_any_toml_is_read_or_raises_catalogue_error(text: str) -> None:
    parse_or_refuse(text, "a.toml")


@given(st.text(), st.sampled_from(["a.toml", "a.json", "a"]))
def test_any_text_is_read_or_raises_catalogue_error(text: str, source: str) -> None:
    parse_or_refuse(text, source)


def test_deep_nesting_is_read_or_raises_catalogue_error() -> None:
    limit = sys.getrecursionlimit()
    for depth in (*range(limit - 80, limit), 5 * limit, 100 * limit):
        brackets = "[" * depth + "]" * depth
        parse_or_refuse(f'{{"application_id": {brackets}}}', "a.json")
        parse_or_refuse(f'{{"application_id": 1, "achievement": [{{"id": {brackets}}}]}}', "a.json")
