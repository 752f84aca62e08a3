from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.definition import (
    ICON_MAX_BYTES,
    Change,
    Left,
    decode_change,
    decode_creation,
)
from discord_achievements.domain.errors import ApiError, FieldErrors
from discord_achievements.domain.progress import Progress, receive
from discord_achievements.domain.wire import format_event, matches_etag

BOTH_FORMS = [
    {"name": "N", "name_localizations": {"de": "Ä"}, "description": "D"},
    {"name": {"default": "N", "localizations": {"de": "Ä"}}, "description": {"default": "D"}},
]


def created(body: object) -> Change:
    """Return what a create request asks for; raises the `ApiError` with its mistakes."""
    return checked(decode_creation, body)


def changed(body: object) -> Change:
    return checked(decode_change, body)


def checked(decode: Callable[[object, FieldErrors], Change], body: object) -> Change:
    errors = FieldErrors()
    change = decode(body, errors)
    if error := errors.error():
        raise error
    return change


@pytest.mark.parametrize("body", BOTH_FORMS)
def test_both_forms_give_the_same_definition(body: dict[str, Any]) -> None:
    wanted = Change({"name": "N", "name_localizations": {"de": "Ä"}, "description": "D"}, Left.ALONE)
    assert created(body) == changed(body) == wanted


def test_a_change_contains_only_the_given_fields() -> None:
    assert changed({}) == Change({}, Left.ALONE)
    assert changed({"name_localizations": None, "icon": None}) == Change({"name_localizations": None}, None)
    assert changed({"name": {"default": "N", "localizations": None}}).fields == {
        "name": "N",
        "name_localizations": None,
    }
    assert changed({"secret": True, "unknown": [1]}).fields == {"secret": True}


@pytest.mark.parametrize(
    "label",
    ["image/webp", "image/jpg", "IMAGE/PNG", "image/x-png", "image/png;charset=utf-8", "image/svg+xml", "image/"],
)
def test_an_icon_is_the_bytes_in_the_data_uri_of_any_image(label: str) -> None:
    content = bytes(range(256))
    encoded = base64.b64encode(content).decode()
    assert changed({"icon": f"data:{label};base64,{encoded}"}).icon == content
    assert changed({"icon": f"DATA:{label};Base64,{encoded}"}).icon == content


def test_other_values_are_refused_as_an_icon() -> None:
    largest = f"data:image/png;base64,{base64.b64encode(bytes(ICON_MAX_BYTES)).decode()}"
    assert changed({"icon": largest}).icon == bytes(ICON_MAX_BYTES)
    for wrong in (5, "", "data:image/png;base64,ä", "data:text/html;base64,AAAA", "data:image/png,AAAA",
                  "data:;base64,AAAA", "data:image/png" + ";" * 100_000, largest[:-4] + "AAAAAAAA"):  # fmt: skip
        with pytest.raises(ApiError) as caught:
            changed({"icon": wrong})
        assert caught.value.errors is not None
        assert caught.value.errors["icon"]["_errors"][0]["code"] == "IMAGE_INVALID"


def test_all_mistakes_are_reported_together() -> None:
    body = {"name": 5, "name_localizations": {"xx": "y", "de": ""}, "secret": None, "icon": 1}
    with pytest.raises(ApiError) as caught:
        created(body)
    assert caught.value.errors is not None
    assert set(caught.value.errors) == {"name", "name_localizations", "description", "secret", "icon"}
    assert set(caught.value.errors["name_localizations"]) == {"xx", "de"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
FIELDS = st.sampled_from(["name", "name_localizations", "description", "secret", "secure", "icon"])


@given(ANYTHING | st.dictionaries(FIELDS, ANYTHING | st.dictionaries(st.sampled_from(["default"]), ANYTHING)))
def test_any_body_is_read_or_raises_api_error(body: object) -> None:
    for decode in (created, changed):
        with suppress(ApiError):
            fields = decode(body).fields
            assert all(1 <= len(fields[name]) <= 200 for name in ("name", "description") if name in fields)


def test_an_update_without_an_age_does_not_change_a_known_unlock_time() -> None:
    assert receive(Progress(40, None), 100, 0.0, 1000) == Progress(100, 1000)
    assert receive(Progress(100, 1000), 100, 0.0, 400) == Progress(100, 1000)
    assert receive(Progress(100, 1000), 30, 0.0, 400) == Progress(100, 1000)
    assert receive(Progress(100, 9_000_000), 100, 5.0, 10_000_000) == Progress(100, 5_000_000)


def test_the_form_of_an_event_on_the_stream() -> None:
    assert format_event(5, "KIND", {"a": "ä\n"}) == b'id: 5\nevent: KIND\ndata: {"a": "\\u00e4\\n"}\n\n'


@pytest.mark.parametrize(
    ("said", "matches"),
    [('"a"', True), ('W/"a"', True), ('"x", "a"', True), ("*", True), ("", False), ("a", False), ('"ab"', False)],
)
def test_etags(said: str, matches: bool) -> None:
    assert matches_etag(said, '"a"') is matches
