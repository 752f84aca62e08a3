"""Which of an achievement's texts a player reads. Source: Discord API reference, available locales."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_IN_DISCORDS_ORDER = (
    "id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt",
    "hu", "nl", "no", "pl", "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs",
    "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW", "ko",
)  # fmt: skip

LOCALES = frozenset(_IN_DISCORDS_ORDER)


def _canonical(locale: str) -> str:
    return locale.replace("_", "-").lower()


_RANK = {_canonical(locale): rank for rank, locale in enumerate(_IN_DISCORDS_ORDER)}


def same_language(locale: str, locales: Iterable[str]) -> list[str]:
    """Return those of `locales` with the language of `locale`, in Discord's order; others come last."""
    language = _canonical(locale).partition("-")[0]
    return sorted(
        (other for other in locales if _canonical(other).partition("-")[0] == language),
        key=lambda other: (_RANK.get(_canonical(other), len(_RANK)), other),
    )


def resolve(default: str, localizations: Mapping[str, str] | None, locale: str) -> str:
    """Return the text for a player's `locale`: its own, else one in its language, else `default`.

    Case does not matter, and `de_DE` is read as `de-DE`. Of several texts in the language, the one that comes first in
    Discord's list of locales wins.
    """
    if not localizations:
        return default
    candidates = same_language(locale, localizations)
    wanted = _canonical(locale)
    for candidate in candidates:
        if _canonical(candidate) == wanted:
            return localizations[candidate]
    return localizations[candidates[0]] if candidates else default
