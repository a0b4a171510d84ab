"""A file knows what it has in common with another of its name, and takes a new name once."""

from pathlib import Path

from plugins.cost_meter.sharing.branch import Branch, Mark
from tests.plugins.cost_meter.rowed import row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import replica


async def test_it_has_the_rows_that_it_has_and_believes_those_that_have_expired(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        assert await one.branch.brought() == Mark()
        assert await one.branch.has(Mark())
        assert not await one.branch.has(Mark(1, "wf_1-1"))
        await one.bring([row("wf_1-1"), row("wf_2-1")])
        assert await one.branch.brought() == Mark(2, "wf_2-1")
        assert await one.branch.has(Mark(1, "wf_1-1"))
        assert not await one.branch.has(Mark(1, "wf_2-1"))
        assert not await one.branch.has(Mark(3, "wf_3-1"))
        await one.journal.file.write(
            lambda on: on.execute("DELETE FROM cost_rows WHERE number = 1").rowcount
        )
        assert await one.branch.has(Mark(1, "wf_1-1"))


async def test_a_new_name_is_taken_once_and_what_is_owed_under_the_old_one_is_forgotten(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.journal.write([row()])
        await one.outbox.brought(await one.outbox.rows(9))
        before = await one.branch.name()
        name = await one.branch.rename(before)
        assert await one.branch.rename(before) == name == await one.branch.name() != before
        assert await one.outbox.totals(9) == ()
        assert await one.branch.brought() == Mark(1, "wf_1-1")


async def test_who_has_the_same_file_open_is_the_same_and_nobody_else(
    shared: Shared, tmp_path: Path
) -> None:
    async with (
        replica(shared.table, tmp_path / "one.db") as one,
        replica(shared.table, tmp_path / "one.db") as same,
        replica(shared.table, tmp_path / "two.db") as other,
        replica(shared.table, Path(":memory:")) as nowhere,
    ):
        holder = await one.branch.holder()
        assert await Branch(one.journal.file).holder() == await same.branch.holder() == holder
        assert holder not in (await other.branch.holder(), await nowhere.branch.holder())
        assert await Branch(nowhere.journal.file).holder() == await nowhere.branch.holder()
