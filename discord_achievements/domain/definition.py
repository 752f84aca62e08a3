"""Reads the body of a request to create or update an achievement, in the form of any API version.

Discord's page has two forms: in its tables `name` is a string with `name_localizations` beside it, in its samples
`name` is an object with `default` and `localizations`. Every version accepts both. All mistakes in a body are reported
together, each under its own field.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from .errors import FieldErrors, shown
from .localization import LOCALES
from .models import DESCRIPTION_MAX, NAME_MAX

ICON_MAX_BYTES = 256 * 1024
ICON_MAX_PIXELS = 1024  # on either side

# The bytes say what kind of picture it is; the label, which clients often get wrong, need only be an image's.
_DATA_URI = re.compile(r"data:image/[^,]*;base64,(.*)", re.DOTALL | re.IGNORECASE)
# PostgreSQL cannot store NUL in a string, and half of a surrogate pair has no UTF-8.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Left(Enum):
    """The single value for a field that the request does not mention, so that it stays as it is."""

    ALONE = "left alone"


class Change(NamedTuple):
    """What a request asks for: new values for fields of `Achievement`, and an icon.

    The icon is a file that is not yet verified, or None for the default icon.
    """

    fields: Mapping[str, Any]
    icon: bytes | Left | None


def decode_creation(data: object, errors: FieldErrors) -> Change:
    """Read the body of a create request; all mistakes in it are added to `errors`, and then it must not be used."""
    return _decode(data, errors, required=True)


def decode_change(data: object, errors: FieldErrors) -> Change:
    """Read the body of an update request, which may omit any field; `errors` is that of `decode_creation`."""
    return _decode(data, errors, required=False)


def _decode(data: object, errors: FieldErrors, *, required: bool) -> Change:
    if not isinstance(data, Mapping):
        errors.add((), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return Change({}, Left.ALONE)
    reader = _Reader(data, required, errors)
    fields: dict[str, Any] = {}
    for name, longest in (("name", NAME_MAX), ("description", DESCRIPTION_MAX)):
        fields |= reader.text_field(name, longest)
    for name in ("secret", "secure"):
        fields |= reader.flag(name)
    return Change(fields, reader.icon())


class _Reader(NamedTuple):
    """Reads one body field by field, and collects the mistakes in it."""

    data: Mapping[str, Any]
    required: bool
    errors: FieldErrors

    def text_field(self, name: str, longest: int) -> dict[str, Any]:
        """Read a string and its translations in either form; `*_localizations` takes precedence."""
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

    def icon(self) -> bytes | Left | None:
        if "icon" not in self.data:
            return Left.ALONE
        value = self.data["icon"]
        if value is None:
            return None
        hit = _DATA_URI.fullmatch(value) if isinstance(value, str) else None
        if hit is None:
            return self._no_icon("It must be a data URI of an image (data:image/png;base64,...).")
        try:
            content = base64.b64decode(hit[1], validate=True)
        except (binascii.Error, ValueError):  # ValueError: characters outside ASCII
            return self._no_icon("The data after 'base64,' is not base64.")
        if len(content) > ICON_MAX_BYTES:
            return self._no_icon(f"It has {len(content)} bytes; the maximum is {ICON_MAX_BYTES}.")
        return content

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
                # A field name that the client made up is shortened and made printable before it is repeated.
                where = (*path, ascii(locale[:20])[1:-1])
                allowed = ", ".join(sorted(LOCALES))
                self.errors.add(where, "BASE_TYPE_CHOICES", f"Value must be one of {{{allowed}}}.")
        return texts or None
