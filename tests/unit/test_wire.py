from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from discord_achievements.domain.errors import ApiError, ErrorCode, WireError, field_error
from discord_achievements.domain.localization import LOCALES
from discord_achievements.domain.models import Achievement
from discord_achievements.domain.progress import Progress, reach
from discord_achievements.domain.wire import (
    Record,
    Shape,
    decode_achievement,
    decode_error,
    decode_record,
    decode_update,
    encode_achievement,
    encode_error,
    encode_event,
    encode_record,
    encode_update,
    format_time,
    parse_time,
    to_us,
)

DATA = Path(__file__).parents[1] / "data"
SAMPLES: dict[str, Any] = json.loads((DATA / "wire_samples.json").read_text(encoding="utf-8"))

APPLICATION_ID = 461618159171141643
USER_ID = 53908232506183680

# What Discord's page prints, as our reader understands it.
WIN = Achievement(
    application_id=APPLICATION_ID,
    id=580159119969878046,
    name="Win the Game",
    description="You won!",
    secret=False,
    secure=False,
    icon_hash="52c1636444f64ad7cb5368b158847def",
)
SECRET = Achievement(
    application_id=APPLICATION_ID,
    id=597763781871861018,
    name="Find the Secret",
    description="You found it!",
    secret=True,
    secure=False,
    icon_hash="52c1636444f64ad7cb5368b158847def",
)
METHODS = Achievement(
    application_id=APPLICATION_ID,
    id=597638720379682816,
    name="How do methods break up?",
    description="They stop calling each other!",
    secret=False,
    secure=False,
    icon_hash="7d698b594c691e3d28c92e226b28293c",
)
TRANSLATED = Achievement(
    application_id=APPLICATION_ID,
    id=580159119969878046,
    name="Win the Game",
    description="You won!",
    secure=True,
    icon_hash="52c1636444f64ad7cb5368b158847def",
    name_localizations={"de": "Gewinne das Spiel"},
    description_localizations={"de": "Du hast gewonnen!"},
)

AT = "2023-05-02T10:20:30.123456+00:00"
AT_US = to_us(datetime(2023, 5, 2, 10, 20, 30, 123456, tzinfo=UTC))


# Discord's own samples


@pytest.mark.parametrize(
    ("sample", "achievement"),
    [
        (SAMPLES["get_achievements"]["response"][0], WIN),
        (SAMPLES["get_achievement"]["response"], WIN),
        (SAMPLES["create_achievement"]["response"], SECRET),
        (SAMPLES["update_achievement"]["response"], METHODS),
        (SAMPLES["get_user_achievements"]["response"][0], WIN),
    ],
)
def test_sample_of_an_achievement(sample: object, achievement: Achievement) -> None:
    assert decode_achievement(sample) == achievement
    assert encode_achievement(achievement, Shape.OBJECTS) == sample


def test_the_sample_of_a_players_list_has_only_definitions() -> None:
    (sample,) = SAMPLES["get_user_achievements"]["response"]
    assert decode_record(sample) == Record(WIN.id, None, None, None, WIN)


def test_sample_of_an_update() -> None:
    sample = SAMPLES["update_user_achievement"]["request"]
    assert encode_update(25, None) == sample
    assert decode_update(sample) == (25, 0)


def test_every_sample_of_the_page_is_tested() -> None:
    assert set(SAMPLES) == {
        "source",
        "get_achievements",
        "get_achievement",
        "create_achievement",
        "update_achievement",
        "delete_achievement",
        "update_user_achievement",
        "get_user_achievements",
    }


# The two shapes


@pytest.mark.parametrize(
    ("version", "shape"),
    [*((version, Shape.OBJECTS) for version in (6, 7, 8, 9)), (10, Shape.STRINGS)],
)
def test_shape_of_a_version(version: int, shape: Shape) -> None:
    assert Shape.of(version) is shape


COMMON = {
    "application_id": "461618159171141643",
    "id": "580159119969878046",
    "secret": False,
    "secure": True,
    "icon_hash": "52c1636444f64ad7cb5368b158847def",
}
OBJECTS = {
    **COMMON,
    "name": {"default": "Win the Game", "localizations": {"de": "Gewinne das Spiel"}},
    "description": {"default": "You won!", "localizations": {"de": "Du hast gewonnen!"}},
}
STRINGS = {
    **COMMON,
    "name": "Win the Game",
    "name_localizations": {"de": "Gewinne das Spiel"},
    "description": "You won!",
    "description_localizations": {"de": "Du hast gewonnen!"},
}


@pytest.mark.parametrize(("shape", "document"), [(Shape.OBJECTS, OBJECTS), (Shape.STRINGS, STRINGS)])
def test_translated(shape: Shape, document: dict[str, Any]) -> None:
    assert encode_achievement(TRANSLATED, shape) == document
    assert decode_achievement(document) == TRANSLATED


def test_v10_has_null_if_there_is_no_translation() -> None:
    document = encode_achievement(WIN, Shape.STRINGS)
    assert document["name"] == "Win the Game"
    assert document["name_localizations"] is None
    assert document["description_localizations"] is None


RECORD = {
    "user_id": "53908232506183680",
    "achievement_id": "580159119969878046",
    "percent_complete": 100,
    "unlocked_at": AT,
    "revision": 7,
}


@pytest.mark.parametrize(("shape", "document"), [(Shape.OBJECTS, OBJECTS), (Shape.STRINGS, STRINGS)])
def test_superset(shape: Shape, document: dict[str, Any]) -> None:
    progress = Progress(100, AT_US)
    assert encode_record(TRANSLATED, USER_ID, progress, 7, shape) == document | RECORD
    assert decode_record(document | RECORD) == Record(TRANSLATED.id, USER_ID, progress, 7, TRANSLATED)


def test_locked_has_no_time() -> None:
    document = encode_record(WIN, USER_ID, Progress(25, None), 3, Shape.STRINGS)
    assert document["percent_complete"] == 25
    assert document["unlocked_at"] is None


# Reading tolerates other forms


@pytest.mark.parametrize("document", [OBJECTS, STRINGS])
def test_unknown_fields_are_ignored(document: dict[str, Any]) -> None:
    more = {"new": {"deep": [1]}, "type": 3}
    assert decode_achievement(document | more) == TRANSLATED
    assert decode_record(document | RECORD | more) == decode_record(document | RECORD)


@pytest.mark.parametrize(
    ("missing", "default"),
    [("secret", False), ("secure", False), ("icon_hash", "")],
)
def test_missing_optional_fields_have_defaults(missing: str, default: object) -> None:
    for document in (OBJECTS, STRINGS):
        fewer = {name: value for name, value in document.items() if name != missing}
        assert getattr(decode_achievement(fewer), missing) == default


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_translations_in_any_spelling(nothing: object) -> None:
    texts = {"name": "Win the Game", "description": {"default": "You won!", "localizations": nothing}}
    achievement = decode_achievement(COMMON | texts | {"name_localizations": nothing})
    assert achievement.name_localizations is None
    assert achievement.description_localizations is None


def test_ids_as_numbers() -> None:
    numbers = {"application_id": APPLICATION_ID, "id": 580159119969878046}
    assert decode_achievement(STRINGS | numbers) == TRANSLATED


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (RECORD, Record(WIN.id, USER_ID, Progress(100, AT_US), 7, None)),
        (
            {"achievement_id": "5", "percent_complete": 25},
            Record(5, None, Progress(25, None), None, None),
        ),
        (
            {"user_id": USER_ID, "achievement_id": 5, "percent_complete": 0, "unlocked_at": None},
            Record(5, USER_ID, Progress(0, None), None, None),
        ),
        (
            {"achievement_id": "5", "percent_complete": 25, "unlocked_at": ""},
            Record(5, None, Progress(25, None), None, None),
        ),
    ],
)
def test_records_only(document: dict[str, Any], expected: Record) -> None:
    assert decode_record(document) == expected


def test_event() -> None:
    event = encode_event(APPLICATION_ID, USER_ID, Record(WIN.id, USER_ID, Progress(100, AT_US), 7, None))
    assert event == {"application_id": "461618159171141643", **RECORD}
    assert decode_record(event) == Record(WIN.id, USER_ID, Progress(100, AT_US), 7, None)


def test_event_of_a_reset() -> None:
    event = encode_event(APPLICATION_ID, USER_ID, Record(WIN.id, USER_ID, Progress(0, None), 8, WIN))
    assert event == {
        "application_id": "461618159171141643",
        "user_id": "53908232506183680",
        "achievement_id": "580159119969878046",
        "percent_complete": 0,
        "unlocked_at": None,
        "revision": 8,
    }


# What is neither an achievement nor a record


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"id": None}, "id"),
        ({"id": "five"}, "id"),
        ({"id": "0"}, "id"),
        ({"id": 5.5}, "id"),
        ({"id": True}, "id"),
        ({"id": str(2**63)}, "id"),
        ({"application_id": None}, "application_id"),
        ({"application_id": []}, "application_id"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": {}}, "name"),
        ({"name": {"default": None}}, "name"),
        ({"description": ["You won!"]}, "description"),
        ({"description": {"localizations": {"de": "x"}}}, "description"),
    ],
)
@pytest.mark.parametrize("document", [OBJECTS, STRINGS])
def test_not_an_achievement(document: dict[str, Any], changes: dict[str, Any], named: str) -> None:
    for wrong in (document | changes, document | RECORD | changes):
        with pytest.raises(WireError, match=named):
            decode_record(wrong)
    with pytest.raises(WireError, match=named):
        decode_achievement(document | changes)


@pytest.mark.parametrize("missing", ["id", "application_id", "name", "description"])
@pytest.mark.parametrize("document", [OBJECTS, STRINGS])
def test_required_fields_of_an_achievement(document: dict[str, Any], missing: str) -> None:
    fewer = {name: value for name, value in document.items() if name != missing}
    with pytest.raises(WireError, match=missing):
        decode_achievement(fewer)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"achievement_id": None}, "achievement_id"),
        ({"achievement_id": "@me"}, "achievement_id"),
        ({"user_id": "me"}, "user_id"),
        ({"user_id": 0}, "user_id"),
        ({"percent_complete": -1}, "percent_complete"),
        ({"percent_complete": 101}, "percent_complete"),
        ({"percent_complete": 25.0}, "percent_complete"),
        ({"percent_complete": "25"}, "percent_complete"),
        ({"percent_complete": True}, "percent_complete"),
        ({"unlocked_at": "yesterday"}, "unlocked_at"),
        ({"unlocked_at": 1683022830}, "unlocked_at"),
        ({"unlocked_at": ["x"]}, "unlocked_at"),
        ({"revision": "7"}, "revision"),
        ({"revision": 7.5}, "revision"),
        ({"revision": True}, "revision"),
        ({"revision": False}, "revision"),
        ({"revision": 0.0}, "revision"),
    ],
)
def test_not_a_record(changes: dict[str, Any], named: str) -> None:
    for wrong in (RECORD | changes, OBJECTS | RECORD | changes):
        if wrong.get("name") and named == "achievement_id":
            continue  # the definition has its own id
        with pytest.raises(WireError, match=named):
            decode_record(wrong)


@pytest.mark.parametrize("data", [None, 5, "text", [], [RECORD], True])
def test_not_an_object(data: object) -> None:
    for decode in (decode_achievement, decode_record):
        with pytest.raises(WireError):
            decode(data)


# What must not get from a service into a file name, a URL or a database


@pytest.mark.parametrize(
    "icon_hash",
    ["../../../evil", "a/b", "a\\b", "C:evil", "..", "x\0", "x\r\n", "x?y#z", "%2e%2e", "x" * 10_000],
)
def test_an_icon_hash_is_a_hash_or_null(icon_hash: str) -> None:
    try:
        achievement = decode_achievement(STRINGS | {"icon_hash": icon_hash})
    except WireError:
        return
    assert achievement.icon_hash == ""


@pytest.mark.parametrize("revision", [2**63, -(2**63) - 1])
def test_a_revision_fits_64_bits(revision: int) -> None:
    with pytest.raises(WireError, match="revision"):
        decode_record(RECORD | {"revision": revision})


HALF = "\ud83c"  # of a surrogate pair: JSON can spell it, UTF-8 cannot


@pytest.mark.parametrize(
    "changes",
    [
        {"name": HALF},
        {"description": HALF},
        {"icon_hash": HALF},
        {"name_localizations": {"de": HALF}},
        {"name_localizations": {HALF: "Gewinne"}},
        {"name": {"default": "Win", "localizations": {"de": HALF}}},
    ],
)
def test_every_text_can_be_written_as_utf8(changes: dict[str, Any]) -> None:
    try:
        achievement = decode_achievement(STRINGS | changes)
    except WireError:
        return
    json.dumps(encode_achievement(achievement, Shape.STRINGS), ensure_ascii=False).encode()


# Times


@pytest.mark.parametrize(
    ("at_us", "text"),
    [(0, "1970-01-01T00:00:00.000000+00:00"), (1, "1970-01-01T00:00:00.000001+00:00"), (AT_US, AT)],
)
def test_time(at_us: int, text: str) -> None:
    assert format_time(at_us) == text
    assert parse_time(text) == at_us


@pytest.mark.parametrize(
    "text",
    [
        "2023-05-02T10:20:30.123456Z",
        "2023-05-02T10:20:30.123456",
        "2023-05-02 10:20:30.123456+00:00",
        "2023-05-02T12:20:30.123456+02:00",
    ],
)
def test_time_in_other_spellings(text: str) -> None:
    assert parse_time(text) == AT_US


@pytest.mark.parametrize("text", ["", "now", "2023-13-01T00:00:00+00:00", "1683022830"])
def test_not_a_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS))
@example(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))))
@example(datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))))
def test_every_time_that_can_be_read_can_be_written(at: datetime) -> None:
    try:
        record = decode_record({"achievement_id": "5", "percent_complete": 100, "unlocked_at": at.isoformat()})
    except WireError:
        return
    assert record.progress == Progress(100, to_us(at))
    assert parse_time(format_time(to_us(at))) == to_us(at)


# Updates


@pytest.mark.parametrize(
    ("percent", "seconds", "body"),
    [
        (25, None, {"percent_complete": 25}),
        (100, 0, {"percent_complete": 100, "seconds_since_unlock": 0}),
        (100, 90, {"percent_complete": 100, "seconds_since_unlock": 90}),
    ],
)
def test_update(percent: int, seconds: int | None, body: dict[str, Any]) -> None:
    assert encode_update(percent, seconds) == body
    assert decode_update(body) == (percent, seconds or 0)


@pytest.mark.parametrize(
    "seconds",
    [-1, "90", None, True, [], float("nan"), float("inf"), float("-inf"), 1e300, 10**400, -(10**400)],
)
def test_an_unusable_age_is_never_refused(seconds: object) -> None:
    percent, age_s = decode_update({"percent_complete": 100, "seconds_since_unlock": seconds})
    assert percent == 100
    assert 0 <= age_s < float("inf")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "BASE_TYPE_REQUIRED"),
        ({"percent_complete": None}, "NUMBER_TYPE_COERCE"),
        ({"percent_complete": True}, "NUMBER_TYPE_COERCE"),
        ({"percent_complete": 25.0}, "NUMBER_TYPE_COERCE"),
        ({"percent_complete": "25"}, "NUMBER_TYPE_COERCE"),
        ({"percent_complete": [25]}, "NUMBER_TYPE_COERCE"),
        ({"percent_complete": -1}, "NUMBER_TYPE_MIN"),
        ({"percent_complete": 101}, "NUMBER_TYPE_MAX"),
        ({"percent_complete": 2**64}, "NUMBER_TYPE_MAX"),
    ],
)
def test_update_refused_by_field(body: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode_update(body)
    error = caught.value
    assert (error.status, error.code) == (400, 50035)
    assert error.errors is not None
    assert [entry["code"] for entry in error.errors["percent_complete"]["_errors"]] == [code]


@pytest.mark.parametrize("body", [None, 25, "25", [], [{"percent_complete": 25}]])
def test_update_that_is_no_object(body: object) -> None:
    with pytest.raises(ApiError) as caught:
        decode_update(body)
    assert (caught.value.status, caught.value.code) == (400, 50035)


# Errors


@pytest.mark.parametrize("known", ErrorCode)
def test_error_body(known: ErrorCode) -> None:
    body = encode_error(ApiError.of(known))
    assert body == {"message": known.message, "code": known.code}
    error = decode_error(known.status, body)
    assert (error.status, error.code, error.message) == (known.status, known.code, known.message)
    assert error.errors is None


def test_field_errors_in_a_body() -> None:
    body = encode_error(field_error(("name", "default"), "BASE_TYPE_REQUIRED", "This field is required"))
    assert body == {
        "message": "Invalid Form Body",
        "code": 50035,
        "errors": {
            "name": {
                "default": {
                    "_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}],
                },
            },
        },
    }
    assert decode_error(400, body).errors == body["errors"]


@pytest.mark.parametrize("is_global", [False, True])
def test_body_of_a_429(is_global: bool) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 64.57, "global": is_global}
    error = decode_error(429, body, retry_after_s=64.57)
    assert (error.status, error.code, error.retry_after_s) == (429, 0, 64.57)
    assert error.is_global is is_global
    written = encode_error(error)
    assert {name: written.get(name) for name in body} == body


@pytest.mark.parametrize(
    "data",
    [
        *(None, "<!doctype html>", [], 5, {}, {"error": "no"}),
        {"message": 5, "code": 5},
        {"message": "no"},
        {"message": "no", "code": None},
        {"message": "no", "code": "5"},
        {"message": "no", "code": True},
    ],
)
def test_an_error_of_another_server_has_no_code(data: object) -> None:
    error = decode_error(502, data, retry_after_s=3.0)
    assert (error.status, error.code, error.retry_after_s) == (502, None, 3.0)


def test_a_long_message_is_cut() -> None:
    assert len(str(decode_error(500, {"message": "x" * 10_000, "code": 0}))) < 400


# Laws

ID = st.integers(1, 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100)
LOCALIZATIONS = st.none() | st.dictionaries(st.sampled_from(sorted(LOCALES)), TEXT, min_size=1, max_size=3)
ACHIEVEMENT = st.builds(
    Achievement,
    application_id=ID,
    id=ID,
    name=TEXT,
    description=TEXT,
    secret=st.booleans(),
    secure=st.booleans(),
    icon_hash=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    name_localizations=LOCALIZATIONS,
    description_localizations=LOCALIZATIONS,
)
TIME_US = st.datetimes(timezones=st.just(UTC)).map(to_us)
PROGRESS = st.builds(reach, st.integers(0, 100), TIME_US)
SHAPE = st.sampled_from(Shape)


def through_json(data: object) -> object:
    return json.loads(json.dumps(data))


@given(ACHIEVEMENT, SHAPE)
def test_achievement_survives_the_wire(achievement: Achievement, shape: Shape) -> None:
    assert decode_achievement(through_json(encode_achievement(achievement, shape))) == achievement


@given(ACHIEVEMENT, ID, PROGRESS, st.integers(0, 2**63 - 1), SHAPE)
def test_record_survives_the_wire(
    achievement: Achievement, user_id: int, progress: Progress, revision: int, shape: Shape
) -> None:
    document = through_json(encode_record(achievement, user_id, progress, revision, shape))
    assert decode_record(document) == Record(achievement.id, user_id, progress, revision, achievement)


@given(ID, ID, ID, PROGRESS, st.integers(0, 2**63 - 1))
def test_event_survives_the_wire(
    application_id: int, user_id: int, achievement_id: int, progress: Progress, revision: int
) -> None:
    record = Record(achievement_id, user_id, progress, revision, None)
    assert decode_record(through_json(encode_event(application_id, user_id, record))) == record


@given(st.integers(0, 100), st.none() | st.integers(0, 14 * 24 * 3600))
def test_update_survives_the_wire(percent: int, seconds: int | None) -> None:
    assert decode_update(through_json(encode_update(percent, seconds))) == (percent, seconds or 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
SOME_FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys([*STRINGS, *RECORD], JSON))
OTHER_VALUES = st.tuples(st.sampled_from([OBJECTS | RECORD, STRINGS | RECORD, RECORD]), SOME_FIELDS).map(
    lambda pair: pair[0] | pair[1]
)


@given(JSON | SOME_FIELDS | OTHER_VALUES)
def test_any_answer_is_read_or_raises_wire_error(data: object) -> None:
    for decode in (decode_achievement, decode_record):
        try:
            decode(data)
        except WireError as exc:
            message = str(exc)
        else:
            continue
        assert len(message) < 300


@given(JSON | st.fixed_dictionaries({}, optional={"percent_complete": JSON, "seconds_since_unlock": JSON}))
def test_any_update_is_read_or_refused_with_400(data: object) -> None:
    try:
        percent, age_s = decode_update(data)
    except ApiError as exc:
        status = exc.status
    else:
        assert 0 <= percent <= 100
        assert 0 <= age_s < float("inf")
        return
    assert status == 400


ERROR_FIELDS = ["message", "code", "errors", "retry_after", "global"]


@given(st.integers(300, 599), JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(ERROR_FIELDS, JSON)))
def test_every_error_body_can_be_read(status: int, data: object) -> None:
    assert decode_error(status, data).status == status
