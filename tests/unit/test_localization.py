from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.localization import LOCALES, resolve, same_language

DATA = Path(__file__).parents[1] / "data"
IN_DISCORDS_ORDER: list[str] = json.loads((DATA / "locales.json").read_text(encoding="utf-8"))["locales"]


def test_locales_are_discords() -> None:
    assert sorted(IN_DISCORDS_ORDER) == sorted(LOCALES)
    assert len(LOCALES) == 32


@pytest.mark.parametrize(
    ("translated", "locale", "chosen"),
    [
        # its own, in any spelling
        (["de", "fr"], "de", "de"),
        (["pt-BR"], "pt-BR", "pt-BR"),
        (["pt-BR"], "pt_br", "pt-BR"),
        (["pt_br"], "PT-BR", "pt_br"),
        (["en-GB", "en-US"], "en-US", "en-US"),
        (["es-ES", "es-419"], "es-419", "es-419"),
        (["zh-CN", "zh-TW"], "zh_TW", "zh-TW"),
        # one in its language, the first in Discord's order
        (["de", "fr"], "de-AT", "de"),
        (["sv-SE"], "sv", "sv-SE"),
        (["en-US", "en-GB"], "en", "en-GB"),
        (["en-US"], "en-GB", "en-US"),
        (["es-419", "es-ES"], "es-MX", "es-ES"),
        (["es-419"], "es-MX", "es-419"),
        (["zh-CN"], "zh-TW", "zh-CN"),
        # a locale that Discord does not have is better than the wrong language, and worse than one it has
        (["en-AU"], "en", "en-AU"),
        (["en-AU", "en-US"], "en", "en-US"),
        (["nb", "no"], "nb", "nb"),
        # otherwise the default
        (["de"], "fr", None),
        (["id"], "it", None),
        (["fi"], "fil", None),
        (["de"], "", None),
        (["de"], "C", None),
    ],
)
def test_chosen_text(translated: list[str], locale: str, chosen: str | None) -> None:
    texts = {name: f"text in {name}" for name in translated}
    assert resolve("default", texts, locale) == ("default" if chosen is None else texts[chosen])


@pytest.mark.parametrize("nothing", [None, {}])
def test_without_translations_the_default_is_chosen(nothing: dict[str, str] | None) -> None:
    assert resolve("default", nothing, "de") == "default"


@given(st.permutations(IN_DISCORDS_ORDER), st.sampled_from(["en", "es", "zh", "pt", "sv", "de-CH", "xx"]))
def test_the_order_in_which_translations_are_written_does_not_matter(names: list[str], locale: str) -> None:
    in_order = {name: name for name in IN_DISCORDS_ORDER}
    assert resolve("default", {name: name for name in names}, locale) == resolve("default", in_order, locale)


@given(st.dictionaries(st.text(), st.text()), st.text())
def test_the_answer_is_always_one_of_the_texts(texts: dict[str, str], locale: str) -> None:
    assert resolve("default", texts, locale) in {"default", *texts.values()}


def test_same_language_keeps_discords_order() -> None:
    assert same_language("es-MX", LOCALES) == ["es-ES", "es-419"]
    assert same_language("xx", LOCALES) == []
