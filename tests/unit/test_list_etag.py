"""The `ETag` of a player's list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.models import Achievement
from discord_achievements.domain.progress import Progress
from discord_achievements.domain.wire import Shape
from discord_achievements.server.definitions import Definitions
from discord_achievements.server.stores.base import Held

DEFINITIONS = Definitions(1, [Achievement(1, id_, "N", "D", secret=id_ == 3) for id_ in (1, 2, 3)])
progress = st.sampled_from([Progress(0, None), Progress(10, None), Progress(100, 5), Progress(100, 6)])
held = st.builds(Held, progress, st.integers(1, 2), st.integers(0, 3))
records = st.dictionaries(st.integers(1, 4), held, max_size=4)


@pytest.mark.parametrize("started", [False, True])
@given(one=records, other=records)
def test_two_lists_have_the_same_tag_if_and_only_if_they_are_the_same(
    started: bool, one: dict[int, Held], other: dict[int, Held]
) -> None:
    """Also two lists of the same revisions, as before and after a restore."""
    lists = [DEFINITIONS.player_list(7, held, Shape.STRINGS, started=started) for held in (one, other)]
    tags = [DEFINITIONS.etag(7, held, Shape.STRINGS, started=started) for held in (one, other)]
    assert (tags[0] == tags[1]) is (lists[0] == lists[1])
