"""The description at /openapi.json is true: whatever is sent, the answer is described, and never a 5xx."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from discord_achievements.domain import routes
from discord_achievements.server.web.openapi import describe
from tests.support.running import (
    APP,
    PLAYER,
    SECRET,
    SECURE,
    WIN,
    Client,
    RunningService,
    Tokens,
    definitions_path,
    mine_path,
    progress_path,
    running,
)

pytestmark = pytest.mark.any_python

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about its own dependencies
    import schemathesis
    from schemathesis import Case
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

DOCUMENT = describe()
OPERATIONS = {route.name: route for route in routes.ROUTES}


@pytest.fixture(scope="module")
def service(database: str, tokens: Tokens) -> Iterator[RunningService]:
    with running(database, forked=True) as service:
        yield service
        assert service.log == []


def test_every_route_and_no_other_is_described() -> None:
    described = {
        (method.upper(), path): operation["operationId"]
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    assert described == {(route.method, route.template): route.name for route in routes.ROUTES}


def test_the_description_is_openapi() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_no_default_of_a_change_is_described() -> None:
    properties = DOCUMENT["components"]["schemas"]["AchievementChange"]["properties"]
    assert [name for name, schema in properties.items() if "default" in schema] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_headers_and_refusals_are_described(name: str) -> None:
    route = OPERATIONS[name]
    responses = DOCUMENT["paths"][route.template][route.method.lower()]["responses"]
    assert {"405", "500"} < set(responses)
    always = {
        status: {header for header, said in response.get("headers", {}).items() if said.get("required")}
        for status, response in responses.items()
    }
    for status, header in (
        ("401", "WWW-Authenticate"),
        ("405", "Allow"),
        ("429", "Retry-After"),
        ("503", "Retry-After"),
    ):
        assert header in always[status]
    counted = {header for header in responses[str(route.status)]["headers"] if header.startswith("X-RateLimit-")}
    assert len(counted) == (0 if route.limit is None else 5)


def test_what_is_served_is_the_description(service: RunningService) -> None:
    with Client(service.host) as public:
        assert public.site("/openapi.json").json() == DOCUMENT


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "user_achievement_events"])
def test_every_answer_is_described(service: RunningService, tokens: Tokens, name: str) -> None:
    route = OPERATIONS[name]
    operation = SCHEMA.find_operation_by_id(name)
    known = {
        "application_id": st.sampled_from([str(APP), str(APP), "1"]),
        "achievement_id": st.sampled_from([str(WIN), str(SECRET), str(SECURE), "999"]),
        "user_id": st.sampled_from(["@me", str(PLAYER), "5"]),
    }
    if name in ("delete_achievement", "get_player_achievements"):
        known |= {"achievement_id": st.just("999"), "user_id": st.just(str(PLAYER))}
    authorization = st.sampled_from([f"Bot {tokens.bot}", f"Bearer {tokens.player}", "Bot nonsense"])

    @settings(
        max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), data=st.data())
    def check(case: Case[Any], data: st.DataObject) -> None:
        for parameter in case.path_parameters or {}:
            if data.draw(st.booleans() if parameter != "application_id" else st.just(True)):
                case.path_parameters[parameter] = data.draw(known[parameter])
        response = case.call(base_url=service.url, headers={"Authorization": data.draw(authorization)})
        case.validate_response(response, checks=CHECKS)
        assert response.status_code != route.status or response.status_code < 300

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["name", "description", "secret", "secure", "icon", "name_localizations", "description_localizations",
     "percent_complete", "seconds_since_unlock"]
)  # fmt: skip
BODIES = st.dictionaries(NAMES, JSON | st.dictionaries(st.sampled_from(["default", "localizations"]), JSON), max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES | JSON, which=st.integers(0, 2))
def test_no_body_is_a_500(service: RunningService, tokens: Tokens, body: Any, which: int) -> None:
    with Client(service.host, f"Bot {tokens.bot}") as bot:
        method, path = [
            ("POST", definitions_path()),
            ("PATCH", definitions_path(SECURE)),
            ("PUT", progress_path(WIN, 5)),
        ][which]
        answer = bot.call(method, path, data=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code < 500
        if answer.status_code == 201:
            bot.call("DELETE", definitions_path(answer.json()["id"]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.text(max_size=40) | st.lists(st.sampled_from(["applications", "users", "@me", "achievements", str(APP),
                                                          str(WIN), "events", "%00", "..", "%ff"])).map("/".join),
    last=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
)  # fmt: skip
def test_no_path_or_header_is_a_500(service: RunningService, tokens: Tokens, path: str, last: str) -> None:
    with Client(service.host, f"Bearer {tokens.player}") as player:
        headers = {"If-None-Match": last.strip().encode("latin-1"), "Last-Event-ID": last.strip().encode("latin-1")}
        for where in (f"/{path}", mine_path(tail=f"?{path}")):
            answer = player.call("GET", where, headers=headers, stream=True)
            assert answer.status_code < 500
            answer.close()
