"""Objects of which there can be no second: a copy would share files, threads and handlers with the first one."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class Uncopied:
    """A base class whose objects cannot be copied, deep-copied or pickled; each of these raises `TypeError`."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be copied or pickled: it belongs to one running game. Leave it out of what is saved, copied"
            f" or sent to another process, and create another {name} where one is needed"
        )
