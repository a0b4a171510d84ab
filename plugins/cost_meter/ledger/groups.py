"""The groups that totals are kept for: one for each set of user, route, arm and so on."""

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from ..grains import begins
from ..row import DIMENSIONS, OTHERS, Row

__all__ = ["Groups"]

_CACHED: Final = 20_000
_DAYS: Final = 3
_NAMES: Final = ", ".join(f'"{one}"' for one in DIMENSIONS)
_FIND: Final = f"SELECT id FROM cost_groups WHERE ({_NAMES}) = (?, ?, ?, ?, ?, ?)"  # noqa: S608
_MAKE: Final = f"INSERT INTO cost_groups ({_NAMES}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours
_USERS: Final = """
    SELECT DISTINCT "user" FROM cost_totals AS totals
    JOIN cost_groups AS groups ON groups.id = totals.counted
    WHERE grain = 2 AND begins = ? AND "user" NOT IN ('', '(others)')
"""


class Groups:
    """Finds the id of a row's group; for the thread of the file.

    At most so many users a day have totals of their own: names may be made up by whoever can
    have accounts made, and each would cost the disk a line in every bucket.
    """

    def __init__(self, most_users: int) -> None:
        """`most_users` a day."""
        self.folded = 0
        """Rows that were counted under `OTHERS`."""
        self._most = most_users
        self._ids: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._days: OrderedDict[int, set[str]] = OrderedDict()

    def of(self, on: sqlite3.Connection, row: Row, fresh: dict[tuple[str, ...], int]) -> int:
        """Return the id of the group that a row counts to, which is made if need be.

        `fresh` collects ids that were not known; hand them to `learn` once they are committed.
        """
        user = row.user if self._has_own(on, row) else OTHERS
        group = (user, row.route, row.arm, row.provider, row.model, row.intent)
        found = self._ids.get(group) or fresh.get(group)
        if found is None:
            found = fresh[group] = _found(on, group) or _made(on, group)
        return found

    def learn(self, fresh: Mapping[tuple[str, ...], int]) -> None:
        """Remember ids that are committed."""
        self._ids.update(fresh)
        while len(self._ids) > _CACHED:
            self._ids.popitem(last=False)

    def _has_own(self, on: sqlite3.Connection, row: Row) -> bool:
        users = self._users(on, begins(row.at, "day"))
        if not row.user or row.user in users:
            return True
        if len(users) >= self._most:
            self.folded += 1
            return False
        users.add(row.user)
        return True

    def _users(self, on: sqlite3.Connection, day: int) -> set[str]:
        users = self._days.get(day)
        if users is None:
            users = self._days[day] = {user for (user,) in on.execute(_USERS, (day,))}
            while len(self._days) > _DAYS:
                self._days.popitem(last=False)
        return users


def _found(on: sqlite3.Connection, group: tuple[str, ...]) -> int | None:
    row = on.execute(_FIND, group).fetchone()
    return None if row is None else int(row[0])


def _made(on: sqlite3.Connection, group: tuple[str, ...]) -> int:
    return on.execute(_MAKE, group).lastrowid or 0
