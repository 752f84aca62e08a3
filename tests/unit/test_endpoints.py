"""The table of endpoints adds to each route what the shared route table leaves to the server."""

from __future__ import annotations

import pytest

from discord_achievements.domain import routes
from discord_achievements.server.web.endpoints import ENDPOINTS, Endpoint


def test_every_route_has_one_row() -> None:
    assert [endpoint.route for endpoint in ENDPOINTS.values()] == list(routes.ROUTES)
    assert all(name == endpoint.route.name for name, endpoint in ENDPOINTS.items())


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_rows_are_complete(endpoint: Endpoint) -> None:
    route = endpoint.route
    assert (endpoint.request is not None) == (route.method in ("POST", "PATCH", "PUT"))
    assert bool(endpoint.answers) == (route.status != 204)
    assert endpoint.summary[0].isupper()
    assert not endpoint.summary.endswith(".")
