"""Texts and dates in all of Discord's locales, and the font for every letter."""

from __future__ import annotations

import json
import string
import struct
from pathlib import Path

import pygame
import pytest

from discord_achievements.domain.localization import LOCALES
from discord_achievements.pygame_ui import Theme
from discord_achievements.pygame_ui.background import Background
from discord_achievements.pygame_ui.cmap import characters
from discord_achievements.pygame_ui.dates import date_of
from discord_achievements.pygame_ui.fonts import Fonts, clusters, families
from discord_achievements.pygame_ui.text import Writer
from discord_achievements.pygame_ui.texts import ENGLISH, Texts, texts_for

LISTED = json.loads((Path(__file__).parents[1] / "data" / "locales.json").read_text("utf-8"))["locales"]


def placeholders(text: str) -> list[str]:
    return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field is not None)


def test_the_english_texts_have_the_documented_placeholders() -> None:
    found = {name: placeholders(text) for name, text in ENGLISH._asdict().items() if placeholders(text)}
    assert found == {"tally": ["n", "total"], "unlocked_on": ["date"], "failed": ["why"]}


@pytest.mark.parametrize("locale", LISTED)
def test_every_translation_has_all_texts_with_the_placeholders_of_the_english(locale: str) -> None:
    texts = texts_for(locale)
    assert (texts == ENGLISH) is locale.startswith("en")
    for name, text in texts._asdict().items():
        assert text.strip()
        assert placeholders(text) == placeholders(getattr(ENGLISH, name)), name
    assert len({texts.all, texts.unlocked, texts.locked}) == 3


def test_unknown_languages_get_english_and_variants_get_their_language() -> None:
    assert texts_for("xx") == ENGLISH
    assert texts_for("es-419") == texts_for("es-ES")
    assert texts_for("de_AT") == texts_for("de")
    assert isinstance(texts_for("ja"), Texts)


@pytest.mark.parametrize(
    ("locale", "date"),
    [("en-US", "5/2/2023"), ("en-GB", "02/05/2023"), ("de", "02.05.2023"), ("sv-SE", "2023-05-02"),
     ("hu", "2023. 05. 02."), ("ja", "2023/05/02"), ("ko", "2023. 5. 2."), ("th", "2/5/2566"),
     ("nl", "02-05-2023"), ("xx", "2023-05-02")],
)  # fmt: skip
def test_dates_are_written_as_the_player_writes_them(locale: str, date: str) -> None:
    assert date_of("2023-05-02T12:00:00.000000+00:00", locale) == date


def test_every_locale_has_a_date() -> None:
    assert all("2023" in date_of("2023-05-02T12:00:00+00:00", locale) for locale in LOCALES - {"th"})


@pytest.fixture
def writer() -> Writer:
    return Writer((), Background(), "en-US")


@pytest.mark.parametrize("locale", ["da", "de", "fr", "hr", "lt", "hu", "pl", "ro", "tr", "cs", "el", "bg", "ru", "uk"])
def test_pygames_own_font_has_latin_greek_and_cyrillic(locale: str) -> None:
    fonts = Fonts((), Background())
    assert all(fonts.face_of_all(text) for text in texts_for(locale))


def test_lines_fit_and_a_cut_one_ends_in_an_ellipsis(writer: Writer) -> None:
    text = "Bring a hundred sparks home, all nights together, and do not lose a single one on the way."
    lines = writer.wrapped(text, 200, 14, 2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert all(writer.width(line, 14) <= 200 for line in lines)
    assert " ".join(writer.wrapped(text, 200, 14, 99)) == text
    assert writer.fitted(text, 200, (20, 14), (255, 255, 255)).get_width() <= 200


def test_text_without_spaces_is_broken_too(writer: Writer) -> None:
    text = "夜明けまでに百の火花を家に持ち帰り、一つも失わないようにしてください。"
    lines = writer.wrapped(text, 100, 14, 99)
    assert len(lines) > 2
    assert "".join(lines) == text
    assert not any(line[0] in "、。" for line in lines)


def test_a_letter_and_its_marks_stay_together() -> None:
    assert list(clusters("ที่นี่")) == ["ที่", "นี่"]
    assert list(clusters("उपलब्धि है")) == ["उपलब्धि", " ", "है"]
    assert list(clusters("และไป")) == ["และ", "ไป"]
    assert list(clusters("e\u0301a")) == ["e\u0301", "a"]
    assert list(clusters("")) == []


def test_control_characters_are_harmless(writer: Writer) -> None:
    assert writer.line("a\nb\x00c\t", 14, (255, 255, 255)).get_width() > 10
    assert writer.line("", 14, (255, 255, 255)).get_width() == 1


def test_a_script_has_its_own_families_and_han_those_of_the_players_language() -> None:
    assert families("ก", "th")[0] == "leelawadeeui"
    assert families("ह", "hi")[0] == "nirmalaui"
    assert families("업", "ko")[0] == "malgungothic"
    assert families("実", "ja")[0] == "yugothic"
    assert families("实", "zh-CN")[0] == "microsoftyahei"
    assert families("實", "zh-TW")[0] == "microsoftjhenghei"


def small_font(*code_points: int) -> bytes:
    """A font file with only a cmap (format 12)."""
    groups = b"".join(struct.pack(">III", code, code, number + 1) for number, code in enumerate(code_points))
    table = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(code_points)) + groups
    cmap = struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table
    return struct.pack(">IHHHH4sIII", 0x10000, 1, 0, 0, 0, b"cmap", 0, 28, len(cmap)) + cmap


def test_a_cmap_says_which_letters_there_are() -> None:
    assert characters(small_font(0x41, 0x1F600)) == {0x41, 0x1F600}


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, small_font(0x41)[:50], b"OTTO" + b"\xff" * 60])
def test_a_file_that_is_not_a_font_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="font"):
        characters(data)
    path = tmp_path / "broken.ttf"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"broken\.ttf"):
        Fonts(Theme(fonts=(str(path),)).fonts, Background())


def test_a_path_instead_of_a_tuple_of_fonts_is_refused() -> None:
    for one in ("a.ttf", Path("a.ttf")):
        with pytest.raises(TypeError, match=r"fonts must be a tuple of paths, got .*a\.ttf.*\('a\.ttf',\)"):
            Theme(fonts=one)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"fonts must be a tuple of paths, got .* 5"):
        Theme(fonts=(5,))  # type: ignore[arg-type]


def test_the_themes_font_is_searched_first() -> None:
    bundled = Path(pygame.__file__).with_name(pygame.font.get_default_font())
    fonts = Fonts((str(bundled),), Background())
    assert fonts.face_of_all("Abc") is fonts.faces[0]
    assert len(fonts.faces) == 2


@pytest.mark.parametrize(("char", "installable"), [("\U0001f8ff", ()), ("\u0e5e", ("notosansthai",))])
def test_if_no_font_has_a_letter_the_log_names_fonts_of_its_script(
    char: str, installable: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    background = Background()
    fonts = Fonts((), background, match=lambda _: None)
    assert fonts.face(char, "en-US") is fonts.faces[0]
    background.settle()
    (message,) = caplog.messages
    assert repr(char) in message
    assert "Theme(fonts=" in message
    for name in installable:
        assert name in message
    assert ("install" in message) is bool(installable)
    assert "segoeui" not in message


def test_a_system_font_is_used_once_it_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, code in (("yugothic", 0x41), ("meiryo", 0x3051)):
        (tmp_path / name).write_bytes(small_font(code))
    asked: list[str] = []

    def match(name: str) -> str | None:
        asked.append(name)
        path = tmp_path / name
        return str(path) if path.exists() else None

    background = Background()
    fonts = Fonts((), background, match)
    assert fonts.face("\u3051", "ja") is fonts.face("\u3051", "ja") is fonts.faces[0]
    background.settle()
    assert fonts.version == 0, "a font arrives between frames"
    background.deliver()
    assert fonts.version == 1
    assert fonts.face("\u3051", "ja") is fonts.faces[-1] is not fonts.faces[0]
    assert (asked, caplog.messages) == (["yugothic", "meiryo"], []), "it is looked for once, until one has the letter"
