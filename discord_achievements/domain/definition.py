"""What a request to create or change an achievement may say, in every form that any API version has.

Bodies come as the tables of Discord's page have them (`name` a string, `name_localizations` beside it) or as its
samples have them (`name` an object with `default` and `localizations`); each version takes both. Every mistake in a
body is told at once, each under its own field.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from .errors import FieldErrors, field_error, shown
from .localization import LOCALES
from .models import DESCRIPTION_MAX, NAME_MAX

ICON_MAX_BYTES = 256 * 1024
ICON_MAX_PIXELS = 1024  # on either side
ICON_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")

_DATA_URI = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,(.*)", re.DOTALL)
# NUL cannot be stored in a PostgreSQL text, and half of a surrogate pair not as UTF-8.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Left(Enum):
    """The one value that means: the request does not mention it, so it stays as it is."""

    ALONE = "left alone"


class Upload(NamedTuple):
    """An icon as it came: the type that the request claims and the bytes, not yet looked into."""

    media_type: str
    content: bytes


class Change(NamedTuple):
    """What a request wants: new values for fields of `Achievement`, and an icon (None: the default one)."""

    fields: Mapping[str, Any]
    icon: Upload | Left | None


def decode_creation(data: object) -> Change:
    """Read the body of a create request; raises the `ApiError` to answer with."""
    return _decode(data, required=True)


def decode_change(data: object) -> Change:
    """Read the body of an update request, which may leave out anything; raises the `ApiError` to answer with."""
    return _decode(data, required=False)


def _decode(data: object, *, required: bool) -> Change:
    if not isinstance(data, Mapping):
        raise field_error((), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    reader = _Reader(data, required, FieldErrors())
    fields: dict[str, Any] = {}
    for name, longest in (("name", NAME_MAX), ("description", DESCRIPTION_MAX)):
        fields |= reader.text_field(name, longest)
    for name in ("secret", "secure"):
        fields |= reader.flag(name)
    icon = reader.icon()
    if error := reader.errors.error():
        raise error
    return Change(fields, icon)


class _Reader(NamedTuple):
    """Reads one body field by field, and notes what is wrong with it."""

    data: Mapping[str, Any]
    required: bool
    errors: FieldErrors

    def text_field(self, name: str, longest: int) -> dict[str, Any]:
        """Read a text and its translations, in either form; the one that stands beside wins."""
        fields: dict[str, Any] = {}
        if name in self.data:
            value = self.data[name]
            path: tuple[str, ...] = (name,)
            if isinstance(value, Mapping):
                if "localizations" in value:
                    where = (name, "localizations")
                    fields[f"{name}_localizations"] = self._texts(where, value["localizations"], longest)
                path = (name, "default")
                value = value.get("default")
            fields[name] = self._text(path, value, longest)
        elif self.required:
            self.errors.add((name,), "BASE_TYPE_REQUIRED", "This field is required")
        beside = f"{name}_localizations"
        if beside in self.data:
            fields[beside] = self._texts((beside,), self.data[beside], longest)
        return fields

    def flag(self, name: str) -> dict[str, bool]:
        if name not in self.data:
            return {}
        value = self.data[name]
        if not isinstance(value, bool):
            self.errors.add((name,), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
            return {}
        return {name: value}

    def icon(self) -> Upload | Left | None:
        if "icon" not in self.data:
            return Left.ALONE
        value = self.data["icon"]
        if value is None:
            return None
        hit = _DATA_URI.fullmatch(value) if isinstance(value, str) else None
        if hit is None or hit[1] not in ICON_TYPES:
            allowed = ", ".join(ICON_TYPES)
            return self._no_icon(f"It has to be a data URI (data:image/png;base64,...) of one of {allowed}.")
        try:
            content = base64.b64decode(hit[2], validate=True)
        except (binascii.Error, ValueError):  # the second: characters beyond ASCII
            return self._no_icon("What follows base64, is not base64.")
        if len(content) > ICON_MAX_BYTES:
            return self._no_icon(f"It has {len(content)} bytes; allowed are {ICON_MAX_BYTES}.")
        return Upload(hit[1], content)

    def _no_icon(self, reason: str) -> None:
        self.errors.add(("icon",), "IMAGE_INVALID", f"Invalid image. {reason}")

    def _text(self, path: tuple[str, ...], value: object, longest: int) -> str:
        if value is None:
            self.errors.add(path, "BASE_TYPE_REQUIRED", "This field is required")
        elif not isinstance(value, str):
            self.errors.add(path, "STRING_TYPE_CONVERT", f"Could not interpret {shown(value)} as string.")
        elif not 1 <= len(value) <= longest:
            self.errors.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {longest} in length.")
        elif unusable := _UNSTORABLE.search(value):
            self.errors.add(path, "STRING_TYPE_REGEX", f"The character {unusable[0]!a} cannot be stored.")
        else:
            return value
        return ""

    def _texts(self, path: tuple[str, ...], value: object, longest: int) -> dict[str, str] | None:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.errors.add(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return None
        texts = {}
        for locale, text in value.items():
            if locale in LOCALES:
                texts[locale] = self._text((*path, locale), text, longest)
            else:
                # The name of a field that a client made up is shortened and made printable before it is repeated.
                where = (*path, ascii(locale[:20])[1:-1])
                allowed = ", ".join(sorted(LOCALES))
                self.errors.add(where, "BASE_TYPE_CHOICES", f"Value must be one of {{{allowed}}}.")
        return texts or None
