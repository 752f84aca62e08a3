"""How each of Discord's locales writes a date."""

from __future__ import annotations

from datetime import datetime

from ..domain.localization import resolve

# fmt: off
# Source: CLDR, short dates with a year of four digits; Thailand counts years from 543 BC.
_PATTERNS = {
    "en-US": "{m}/{d}/{y}", "en-GB": "{dd}/{mm}/{y}", "id": "{dd}/{mm}/{y}", "da": "{dd}.{mm}.{y}",
    "de": "{dd}.{mm}.{y}", "es-ES": "{d}/{m}/{y}", "es-419": "{d}/{m}/{y}", "fr": "{dd}/{mm}/{y}",
    "hr": "{dd}. {mm}. {y}.", "it": "{dd}/{mm}/{y}", "lt": "{y}-{mm}-{dd}", "hu": "{y}. {mm}. {dd}.",
    "nl": "{dd}-{mm}-{y}", "no": "{dd}.{mm}.{y}", "pl": "{dd}.{mm}.{y}", "pt-BR": "{dd}/{mm}/{y}",
    "ro": "{dd}.{mm}.{y}", "fi": "{d}.{m}.{y}", "sv-SE": "{y}-{mm}-{dd}", "vi": "{dd}/{mm}/{y}",
    "tr": "{dd}.{mm}.{y}", "cs": "{dd}.{mm}.{y}", "el": "{d}/{m}/{y}", "bg": "{dd}.{mm}.{y} г.",  # noqa: RUF001
    "ru": "{dd}.{mm}.{y}", "uk": "{dd}.{mm}.{y}", "hi": "{d}/{m}/{y}", "th": "{d}/{m}/{thai}",
    "zh-CN": "{y}/{m}/{d}", "ja": "{y}/{mm}/{dd}", "zh-TW": "{y}/{m}/{d}", "ko": "{y}. {m}. {d}.",
}
# fmt: on
_ISO_DATE = "{y}-{mm}-{dd}"


def date_of(unlocked_at: str, locale: str) -> str:
    """Return the day of an ISO 8601 time, in the player's time zone and as `locale` writes it."""
    at = datetime.fromisoformat(unlocked_at).astimezone()
    pattern = resolve(_ISO_DATE, _PATTERNS, locale)
    return pattern.format(d=at.day, m=at.month, y=at.year, dd=f"{at.day:02}", mm=f"{at.month:02}", thai=at.year + 543)
