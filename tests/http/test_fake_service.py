"""What is particular to the fake service, called directly and over HTTP: its clock, limits, events, and helpers.

That its answers are those of the real service is tested in `test_fake_and_real`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from discord_achievements.client.net.requests_transport import RequestsTransport
from discord_achievements.client.net.transport import Request, Response, Transport
from discord_achievements.domain import ratelimit, routes, wire
from discord_achievements.testing import FakeService, FaultServer, InProcessTransport, ManualClock

APP = 461618159171141643
OTHER_APP = 461618159171141644
WIN = 580159119969878046
SECRET = 597763781871861018
SECURE = 597763781871861019
USER = 53908232506183680
OTHER_USER = 53908232506183681
DAY_S = 24 * 3600
LIST = f"/api/v10/users/@me/applications/{APP}/achievements"
EVENTS = f"{LIST}/events"


class Client:
    """Sends requests as their paths, with a token kind and value."""

    def __init__(self, transport: Transport, root: str, service: FakeService, clock: ManualClock) -> None:
        self.transport = transport
        self.root = root
        self.service = service
        self.clock = clock

    def request(
        self, method: str, path: str, auth: str | None, headers: Mapping[str, str], body: bytes | None
    ) -> Request:
        every = dict(headers) if auth is None else {"Authorization": auth, **headers}
        if body is not None:
            every.setdefault("Content-Type", "application/json")
        return Request(method, self.root + path, every, body, timeout_s=5.0)

    def __call__(
        self,
        method: str,
        path: str,
        data: object = None,
        *,
        auth: str | None = "Bearer player",
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
    ) -> Response:
        if data is not None:
            body = json.dumps(data).encode()
        return self.transport.send(self.request(method, path, auth, headers, body))

    def events(self, last_event_id: str | None = None) -> Iterator[dict[str, str]]:
        """Yield the stream's events as their fields."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        stream = self.transport.open_stream(self.request("GET", EVENTS, "Bearer player", headers, None))
        assert stream.response.status == 200
        text = b""
        try:
            for chunk in stream:
                text += chunk
                while b"\n\n" in text:
                    event, text = text.split(b"\n\n", 1)
                    lines = event.decode().split("\n")
                    yield dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        finally:
            stream.close()


Make = Callable[..., Client]


@pytest.fixture(params=["in process", "http"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Return a function that makes a service and a client to it."""
    ends: list[Callable[[], None]] = []

    def make(*, limits: bool = False) -> Client:
        clock = ManualClock()
        service = FakeService(APP, clock=clock, limits=limits, bot_token="ours")
        service.add_achievement(SECURE, "Safe", "Granted.", secure=True)
        service.add_achievement(
            WIN, "Win the Game", "You won!", name_localizations={"de": "Gewinne"}, icon=b"\x89PNG win"
        )
        service.add_achievement(SECRET, "Find the Secret", "You found it!", secret=True)
        service.add_player("player", USER)
        service.add_player("stranger", USER, application_id=OTHER_APP)
        service.add_bot("theirs", OTHER_APP)
        if request.param == "in process":
            transport: Transport = InProcessTransport(service)
            root = "http://fake.invalid"
        else:
            server = FaultServer(service)
            ends.append(server.close)
            transport = RequestsTransport()
            root = routes.asset_root(server.base_url)
        ends.append(transport.close)
        return Client(transport, root, service, clock)

    yield make
    for end in reversed(ends):
        end()


@pytest.fixture
def client(make: Make) -> Client:
    return make()


def update_path(achievement: int | str = WIN, user: int | str = "@me", *, app: int = APP, version: str = "/v10") -> str:
    return f"/api{version}/users/{user}/applications/{app}/achievements/{achievement}"


def error_of(response: Response) -> tuple[int, int]:
    data = json.loads(response.body)
    assert isinstance(data["message"], str)
    assert response.headers["content-type"] == "application/json"
    return response.status, data["code"]


def listed(response: Response) -> list[Any]:
    assert response.status == 200
    data = json.loads(response.body)
    assert isinstance(data, list)
    return data


def test_a_list_of_a_thousand(client: Client) -> None:
    ids = client.service.fill(997)
    assert len(ids) == 997
    assert len(listed(client("GET", LIST))) == 999  # all but the secret one
    with pytest.raises(ValueError, match="1000"):
        client.service.fill(1)


@pytest.mark.parametrize(
    ("age_s", "counted_s"),
    [(0, 0), (90, 90), (-5, 0), (15 * DAY_S, 14 * DAY_S), ("soon", 0), (True, 0), (None, 0), (1.5, 1.5)],
)
def test_an_unlock_keeps_its_own_time_within_14_days(client: Client, age_s: object, counted_s: float) -> None:
    body = {"percent_complete": 100, "seconds_since_unlock": age_s}
    record = json.loads(client("PUT", update_path(), body).body)
    assert wire.parse_time(record["unlocked_at"]) == client.clock.at_us() - counted_s * 1_000_000
    assert record["unlocked_at"].endswith("+00:00")


def test_the_first_unlock_time_stays(client: Client) -> None:
    first = json.loads(client("PUT", update_path(), {"percent_complete": 100}).body)["unlocked_at"]
    client.clock.advance(60)
    assert json.loads(client("PUT", update_path(), {"percent_complete": 100}).body)["unlocked_at"] == first


def test_an_icon_is_public(client: Client) -> None:
    icon_hash = listed(client("GET", LIST))[0]["icon_hash"]
    response = client("GET", routes.icon_path(APP, WIN, icon_hash), auth=None)
    assert (response.status, response.headers["content-type"], response.body) == (200, "image/png", b"\x89PNG win")
    assert client("GET", routes.icon_path(APP, WIN, "0" * 32), auth=None).status == 404


def test_an_achievement_without_an_icon_of_its_own_has_a_png(client: Client) -> None:
    icon_hash = listed(client("GET", LIST))[1]["icon_hash"]
    assert client("GET", routes.icon_path(APP, SECURE, icon_hash), auth=None).body.startswith(b"\x89PNG\r\n\x1a\n")


def test_a_revoked_token_is_refused(client: Client) -> None:
    client.service.revoke("player")
    assert error_of(client("GET", LIST)) == (401, 0)


def test_without_limits_nothing_is_counted(client: Client) -> None:
    for percent in range(1, 20):
        assert client("PUT", update_path(), {"percent_complete": percent}).status == 200
    assert ratelimit.read_headers(client("GET", LIST).headers) is None


def test_updates_are_limited_and_the_headers_show_it(make: Make) -> None:
    client = make(limits=True)
    states = []
    for percent in range(1, 6):
        response = client("PUT", update_path(), {"percent_complete": percent})
        assert response.status == 200
        states.append(ratelimit.read_headers(response.headers))
        client.clock.advance(0.5)
    assert [state and (state.limit, state.remaining, state.reset_after_s) for state in states] == [
        (5, 4, 5.0),
        (5, 3, 4.5),
        (5, 2, 4.0),
        (5, 1, 3.5),
        (5, 0, 3.0),
    ]
    refused = client("PUT", update_path(), {"percent_complete": 6})
    assert refused.status == 429
    assert refused.headers["retry-after"] == str(math.ceil(2.5))
    assert refused.headers["x-ratelimit-scope"] == "user"
    assert json.loads(refused.body) == {"message": "You are being rate limited.", "retry_after": 2.5, "global": False}
    assert client.service.progress(USER)[WIN].percent == 5
    client.clock.advance(2.5)
    assert client("PUT", update_path(), {"percent_complete": 6}).status == 200


def test_each_route_and_caller_has_a_limit_of_its_own(make: Make) -> None:
    client = make(limits=True)
    client.service.add_player("other", OTHER_USER)
    for _ in range(2):
        assert client("GET", LIST).status == 200
    assert client("GET", LIST).status == 429
    assert client("GET", LIST, auth="Bearer other").status == 200
    assert client("PUT", update_path(), {"percent_complete": 1}).status == 200
    first, second = client("GET", LIST, auth="Bearer other"), client("PUT", update_path(), {"percent_complete": 1})
    assert first.headers["x-ratelimit-bucket"] != second.headers["x-ratelimit-bucket"]


def test_not_modified_costs_nothing(make: Make) -> None:
    client = make(limits=True)
    etag = client("GET", LIST).headers["etag"]
    for _ in range(10):
        assert client("GET", LIST, headers={"If-None-Match": etag}).status == 304
    state = ratelimit.read_headers(client("GET", LIST).headers)
    assert state is not None
    assert state.remaining == 0


def test_a_refusal_by_the_service_counts_and_has_the_limits_headers(make: Make) -> None:
    client = make(limits=True)
    response = client("PUT", update_path(SECURE), {"percent_complete": 1})
    assert error_of(response) == (403, 20012)
    assert response.headers["x-ratelimit-remaining"] == "4"


def test_a_player_has_five_streams(make: Make) -> None:
    client = make(limits=True)
    streams = [client.transport.open_stream(client.request("GET", EVENTS, "Bearer player", {}, None)) for _ in range(6)]
    assert [stream.response.status for stream in streams] == [200] * 5 + [429]
    for stream in streams:
        stream.close()


def changes(events: Iterator[dict[str, str]], count: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    while len(found) < count:
        event = next(events)
        if "data" in event:
            data = json.loads(event["data"])
            found.append((data["achievement_id"], data["percent_complete"]))
    return found


def test_a_client_that_resumes_gets_what_it_missed(client: Client) -> None:
    events = client.events()
    next(events)
    client.service.grant(USER, WIN, 10)
    last_id = next(events)["id"]
    client.service.grant(USER, WIN, 20)
    client.service.grant(OTHER_USER, WIN, 99)
    client.service.grant(USER, WIN, 30)
    assert changes(client.events(last_id), 2) == [(str(WIN), 20), (str(WIN), 30)]


def test_a_client_that_has_missed_nothing_gets_no_old_event(client: Client) -> None:
    events = client.events()
    next(events)
    client.service.grant(USER, WIN, 10)
    again = client.events(next(events)["id"])
    next(again)
    client.service.grant(USER, WIN, 11)
    assert changes(again, 1) == [(str(WIN), 11)]


@pytest.mark.parametrize("last_id", ["1", "999999", "-1", "abc", "9" * 40])
def test_a_client_that_was_offline_too_long_must_refetch(client: Client, last_id: str) -> None:
    for percent in range(1, 101):
        for user in range(1, 21):
            client.service.grant(user, WIN, percent)
    events = client.events(last_id)
    next(events)
    resync = next(events)
    assert resync["event"] == "RESYNC"
    client.service.grant(USER, WIN, 1)
    assert int(next(events)["id"]) == int(resync["id"]) + 1


def test_wrong_arguments_are_reported() -> None:
    service = FakeService(APP)
    with pytest.raises(ValueError, match="add_achievement"):
        service.grant(USER, WIN)
    service.add_achievement(WIN)
    with pytest.raises(ValueError, match="101"):
        service.grant(USER, WIN, 101)
    with pytest.raises(ValueError, match="user_id"):
        service.add_player("token", 0)
    with pytest.raises(ValueError, match="achievement_id"):
        service.add_achievement(-1)
