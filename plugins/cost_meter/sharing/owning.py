"""That one journal alone writes under its name, and what is done when there are two.

Totals are kept by the name of the journal: were there two of one name, a file and its copy, each
would write over what the other has counted. So the table knows which file holds a name, and
which of its rows was brought last; whoever writes does so on the condition that this is still so.

At its start a process takes the name over from another file if it has that row, too: then it is
the same journal in another place, after a move, and it counts all that was ever brought. If it has
not, or if the name is taken from it while it runs, there are two. It goes on under a new name then:
what was brought counts to the old one, what is brought from now on to the new one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.api import ConditionError, DynamoTable, StoreError

from .branch import Branch, Mark
from .writing import Guarded

__all__ = ["Owning", "TakenError"]

_TRIES: Final = 5
_ABSENT: Final = "attribute_not_exists(pk)"
_UNCHANGED: Final = "holder = :holder AND newest = :newest"


class TakenError(StoreError):
    """Another file writes under the name of this one."""


class Owning:
    """Whether the name is this journal's; a `writing.Fence`."""

    def __init__(self, table: DynamoTable, branch: Branch) -> None:
        """Nothing is asked yet."""
        self.name = ""
        """The journal's; known once it is held."""
        self._table = table
        self._branch = branch
        self._holder = ""
        self._held = False
        self._mark = Mark()

    async def hold(self) -> None:
        """Hold the name, unless that is done. Raises TakenError, StoreError."""
        if self._held:
            return
        self.name, self._holder = await self._branch.name(), await self._branch.holder()
        for _ in range(_TRIES):
            found = await self._read()
            if found is not None and not await self._branch.has(_mark_of(found)):
                raise TakenError(_says(self.name))
            self._mark = await self._branch.brought() if found is None else _mark_of(found)
            if await self._put(found):
                self._held = True
                return
        raise StoreError(f"{self._table.name}: others take the name {self.name} all the time")

    async def go_on_as_another(self) -> str:
        """Take a new name; return it. Raises StoreError."""
        self._held = False
        self.name = await self._branch.rename(self.name)
        return self.name

    def over(self, batch: Sequence[Guarded]) -> dict[str, Any]:
        """See `Fence.over`; notes the newest row of a batch."""
        same = {
            "TableName": self._table.name,
            "Key": _key(self.name),
            "ConditionExpression": _UNCHANGED,
        }
        values = {":holder": {"S": self._holder}, ":newest": {"S": self._mark.id}}
        newest = _newest(batch)
        if newest is None:
            return {"ConditionCheck": {**same, "ExpressionAttributeValues": values}}
        fresh = {":number": {"N": str(newest.number)}, ":id": {"S": newest.id}}
        return {
            "Update": {
                **same,
                "UpdateExpression": "SET brought = :number, newest = :id",
                "ExpressionAttributeValues": {**values, **fresh},
            }
        }

    def passed(self, batch: Sequence[Guarded]) -> None:
        """See `Fence.passed`."""
        self._mark = _newest(batch) or self._mark

    async def confirm(self) -> bool:
        """See `Fence.confirm`. Raises TakenError, StoreError."""
        found = await self._read()
        if found is None:  # somebody has removed it
            self._held = False
            await self.hold()
            return True
        mark = _mark_of(found)
        if found["holder"]["S"] != self._holder or not await self._branch.has(mark):
            self._held = False
            raise TakenError(_says(self.name))
        changed, self._mark = mark != self._mark, mark
        return changed

    async def _read(self) -> Mapping[str, Any] | None:
        found = await self._table.call("get_item", Key=_key(self.name), ConsistentRead=True)
        item: Mapping[str, Any] | None = found.get("Item")
        return item

    async def _put(self, before: Mapping[str, Any] | None) -> bool:
        """Write that this file holds the name, if nobody has changed anything meanwhile."""
        condition, values = _ABSENT, {}
        if before is not None:
            condition = _UNCHANGED
            values = {":holder": before["holder"], ":newest": before["newest"]}
        item = {
            **_key(self.name),
            "holder": {"S": self._holder},
            "brought": {"N": str(self._mark.number)},
            "newest": {"S": self._mark.id},
        }
        said: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        try:
            await self._table.call("put_item", Item=item, ConditionExpression=condition, **said)
        except ConditionError:
            return False
        return True


def _key(name: str) -> dict[str, Any]:
    return {"pk": {"S": f"O#{name}"}, "sk": {"S": "holder"}}


def _mark_of(item: Mapping[str, Any]) -> Mark:
    return Mark(int(item["brought"]["N"]), item["newest"]["S"])


def _newest(batch: Sequence[Guarded]) -> Mark | None:
    last = max(batch, key=lambda one: one.number, default=None)
    if last is None or not last.number:
        return None
    return Mark(last.number, last.item["id"]["S"])


def _says(name: str) -> str:
    return f"another file writes to the ledger under the name of this journal, {name}"
