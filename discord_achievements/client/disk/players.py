"""Who is who on this machine: which owner (see `owner`) and which user id lead to which player of the database.

A player has a row before it is known who it is. When two players turn out to be one, both rows stay, and one points to
the other: another process of the game may still be using it.

**Thread**: the database's. Methods raise `sqlite3.Error`; those that write run inside a transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from ..state import combined
from . import owner as owners
from .database import Database


class Player(NamedTuple):
    """A player as this machine knows one; `fetched` is whether the service's list has been stored for them.

    `etag` names the stored list if it is still the service's; `cursor` asks for what has changed since it was stored.
    """

    id: int
    user_id: int | None
    etag: str | None
    cursor: str | None
    fetched: bool


class Players:
    """The players of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_owner(self, owner: bytes, journal: bytes) -> Player:
        """Return the player of `owner`, a new one if necessary; `journal` is the run that asks."""
        known = self.known(owner)
        if known is not None:
            return known
        user_id = owners.user_of(owner)
        player_id = None if user_id is None else self._find(user_id)
        if player_id is None:
            player_id = self._new_player(user_id)
        self._database.execute("INSERT INTO owner VALUES (?, ?, ?)", (owner, player_id, journal))
        return self.get(player_id)

    def known(self, owner: bytes) -> Player | None:
        """Return the player of `owner`, None if there is none yet."""
        row = self._database.execute("SELECT player_id FROM owner WHERE key = ?", (owner,)).fetchone()
        return None if row is None else self.get(row[0])

    def get(self, player_id: int) -> Player:
        """Return the player with that row, or the player whom they turned out to be."""
        row = self._database.execute(
            "SELECT id, user_id, etag, cursor, fetched FROM player WHERE id = ?", (self._database.row_of(player_id),)
        ).fetchone()
        if row is None:
            return Player(player_id, None, None, None, fetched=False)
        known_id, user_id, etag, cursor, fetched = row
        return Player(known_id, user_id, etag, cursor, bool(fetched))

    def remember_list(self, player_id: int, etag: str | None, cursor: str | None) -> None:
        """Note that the service's list is stored, and what to ask with for the next one."""
        self._database.execute(
            "UPDATE player SET etag = ?, cursor = ?, fetched = 1 WHERE id = ?",
            (etag, cursor, self._database.row_of(player_id)),
        )

    def forget_etag(self, player_id: int) -> None:
        """Note that what is confirmed may differ from the list that the etag names."""
        self._database.execute(
            "UPDATE player SET etag = NULL WHERE id = ? AND etag IS NOT NULL", (self._database.row_of(player_id),)
        )

    def forget_lists(self) -> None:
        """Make the service send every player's list whole again: what is stored may differ from it."""
        self._database.execute(
            "UPDATE player SET etag = NULL, cursor = NULL WHERE etag IS NOT NULL OR cursor IS NOT NULL"
        )

    def link(self, owner: bytes, player: Player, journal: bytes) -> Player:
        """Let `owner` lead to `player`, and return who that is now.

        An owner that is known to be somebody else stays theirs, and they are returned.
        """
        player, other = self.get(player.id), self.of_owner(owner, journal)
        if other.user_id is None:
            return self._join(player, other)
        if player.user_id is None:
            return self._join(other, player)
        return other

    def identify(self, player: Player, user_id: int, owner: bytes, live_journals: Iterable[bytes]) -> Player:
        """Record that the service identified `player`, signed in as `owner`, as `user_id`; return the merged player.

        The first player to sign in on this data folder also takes over what local mode has recorded, and what was set
        without any token in runs that have ended.
        """
        player, found = self.get(player.id), self._find(user_id)
        if player.user_id is None and found is None:
            self._database.execute("UPDATE player SET user_id = ? WHERE id = ?", (user_id, player.id))
            player = self.get(player.id)
        elif player.user_id is None and found is not None:
            player = self._join(self.get(found), player)
        elif player.user_id != user_id:
            # The token belongs to a different player than remembered: it leads to them from now on.
            player = self.get(self._new_player(user_id) if found is None else found)
            known = self.known(owner)
            if known is not None and known.user_id is None:
                player = self._join(player, known)  # what was set with the token before anybody knew whose it is
            self._database.execute("UPDATE owner SET player_id = ? WHERE key = ?", (player.id, owner))
        for unclaimed in self._unclaimed(frozenset(live_journals)):
            player = self._join(player, self.get(unclaimed))
        return player

    # For another database, into which all of this one is brought

    def all(self) -> list[Player]:
        """Return all players, each once, including those of whom a database that began empty has only progress."""
        rows = self._database.execute(
            "SELECT id FROM player WHERE joined_id IS NULL UNION"
            " SELECT player_id FROM progress WHERE player_id NOT IN (SELECT id FROM player)"
        ).fetchall()
        return [self.get(row[0]) for row in rows]

    def owners(self, player: Player) -> list[tuple[bytes, bytes]]:
        """Return the owners that lead to a player, each with its run."""
        return self._database.execute("SELECT key, journal FROM owner WHERE player_id = ?", (player.id,)).fetchall()

    def joined(self) -> list[tuple[int, int]]:
        """Return the players who turned out to be others, and those."""
        return self._database.execute("SELECT id, joined_id FROM player WHERE joined_id IS NOT NULL").fetchall()

    def adopt(self, player: Player, owners: Iterable[tuple[bytes, bytes]]) -> Player:
        """Let the id and the owners of a player of another database lead to the same player here; return that."""
        database = self._database
        database.execute("INSERT OR IGNORE INTO player (id) VALUES (?)", (player.id,))
        here = self.get(player.id)
        if player.user_id is not None and here.user_id is None:
            found = self._find(player.user_id)
            if found is None:
                database.execute("UPDATE player SET user_id = ? WHERE id = ?", (player.user_id, here.id))
            else:
                self._join(self.get(found), here)
        for owner, run in owners:
            self.link(owner, self.get(player.id), run)
        if player.fetched:
            self.remember_list(player.id, None, None)
        self.forget_lists()
        return self.get(player.id)

    def adopt_joined(self, player_id: int, joined_id: int) -> None:
        """Let the id of a player who turned out to be another lead to that one here, too."""
        row_id = self._database.row_of(joined_id)
        self._database.execute("INSERT OR IGNORE INTO player (id, joined_id) VALUES (?, ?)", (player_id, row_id))

    def _unclaimed(self, live_journals: frozenset[bytes]) -> list[int]:
        """Return the players to whom no token has ever led, except those of runs that have not ended."""
        rows = self._database.execute(
            "SELECT player_id, key, journal FROM owner JOIN player ON player.id = player_id WHERE user_id IS NULL"
        ).fetchall()
        claimed = {
            player_id
            for player_id, key, journal in rows
            if not (key == owners.LOCAL or (owners.is_run(key) and journal not in live_journals))
        }
        return list({row[0] for row in rows} - claimed)

    def _find(self, user_id: int) -> int | None:
        row = self._database.execute("SELECT id FROM player WHERE user_id = ?", (user_id,)).fetchone()
        return None if row is None else int(row[0])

    def _new_player(self, user_id: int | None) -> int:
        # Random, not counted: an id that another process still uses must never come to mean another player.
        player_id = secrets.randbits(62)
        self._database.execute("INSERT INTO player (id, user_id) VALUES (?, ?)", (player_id, user_id))
        return player_id

    def _join(self, player: Player, other: Player) -> Player:
        """Give everything that is `other`'s to `player`: they are one."""
        if player.id != other.id:
            database = self._database
            mine, theirs = database.states(player.id), database.states(other.id)
            database.write_states(
                player.id, {id_: combined(mine[id_], state) if id_ in mine else state for id_, state in theirs.items()}
            )
            database.execute("DELETE FROM progress WHERE player_id = ?", (other.id,))
            database.execute("UPDATE owner SET player_id = ? WHERE player_id = ?", (player.id, other.id))
            database.join(other.id, player.id)
            # What is confirmed may now differ from the list that the etag names, and whose it is must be said again.
            self.forget_lists()
        return self.get(player.id)
