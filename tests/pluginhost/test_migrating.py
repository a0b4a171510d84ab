"""Migrations of plugins: in order, for a limited time, and one that fails stops no other."""

from pathlib import Path

from proxy.pluginhost.migrating import migrated
from proxy.pluginhost.services import Surroundings
from tests.pluginhost.hosting import Hosting, application

MOVES = """
class Moves(Application):
    @hook
    async def migrate(self, services, dry_run):
        BODY
"""


async def moved(folder: Path, *, dry_run: bool = False, **bodies: str) -> list[tuple[object, ...]]:
    hosting = Hosting(folder)
    for name, body in bodies.items():
        hosting.write(name, MOVES.replace("BODY", body))
    plugins = await hosting.prepare(*map(application, bodies))
    around: Surroundings = hosting.host._around
    found = await migrated(plugins.applications, around, dry_run=dry_run, seconds=0.01)
    await hosting.host.close()
    return [tuple(one) for one in found]


async def test_each_says_what_it_has_done_in_the_order_of_the_configuration(
    tmp_path: Path,
) -> None:
    found = await moved(tmp_path, two='return ("made b.", "made c.")', one="return ()")
    assert found == [("two", ("made b.", "made c."), ""), ("one", (), "")]


async def test_a_dry_run_is_told_to_the_plugin(tmp_path: Path) -> None:
    body = "return (str(dry_run),)"
    assert await moved(tmp_path, dry_run=True, one=body) == [("one", ("True",), "")]


async def test_one_that_takes_too_long_is_given_up_and_the_next_has_its_turn(
    tmp_path: Path,
) -> None:
    found = await moved(
        tmp_path, slow="import asyncio; await asyncio.sleep(99)", next="return ('made.',)"
    )
    assert found == [("slow", (), "not done within 0.01 s"), ("next", ("made.",), "")]
