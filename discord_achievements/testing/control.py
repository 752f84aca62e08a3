"""The service in a game's test: everything that can happen at the other end, on request."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..client.disk.catalogue_file import icon_paths
from ..client.net.transport import Request, Response
from ..domain import routes
from ..domain.catalogue import Catalogue
from ..domain.errors import CatalogueError, ErrorCode, TransportError
from ..domain.progress import COMPLETE
from .assertions import ProgressAssertions
from .checked import CheckedManager
from .clock import ManualClock
from .faults import STREAM_FAULTS, Fault, FaultPlan, fault_response
from .inline import NotYet
from .inprocess import InProcessTransport
from .names import Names
from .service import FakeService, route_name

_BASE_URL = "https://service.invalid/api/v10"
_TOKEN = "the-players-token"
_USER_ID = 53908232506183680
_RETRY_AFTER_S = 1
_UPDATE = routes.UPDATE_USER_ACHIEVEMENT.name
_EXCHANGES = (_UPDATE, routes.GET_USER_ACHIEVEMENTS.name)


class ServiceControl(ProgressAssertions):
    """A service in memory with the catalogue's achievements and one player, who has no progress yet.

    Its assertions check the service's state. `fake` is the `FakeService` behind it, `clock` the `ManualClock` of the
    service and its managers. **Thread**: the test's.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        """Raise `CatalogueError` if an icon of the catalogue cannot be read."""
        super().__init__(Names(catalogue), "on the service")
        self.user_id = _USER_ID
        self.clock = ManualClock()
        self.fake = FakeService(catalogue.application_id, clock=self.clock)
        self.fake.add_player(_TOKEN, _USER_ID)
        _define(self.fake, catalogue)
        self.managers: list[CheckedManager] = []
        self._is_offline = False
        self._troubles = _Troubles(FaultPlan())
        self._lines: list[_Line] = []

    def start_manager(self, data_dir: str | os.PathLike[str], **options: Any) -> CheckedManager:
        """Start the player's game on the device with the data folder `data_dir`; `close()` ends it.

        After a manager has been closed, another one with its folder is the game's next start; one with another folder
        is the player's other device. `options` are further arguments of `AchievementManager`.
        """
        line = _Line(self.fake, self.clock, self._troubles)
        if self._is_offline:
            line.go_down()
        arguments = {"base_url": _BASE_URL, "token": _TOKEN, "locale": "en-US"} | options
        manager = CheckedManager(
            self.fake.application_id,
            names=self._names,
            transport=line,
            clock=self.clock,
            data_dir=data_dir,
            **arguments,
        )
        self._lines.append(line)
        self.managers.append(manager)
        return manager

    def close(self) -> None:
        """Close all managers."""
        for manager in self.managers:
            manager.close()

    def go_offline(self) -> None:
        """Become unreachable: requests fail, the event stream breaks."""
        self._is_offline = True
        for line in self._lines:
            line.go_down()

    def come_back(self) -> None:
        """Become reachable again. The game notices at its next retry; let time pass with `advance`."""
        self._is_offline = False
        for line in self._lines:
            line.come_back()

    def refuse(self, fault: Fault | ErrorCode, *, times: int | None = 1, route: str | None = _UPDATE) -> None:
        """Make the next `times` requests fail with `fault`, or all of them until `heal()` if `times` is None.

        `route` says which: "update_user_achievement" for updates, "get_user_achievements" for the list, None for both.
        `Fault.REFUSE` is `go_offline()`. Raises `ValueError` for another route and for faults of the event stream.
        """
        if fault is Fault.REFUSE:
            self.go_offline()
            return
        if route not in (None, *_EXCHANGES):
            raise ValueError(f"route must be {', '.join(map(repr, _EXCHANGES))} or None, got {route!r:.40}")
        if fault in STREAM_FAULTS:
            raise ValueError(f"{fault} concerns the event stream, which only FaultServer can break")
        self._troubles.plan.add(fault, times=times, method=None, route=route)

    def delay(self, seconds: float) -> None:
        """Delay each answer by `seconds` of the manual clock from now on; 0 ends the delay.

        A delay of the manager's `timeout_s` (10 s) or more is a time-out.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"seconds must be 0 or more, got {seconds}")
        self._troubles.delay_s = seconds

    def heal(self) -> None:
        """Become reachable, without delays or refusals; pending answers arrive at once."""
        self._troubles.plan.clear()
        self._troubles.delay_s = 0.0
        for line in self._lines:
            line.forget()
        self.come_back()

    def grant(self, achievement: str | int, percent: int = COMPLETE) -> None:
        """Raise the player's progress, as the game's server does, including on `secure` achievements."""
        __tracebackhide__ = True
        self.fake.grant(self.user_id, self._names.id_of(achievement), percent)

    def reset(self, achievement: str | int) -> None:
        """Reset the player's progress on an achievement to 0."""
        __tracebackhide__ = True
        self.fake.reset(self.user_id, self._names.id_of(achievement))

    def percents(self) -> Mapping[int, int]:
        """Return the player's progress above 0 on the service, by achievement id."""
        held = self.fake.progress(self.user_id)
        return {achievement_id: progress.percent for achievement_id, progress in held.items() if progress.percent}

    def _hints(self, achievement_id: int) -> Iterator[str]:
        if self._is_offline:
            yield "it is offline"
        pending = sum(manager.pending_count for manager in self.managers)
        if pending:
            yield f"updates that have not arrived: {pending}; the game retries when time passes (advance)"


@dataclass
class _Troubles:
    """The faults and delays of all lines."""

    plan: FaultPlan
    delay_s: float = 0.0


class _Held(NamedTuple):
    """A request that is under way until `until`, and its outcome."""

    until: float
    failure: Fault | ErrorCode | None
    timed_out: bool


class _Line(InProcessTransport):
    """One manager's connection to the service, with faults and delays."""

    def __init__(self, fake: FakeService, clock: ManualClock, troubles: _Troubles) -> None:
        super().__init__(fake, intercept=self._pass)
        self._clock = clock
        self._troubles = troubles
        self._held: _Held | None = None

    def forget(self) -> None:
        """Drop the pending answer; the request is sent again when its sender asks again."""
        self._held = None

    def go_down(self) -> None:
        """Become unreachable; a pending answer is lost."""
        self.forget()
        super().go_down()

    def _pass(self, request: Request) -> Response | None:
        route = route_name(request.method, unquote(urlsplit(request.url).path))
        if route not in _EXCHANGES:
            return None
        now = self._clock.now()
        if self._held is None:
            failure = self._troubles.plan.take(request.method, route)
            wait_s = math.inf if failure is Fault.STALL else self._troubles.delay_s
            self._held = _Held(now + min(wait_s, request.timeout_s), failure, wait_s >= request.timeout_s)
        until, failure, timed_out = self._held
        if now < until:
            raise NotYet(until)
        self._held = None
        if timed_out:
            raise TransportError(f"no answer came within {request.timeout_s:g} s", timed_out=True)
        if failure is None or failure is Fault.DRIP:  # a slow answer is still an answer
            return None
        response = fault_response(failure, _RETRY_AFTER_S)
        if response is None:
            if failure is Fault.CUT_BODY:
                self.service.handle(request)
            raise TransportError(f"as the test requested: {failure.value}")
        return response


def _define(fake: FakeService, catalogue: Catalogue) -> None:
    icons, problems = {}, []
    for achievement_id, path in icon_paths(catalogue).items():
        try:
            with open(path, "rb") as file:
                icons[achievement_id] = {"icon": file.read()}
        except OSError as exc:
            problems.append(f"the icon {path} cannot be read: {exc.strerror}")
    if problems:
        raise CatalogueError(catalogue.source, problems)
    for entry in catalogue.entries:
        one = entry.achievement
        fake.add_achievement(
            one.id,
            one.name,
            one.description,
            secret=one.secret,
            secure=one.secure,
            name_localizations=one.name_localizations,
            description_localizations=one.description_localizations,
            **icons.get(one.id, {}),
        )
