"""The rules of Firefly Night: a firefly leads sparks home to a lantern before the sun rises.

Nothing here draws, waits or knows about achievements. The same seed and steering give the same night.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import sin, tau
from random import Random

from pygame import Vector2

WIDTH, HEIGHT = 960, 600
SHORE = 492  # the firefly stays above this line; below it is the lake
STEPS_PER_SECOND = 60
NIGHT_STEPS = 60 * STEPS_PER_SECOND
LANTERN, LANTERN_RADIUS, LANTERN_SIZE = Vector2(480, 424), 46, 40
MOON, MOON_RADIUS = Vector2(764, 122), 44
SPARKS_IN_THE_AIR = 13
TRAIN_GAP = 15


@dataclass
class Spark:
    pos: Vector2
    phase: float  # so that they do not all bob together
    vel: Vector2 = field(default_factory=Vector2)


@dataclass
class Bat:
    pos: Vector2
    heading: int  # 1 flies to the right, -1 to the left
    phase: float
    near: bool = False  # the firefly is within a wing's breadth
    fed: bool = False  # it has caught something and flies away


class Game:
    """One night: call `step` sixty times per second, read the attributes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.steps = 0
        self.pos = LANTERN + Vector2(0, -70)
        self.vel = Vector2()
        self.dazed = 0  # steps until the firefly can fly straight again
        self.sparks = [self._new_spark() for _ in range(SPARKS_IN_THE_AIR)]
        self.train: list[Spark] = []
        self.bats: list[Bat] = []
        self.events: list[tuple[str, Vector2]] = []  # what happened in this step, and where

        # What the achievements count.
        self.home = 0
        self.unhurt_home = 0  # before the first spark was lost
        self.lost = 0
        self.early_home = 0  # in the first ten seconds
        self.longest_train = 0
        self.close_calls = 0
        self.moon_reached = False

    @property
    def seconds(self) -> float:
        return self.steps / STEPS_PER_SECOND

    @property
    def progress(self) -> float:
        """The part of the night that is over, 0 to 1."""
        return self.steps / NIGHT_STEPS

    @property
    def over(self) -> bool:
        return self.steps >= NIGHT_STEPS

    def step(self, steer: Vector2) -> None:
        """Advance by 1/60 s. `steer` is the direction in which the player steers, of length 0 to 1."""
        self.events.clear()
        if self.over:
            return
        self.steps += 1
        self._move_firefly(steer)
        self._move_sparks()
        self._move_bats()
        self._gather()
        if self.steps == NIGHT_STEPS:
            self.events.append(("dawn", self.pos))

    def _move_firefly(self, steer: Vector2) -> None:
        if self.dazed:
            self.dazed -= 1
            steer = steer * 0.3
        self.vel = (self.vel + steer * 0.42) * 0.915
        self.pos += self.vel
        self.pos.x = min(max(self.pos.x, 20), WIDTH - 20)
        self.pos.y = min(max(self.pos.y, 70), SHORE - 12)

    def _move_sparks(self) -> None:
        for spark in self.sparks:
            spark.vel *= 0.97
            drift = Vector2(sin(self.seconds * 0.9 + spark.phase), sin(self.seconds * 1.7 + spark.phase * 3))
            spark.pos += spark.vel + drift * 0.35
            spark.pos.x = min(max(spark.pos.x, 30), WIDTH - 30)
            spark.pos.y = min(max(spark.pos.y, 90), SHORE - 24)
        leader = self.pos
        for spark in self.train:  # like beads on a string: each keeps its distance to the one ahead
            gap = leader - spark.pos
            if gap.length() > TRAIN_GAP:
                spark.pos += (gap - gap.normalize() * TRAIN_GAP) * 0.4
            leader = spark.pos

    def _move_bats(self) -> None:
        wanted = min(4, int(self.seconds + 8) // 12)
        if len(self.bats) < wanted and self.steps % 45 == 0:
            heading = self.rng.choice((1, -1))
            pos = Vector2(-40 if heading == 1 else WIDTH + 40, self.rng.uniform(110, SHORE - 90))
            self.bats.append(Bat(pos, heading, self.rng.uniform(0, tau)))
        for bat in self.bats:
            bat.pos.x += bat.heading * (3.4 if bat.fed else 2.3)
            bat.pos.y += sin(self.seconds * 2.2 + bat.phase) * 1.3
            to_firefly = self.pos - bat.pos
            if not bat.fed and to_firefly.length() < 260:
                bat.pos.y += max(-1.0, min(1.0, to_firefly.y / 60))
            if not bat.fed and not self.dazed:
                self._hunt(bat, to_firefly.length())
        self.bats = [bat for bat in self.bats if -60 < bat.pos.x < WIDTH + 60]

    def _hunt(self, bat: Bat, distance: float) -> None:
        if distance < 24:
            bat.fed = True
            self.dazed = 50
            self.vel = Vector2(bat.heading * 5, -2)
            self._scatter(0)
            self.events.append(("hit", self.pos.copy()))
            return
        for index, spark in enumerate(self.train):
            if spark.pos.distance_to(bat.pos) < 17:
                bat.fed = True
                self._scatter(index)
                self.events.append(("hit", bat.pos.copy()))
                return
        if distance < 62:
            bat.near = True
        elif bat.near and distance > 110:
            bat.near = False
            self.close_calls += 1
            self.events.append(("close", self.pos.copy()))

    def _scatter(self, first: int) -> None:
        """Free the sparks of the train from index `first` on."""
        for spark in self.train[first:]:
            spark.vel = Vector2(self.rng.uniform(2, 5), 0).rotate(self.rng.uniform(0, 360))
            self.sparks.append(spark)
        self.lost += len(self.train) - first
        del self.train[first:]

    def _gather(self) -> None:
        if not self.dazed:
            for spark in [s for s in self.sparks if s.pos.distance_to(self.pos) < 30]:
                self.sparks.remove(spark)
                self.train.append(spark)
                self.events.append(("gather", spark.pos.copy()))
        self.longest_train = max(self.longest_train, len(self.train))
        if len(self.sparks) < SPARKS_IN_THE_AIR and self.steps % 22 == 0:
            self.sparks.append(self._new_spark())

        if self.train and self.pos.distance_to(LANTERN) < LANTERN_RADIUS:
            self.events += [("home", spark.pos.copy()) for spark in self.train]
            self.home += len(self.train)
            if not self.lost:
                self.unhurt_home = self.home
            if self.seconds <= 10:
                self.early_home = self.home
            self.train.clear()
        if not self.moon_reached and self.pos.distance_to(MOON) < MOON_RADIUS:
            self.moon_reached = True
            self.events.append(("moon", MOON))

    def _new_spark(self) -> Spark:
        while True:
            pos = Vector2(self.rng.uniform(50, WIDTH - 50), self.rng.uniform(110, SHORE - 40))
            if pos.distance_to(LANTERN) > 150:
                return Spark(pos, self.rng.uniform(0, tau))


Pilot = Callable[[Game], Vector2]


def autopilot(game: Game) -> Vector2:
    """Steer like an honest player: to the nearest spark, home with a train, and away from bats."""
    seconds_left = NIGHT_STEPS / STEPS_PER_SECOND - game.seconds
    full = 10 if game.longest_train < 10 and game.home else 6
    if len(game.train) >= full or (game.train and seconds_left < 4):
        target = LANTERN
    elif game.home >= 12 and not game.moon_reached:
        target = MOON
    else:
        target = min((spark.pos for spark in game.sparks), key=game.pos.distance_to)
    steer = target - game.pos
    if steer.length() > 1:
        steer.normalize_ip()
    for bat in game.bats:
        away = game.pos - bat.pos
        if not bat.fed and 0 < away.length() < 120:
            steer += away.normalize() * (2.2 - away.length() / 60)
    return steer.normalize() if steer.length() > 1 else steer
