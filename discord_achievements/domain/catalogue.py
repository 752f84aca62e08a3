"""The catalogue file: the achievements of one game as its author writes them, in TOML or JSON.

    application_id = 461618159171141643

    [[achievement]]
    id = 580159119969878046
    key = "win_the_game"
    name = "Win the Game"
    description = "You won!"
    icon = "icons/win.png"
    name_localizations = { de = "Gewinne das Spiel" }

Required are `application_id` and, in each achievement, `id`, `name` and `description`. An id may also be a
string of digits, since a JavaScript number cannot hold one. All mistakes in a file are reported together.
"""

from __future__ import annotations

import json
import keyword
import re
import reprlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PureWindowsPath
from typing import Any

from .errors import CatalogueError
from .localization import LOCALES, same_language
from .models import ACHIEVEMENTS_MAX, DESCRIPTION_MAX, NAME_MAX, Achievement
from .snowflake import MAX_SNOWFLAKE, parse_snowflake

_FIELDS = ("application_id", "achievement")
_ENTRY_FIELDS = (
    "id",
    "key",
    "name",
    "description",
    "secret",
    "secure",
    "icon",
    "name_localizations",
    "description_localizations",
)
_HEADER = re.compile(r"""[ \t]*\[\[[ \t]*(["']?)achievement\1[ \t]*\]\]""")
# Control characters break a line of text; halves of surrogate pairs cannot be stored as UTF-8.
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One achievement of a catalogue.

    `key` is its name in code, unique in the catalogue; `icon` is the path of a picture as written, relative to the
    file. Either is None if the file does not have it.
    """

    achievement: Achievement
    key: str | None
    icon: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All achievements of one application, by ascending id; `source` is the file's name, for messages."""

    application_id: int
    entries: tuple[CatalogueEntry, ...]
    source: str

    def id_of(self, key: str) -> int:
        """Return the id of the achievement with this `key`. Raises `KeyError` if there is none."""
        ids = {entry.key: entry.achievement.id for entry in self.entries if entry.key is not None}
        if key not in ids:
            raise KeyError(f"{self.source} has no achievement with the key {_show(key)}{_hint(key, ids)}")
        return ids[key]


def parse_catalogue(text: str, *, source: str) -> Catalogue:
    """Read a catalogue from the text of its file; `source` is the file's name.

    It is JSON if the name ends in .json or the text starts with a brace, otherwise TOML. Raises `CatalogueError` with
    every mistake.
    """
    text = text.removeprefix("\ufeff")  # editors on Windows may put this mark first
    problems: list[str] = []
    top = _Table(_load(text, source), source, problems)
    for name in top.fields:
        if name not in _FIELDS:
            line = _only_line(name, text)
            _Table(top.fields, f"{source}:{line}" if line else source, problems).wrong_name(name, _FIELDS)
    application_id = top.snowflake("application_id")
    entries = _entries(top, application_id, text)
    if problems:
        raise CatalogueError(source, problems)
    return Catalogue(application_id, tuple(sorted(entries, key=lambda entry: entry.achievement.id)), source)


def _load(text: str, source: str) -> dict[str, Any]:
    is_json = source.lower().endswith(".json") or text.lstrip().startswith("{")
    try:
        data = json.loads(text, object_pairs_hook=_unique) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise CatalogueError(source, [f"{source}: not valid {'JSON' if is_json else 'TOML'}: {exc}"]) from exc
    if not isinstance(data, dict):
        raise CatalogueError(source, [f"{source}: the file is {_show(data)}; expected an object in braces"])
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated field in JSON, as TOML does: the first value would be lost unnoticed."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"one object has the field {_show(name)} twice, the second time as {_show(value)}")
        fields[name] = value
    return fields


def _only_line(name: str, text: str) -> int | None:
    """Return the number of the line that begins with `name`, as a header or a field; None unless there is one."""
    begins = re.compile(rf"""[ \t{{\[]*(["']?){re.escape(name)}\1[ \t]*[\].:=]""")
    numbers = [number for number, line in enumerate(text.split("\n"), 1) if begins.match(line)]
    return numbers[0] if len(numbers) == 1 else None


def _entries(top: _Table, application_id: int, text: str) -> list[CatalogueEntry]:
    items = top.fields.get("achievement", [])
    if not isinstance(items, list):
        top.wrong(f"achievement is {_show(items)}; expected tables under [[achievement]], in JSON a list")
        return []
    if len(items) > ACHIEVEMENTS_MAX:
        top.wrong(f"there are {len(items)} achievements; expected at most {ACHIEVEMENTS_MAX}")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]
    entries: list[CatalogueEntry] = []
    owners: dict[int | str, str] = {}
    for number, item in enumerate(items, 1):
        # The counts differ if some text looks like a header. Then no line number is better than a wrong one.
        where = f"{top.where}:{lines[number - 1]}" if len(lines) == len(items) else top.where
        label = f"[[achievement]] #{number}"
        if not isinstance(item, dict):
            top.problems.append(f"{where}: {label} is {_show(item)}; expected a table of fields")
            continue
        if isinstance(item.get("key"), str):
            label += f" {_show(item['key'])}"
        table = _Table(item, f"{where}: {label}", top.problems)
        entry = table.entry(application_id)
        entries.append(entry)
        for field, value in (("id", entry.achievement.id), ("key", entry.key)):
            if value and (owner := owners.setdefault(value, label)) != label:
                table.wrong(f"{field} is {_show(value)}, as in {owner}; each achievement needs its own")
    return entries


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file, read field by field: a mistake is noted, and a harmless value returned instead."""

    fields: dict[str, Any]
    where: str
    problems: list[str]

    def wrong(self, message: str) -> None:
        self.problems.append(f"{self.where}: {message}")

    def refuse_unknown(self, known: Iterable[str]) -> None:
        for name in self.fields:
            if name not in known:
                self.wrong_name(name, known)

    def wrong_name(self, name: str, known: Iterable[str]) -> None:
        self.wrong(f"unknown field {_show(name)}{_hint(name, known)}")

    def entry(self, application_id: int) -> CatalogueEntry:
        self.refuse_unknown(_ENTRY_FIELDS)
        achievement = Achievement(
            application_id=application_id,
            id=self.snowflake("id"),
            name=self.text("name", NAME_MAX),
            description=self.text("description", DESCRIPTION_MAX),
            secret=self.flag("secret"),
            secure=self.flag("secure"),
            name_localizations=self.localizations("name_localizations", NAME_MAX),
            description_localizations=self.localizations("description_localizations", DESCRIPTION_MAX),
        )
        return CatalogueEntry(achievement, self.key(), self.icon())

    def snowflake(self, name: str) -> int:
        expected = f"an integer from 1 to {MAX_SNOWFLAKE}"
        if name not in self.fields:
            self.wrong(f"{name} is missing; expected {expected}")
            return 0
        value = self.fields[name]
        try:
            return parse_snowflake(value)
        except (ValueError, RecursionError):  # RecursionError: lists nested too deep to print
            self.wrong(f"{name} is {_show(value)}; expected {expected}")
            return 0

    def text(self, name: str, longest: int) -> str:
        if name not in self.fields:
            self.wrong(f"{name} is missing; expected a string of 1 to {longest} characters")
            return ""
        return self._text(name, self.fields[name], longest)

    def _text(self, name: str, value: object, longest: int) -> str:
        if not isinstance(value, str):
            self.wrong(f"{name} is {_show(value)}; expected a string of 1 to {longest} characters")
            return ""
        if not 1 <= len(value) <= longest:
            self.wrong(f"{name} is {len(value)} characters long ({_show(value)}); expected 1 to {longest}")
        if unusable := _NOT_TEXT.search(value):
            self.wrong(
                f"{name} is {_show(value)}, which contains {_show(unusable[0])}, a character that cannot be used"
            )
        return value

    def flag(self, name: str) -> bool:
        value = self.fields.get(name, False)
        if not isinstance(value, bool):
            self.wrong(f"{name} is {_show(value)}; expected true or false")
            return False
        return value

    def localizations(self, name: str, longest: int) -> dict[str, str] | None:
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(f'{name} is {_show(value)}; expected a table such as {{ de = "…" }}')
            return None
        texts: dict[str, str] = {}
        for locale, text in value.items():
            texts[locale] = self._text(f"{name}[{_show(locale)}]", text, longest)
            if locale not in LOCALES:
                near = " or ".join(same_language(locale, LOCALES))
                hint = f"did you mean {near}?" if near else f"they are {', '.join(sorted(LOCALES))}"
                self.wrong(f"{name} has {_show(locale)}, which is not one of Discord's locales; {hint}")
        return texts or None

    def key(self) -> str | None:
        value = self.fields.get("key")
        if value is None:
            return None
        if not isinstance(value, str) or not value.isidentifier() or keyword.iskeyword(value):
            self.wrong(f"key is {_show(value)}; expected a Python identifier such as win_the_game")
            return None
        return value

    def icon(self) -> str | None:
        value = self.fields.get("icon")
        if value is None:
            return None
        # Windows' rules cover POSIX's absolute paths, and those with a drive or a share.
        if not isinstance(value, str) or not value or _NOT_TEXT.search(value) or PureWindowsPath(value).anchor:
            self.wrong(f"icon is {_show(value)}; expected a path relative to the catalogue file, such as icons/win.png")
            return None
        return value


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60


def _show(value: object) -> str:
    try:
        return _short.repr(value)
    except ValueError:  # Python does not print integers of more than 4300 digits
        return "a number with thousands of digits"


def _hint(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known) or 'none'}"
