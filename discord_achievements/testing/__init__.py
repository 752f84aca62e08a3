"""Tools for testing a game with achievements: a service and a clock that the test controls.

With pytest, start with the fixtures of the plugin: `achievements`, a `CheckedManager`, and `achievement_service`, a
`ServiceControl`. The guide "Testing a game" shows them. They need no thread and no waiting.

    def test_a_win_without_a_connection(achievements, achievement_service):
        achievement_service.go_offline()
        Game(achievements).win()
        achievements.assert_unlocked("win_the_game")

They are built from these parts, which also test a manager with its thread, or real HTTP:

    from discord_achievements import AchievementManager
    from discord_achievements.testing import Fault, FakeService, FaultServer, run_until

    def test_a_win_arrives_although_the_service_stumbles(tmp_path):
        service = FakeService(application_id=461618159171141643)
        service.add_achievement(580159119969878046, "Win the Game", "You won!")
        service.add_player("a-token", user_id=1)
        with FaultServer(service) as server:
            server.fail(Fault.UNAVAILABLE, method="PUT")
            with AchievementManager(
                service.application_id, base_url=server.base_url, token="a-token", data_dir=tmp_path
            ) as manager:
                manager.set_user_achievement(580159119969878046, 100)
                run_until(manager, lambda: service.progress(user_id=1))
        assert service.progress(user_id=1)[580159119969878046].percent == 100

Replacements for the network, from the fastest to the most realistic; pass the first two to the manager as `transport=`:

* `ScriptedTransport` answers from a table and records the requests
* `InProcessTransport` calls a `FakeService` directly
* `FaultServer` serves a `FakeService` over real HTTP and can fail with every `Fault`

Give each test's manager its own `data_dir`, as above, so that tests do not share progress. `unknown_ids` finds ids in a
game's code that are not in its catalogue.
"""

from __future__ import annotations

from ..domain.errors import ErrorCode
from .checked import CheckedManager
from .clock import ManualClock
from .code_ids import UnknownId, unknown_ids
from .control import ServiceControl
from .fault_server import FaultServer
from .faults import Fault
from .inline import InlineManager
from .inprocess import InProcessTransport
from .runner import run_until
from .scripted import ScriptedTransport, UnscriptedRequestError, stall
from .service import FakeService
from .streams import ByteStream

__all__ = [
    "ByteStream",
    "CheckedManager",
    "ErrorCode",
    "FakeService",
    "Fault",
    "FaultServer",
    "InProcessTransport",
    "InlineManager",
    "ManualClock",
    "ScriptedTransport",
    "ServiceControl",
    "UnknownId",
    "UnscriptedRequestError",
    "run_until",
    "stall",
    "unknown_ids",
]
