"""Devices, network and service together: carries a program out and checks what must be true."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.models import Achievement
from discord_achievements.server.auth import Minted, mint
from discord_achievements.server.settings import Settings
from discord_achievements.server.stores.base import Application

from .checks import Checks, Wrong
from .databases import InMemory, OnSqlite
from .device import APP, Device, Machine
from .host import Handling, Host
from .network import Channel, Network
from .steps import ALICE, BOB, CHANGING, OWNERS, PLAIN, RESET, SECRET, SECURE, TWINS, Step
from .time_and_chance import DeviceClock, Time, taken_over

_CALM_ROUNDS = 12
_CALM_S = 150.0  # longer than any wait of the table of retries
_RESYNC_S = 700.0  # an event stream has its client fetch the list every ten minutes
_ROUNDS_MAX = 200  # at one moment; more means an endless loop
_STEP_S = 0.001
_FLOOD_EVERY_S = 0.05
_FETCHES, _FRAME_S = 60, 0.05
_API = "https://service.invalid/api/v10"
_MEMORY = Path("/dev/shm")


class World:
    """All parts of one run. Each step of a program is one of its methods."""

    def __init__(self, root: Path, time_: Time, *, on_sqlite: bool, has_limits: bool) -> None:
        self.time = time_
        self.checks = Checks((*PLAIN, RESET), (SECRET,), (SECURE,), (CHANGING,))
        self._database = OnSqlite(root, self.checks) if on_sqlite else InMemory(self.checks)
        self._backup: Callable[[], None] | None = None
        settings = Settings(database="sqlite:///unused", rate_limits="" if has_limits else "off")
        self.host = Host(time_, settings, self._database.open)
        self.host.start()
        store = self.host.store
        self.network = Network(time_, self.host)
        bot = mint(TokenKind.BOT, APP, None, time_.at_us())
        self._bot = bot.text
        store.add_application(Application(APP, "Game", time_.at_us()), bot.token)
        for id_ in (*PLAIN, RESET, SECRET, SECURE, CHANGING):
            store.add_achievement(
                Achievement(APP, id_, f"Name {id_}", "What to do", secret=id_ == SECRET, secure=id_ == SECURE), None
            )
        self._tokens: dict[int, Minted] = {}
        for user in (ALICE, BOB):
            self._mint(user)
        self.devices: list[Device] = []
        for number, user in enumerate(OWNERS):
            if number in TWINS:
                machine = self.devices[TWINS[number]].machine
            else:
                machine = Machine(f"machine-{number}", root, DeviceClock(time_))
            token_of = self._token_of
            self.devices.append(Device(number, user, machine, self.network, self.checks, token_of))

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Carry out a program, and let the world calm down after it. Raises `Wrong`."""
        for step in steps:
            self.checks.happened |= {step.name, *(one for one in step.arguments if isinstance(one, str))}
            getattr(self, step.name)(*step.arguments)
            self.checks.no_errors()
        self.calm_down()

    # The steps

    def start(self, device: int) -> None:
        """The player starts the game."""
        self.devices[device].start()

    def start_interrupted(self, device: int, after: int) -> None:
        """The player starts the game and interrupts the start."""
        self.devices[device].start_interrupted(after)

    def set(self, device: int, achievement_id: int, percent: int) -> None:
        """The player reaches something."""
        self.devices[device].set(achievement_id, percent)

    def fetch(self, device: int) -> None:
        """The game fetches the list."""
        self.devices[device].fetch()

    def fetch_often(self, device: int) -> None:
        """The game fetches the list again and again."""
        for number in range(_FETCHES):
            self.network.later(number * _FRAME_S, self.devices[device].fetch)

    def close(self, device: int) -> None:
        """The player ends the game."""
        self.devices[device].close()

    def kill(self, device: int, after: int) -> None:
        """The game is killed."""
        self.devices[device].kill(after)

    def fault(self, device: int, name: str, method: str) -> None:
        """The next exchange of that kind fails."""
        self.devices[device].faults.append((name, method))

    def hold_stream(self, device: int) -> None:
        """The event stream falls silent, but stays open."""
        for channel in self._channels(device):
            channel.is_held = True

    def delay_stream(self, device: int, seconds: float) -> None:
        """What comes through the event stream arrives later from now on."""
        for channel in self._channels(device):
            channel.delay_s = seconds

    def break_stream(self, device: int) -> None:
        """The event stream breaks."""
        for channel in self._channels(device):
            channel.break_off("the connection broke")

    def renew_token(self, user: int) -> None:
        """The player's token is revoked, and the sign-in has a new one.

        The service must have identified the old one to each device whose token object has no user id: otherwise the
        progress that was made with it belongs to nobody.
        """
        for device in self.devices:
            if (
                device.user == user
                and not device.sign_in.knows_the_user
                and device.recognised_by != self._tokens[user].text
            ):
                return
        if self.host.is_up:
            self.host.store.remove_token(self._tokens[user].token.key)
            self._mint(user)

    def sign_in(self, device: int, user: int, knows_the_user: bool) -> None:
        """Another player signs in on a device; if its game is not running, with its next start."""
        self.devices[device].change_player(user, knows_the_user=knows_the_user)

    def break_sign_in(self, device: int) -> None:
        """The device's sign-in fails."""
        self.devices[device].sign_in.is_broken = True

    def block_sign_in(self, device: int) -> None:
        """The device's sign-in does not answer."""
        self.devices[device].sign_in.is_blocked = True

    def mend_sign_in(self, device: int) -> None:
        """The device's sign-in works again."""
        self.devices[device].mend_sign_in()

    def reset(self, user: int, achievement_id: int) -> None:
        """The game's server resets a player's progress."""
        self.checks.was_reset(user, achievement_id)
        self._ask_as_bot("DELETE", f"/users/{user}/applications/{APP}/achievements/{achievement_id}")

    def grant(self, user: int, achievement_id: int, percent: int) -> None:
        """The game's server raises a player's progress."""
        self.checks.granted(user, achievement_id, percent, self.time.at_us())
        path = f"/users/{user}/applications/{APP}/achievements/{achievement_id}"
        self._ask_as_bot("PUT", path, {"percent_complete": percent})

    def network_down(self) -> None:
        """The network fails."""
        self.network.is_down = True

    def network_up(self) -> None:
        """The network works again."""
        self.network.is_down = False

    def set_clock(self, device: int, off_s: float) -> None:
        """The device's wall clock is set."""
        self.checks.users_with_wrong_clocks |= self.devices[device].users
        self.devices[device].clock.off_s = off_s

    def kill_service(self, after: int) -> None:
        """The service is killed at the `after`-th callback of its loop from now on; 0 kills it at once."""
        if after:
            self.host.kill_after = after
        else:
            self.host.kill()

    def start_service(self) -> None:
        """The service starts."""
        self.host.start()

    def back_up(self) -> None:
        """The database is backed up."""
        self._backup = self._database.back_up()

    def restore(self) -> None:
        """The last backup is restored, as the guide for operators says. Tokens stay valid."""
        if self._backup is None:
            return
        self.host.kill()
        self._backup()
        self.host.start()
        self.host.store.renew_history()
        self.checks.restored((ALICE, BOB))
        for minted in self._tokens.values():
            if self.host.store.token(minted.token.key) is None:
                self.host.store.add_token(minted.token)

    def save_files(self, device: int) -> None:
        """Another program copies the game's database."""
        self.devices[device].save_files()

    def replace_files(self, device: int, how: str) -> None:
        """Another program replaces or deletes the game's database, whether the game is running or not."""
        self.devices[device].replace_files(how)

    def hide_files(self, device: int) -> None:
        """The game's database cannot be opened for a while."""
        self.devices[device].hide_files()

    def show_files(self, device: int) -> None:
        """The game's database is back as it was."""
        self.devices[device].show_files()

    def fill_disk(self, device: int) -> None:
        """The device's disk is full: no file can grow."""
        self.devices[device].machine.is_disk_full = True

    def free_disk(self, device: int) -> None:
        """The device's disk has room again."""
        self.devices[device].machine.is_disk_full = False

    def flood(self, device: int, event: str, count: int) -> None:
        """Many events come through the device's stream: a third of them at once, the rest at twenty a second."""
        data = f"event: {event}\ndata: {{}}\n\n".encode()
        for channel in self._channels(device):
            channel.push(data * (count // 3))
            for number in range(count - count // 3):
                self.network.later(number * _FLOOD_EVERY_S, partial(channel.push, data))

    def redefine(self, change: dict[str, object]) -> None:
        """The game's server changes a definition; an empty change deletes it."""
        path = f"/applications/{APP}/achievements/{CHANGING}"
        self._ask_as_bot("PATCH" if change else "DELETE", path, change or None)

    def wait(self, seconds: float) -> None:
        """Time passes, and whatever is due happens."""
        end = self.time.now() + seconds
        while True:
            self._settle()
            due = min(self.host.due_at, self.network.due_at, *(device.due_at for device in self.devices))
            if due > end:
                self.time.now_s = max(end, self.time.now())
                return
            self.time.now_s = max(due, self.time.now() + _STEP_S)

    # How it goes on

    def _settle(self) -> None:
        """Do everything that is due at this moment."""
        for _ in range(_ROUNDS_MAX):
            for device in self.devices:
                device.work()
            busy = self.network.run() + self.host.run()
            if not busy:
                return
        raise Wrong("work comes to an end", f"at {self.time.now()} s something is always due")

    def calm_down(self) -> None:
        """Everything works again, all games run, and time passes: then all devices and the service must agree."""
        self.network_up()
        self.host.kill_after = None
        self.host.start()
        for device in self.devices:
            device.kill_after = None
            device.faults.clear()
            device.machine.is_disk_full = False
            device.show_files()
            device.clock.off_s = 0.0
            self.mend_sign_in(device.number)
            device.start()
        self._deliver()
        for device, owner in zip(self.devices, OWNERS, strict=True):
            for user in [*sorted(device.users - {device.user}), owner]:  # what a player left is sent once they are back
                if user != device.user:
                    device.fetch()
                    self.wait(_CALM_S)
                    device.change_player(user, knows_the_user=False)
                    device.fetch()
                    self._deliver()
        self.wait(_CALM_S)
        for device in self.devices:
            if device.line is not None and device.line.has_stream:
                self._agrees(device, is_early=True)  # although no game has fetched
        self.wait(_RESYNC_S)
        for device in self.devices:
            self._agrees(device)
        for device in self.devices:
            device.fetch()
        self.wait(_CALM_S)
        for device in self.devices:
            self._agrees(device)
        for device in self.devices:
            device.close()
        troubles = self.host.all_troubles()
        if troubles:
            raise Wrong("no exception in the service", troubles[0])

    def _deliver(self) -> None:
        for _ in range(_CALM_ROUNDS):
            self.wait(_CALM_S)
            if not any(device.game is not None and device.game.pending_count for device in self.devices):
                break

    def _agrees(self, device: Device, *, is_early: bool = False) -> None:
        records = self.host.store.records(APP, device.user)
        progress = {id_: held.progress for id_, held in records.items()}
        definitions = self.host.store.achievements(APP)
        self.checks.calm(device, progress, definitions, is_early=is_early)

    def _channels(self, device: int) -> list[Channel]:
        line = self.devices[device].line
        return [] if line is None else line.channels

    def _token_of(self, user: int) -> str:
        return self._tokens[user].text

    def _mint(self, user: int) -> None:
        minted = mint(TokenKind.BEARER, APP, user, self.time.at_us())
        self.host.store.add_token(minted.token)
        self._tokens[user] = minted

    def _ask_as_bot(self, method: str, path: str, value: object = None) -> None:
        if not self.host.is_up:
            return
        body = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Bot {self._bot}", "Content-Type": "application/json"}
        answers: list[Response] = []
        self.host.handle(Handling(Request(method, _API + path, headers, body), answers.append))
        self.host.run()


@contextmanager
def _quiet(checks: Checks) -> Iterator[None]:
    """Collect what is logged, and do not warn about files that a killed process left open."""
    log = logging.getLogger("discord_achievements")
    propagates, level = log.propagate, log.level
    log.addHandler(checks.errors)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            yield
    finally:
        log.removeHandler(checks.errors)
        log.propagate = propagates
        log.setLevel(level)


def run(seed: int, steps: Sequence[Step]) -> Wrong | None:
    """Carry out a program with the random numbers of a seed; return the rule that was broken, or None."""
    root = Path(tempfile.mkdtemp(prefix="simulation-", dir=_MEMORY if _MEMORY.is_dir() else None))
    time_ = Time()
    try:
        with taken_over(time_, seed):
            world = World(root, time_, on_sqlite=seed % 4 == 0, has_limits=seed % 3 != 0)
            try:
                with _quiet(world.checks):
                    world.carry_out(steps)
            except Wrong as wrong:
                return wrong
            finally:
                for device in world.devices:
                    device.kill(0)
                world.host.kill()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return None
