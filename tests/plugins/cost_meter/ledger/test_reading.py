"""Questions."""

from pathlib import Path

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.row import Dimension
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.ledger.kept import opened
from tests.plugins.cost_meter.rowed import NOON, row

ALL = Asked(0, 2 * NOON)


async def test_buckets_in_which_a_time_begins_or_ends_count_whole(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        await journal.write([row(f"a{n}", at=NOON + 60 * n) for n in range(4)])

        async def minutes(since: float, until: float) -> list[float]:
            asked = Asked(NOON + since, NOON + until)
            return [one.begins - NOON for one in await journal.totals(asked, "minute")]

        assert await minutes(0, 240) == [0, 60, 120, 180]
        assert await minutes(30, 121) == [0, 60, 120]
        assert await minutes(60, 120) == [60]
        assert await minutes(500, 600) == []


async def test_totals_are_asked_for_by_what_they_have_to_be(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        for number, (user, arm) in enumerate([("a", "new"), ("a", "legacy"), ("b", "new")]):
            await journal.write(
                [row(f"x{number}", user=user, arm=arm, nano_usd=NanoUSD(1 + number))]
            )

        async def spent(where: dict[Dimension, str], *by: Dimension) -> list[tuple[object, ...]]:
            totals = await journal.totals(ALL._replace(where=where), "day", by)
            return [(*one.by.values(), one.sums.nano_usd) for one in totals]

        assert await spent({}) == [(6,)]
        assert await spent({"user": "a"}) == [(3,)]
        assert await spent({"arm": "new"}, "user") == [("a", 1), ("b", 3)]
        assert await spent({}, "arm", "user") == [
            ("legacy", "a", 2),
            ("new", "a", 1),
            ("new", "b", 3),
        ]
        assert await spent({"user": "a", "arm": "none"}) == []


@pytest.mark.parametrize("wrong", ["deployment", "1; DROP TABLE cost_rows", ""])
async def test_what_is_no_dimension_is_refused(wrong: str, tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        name: Dimension = wrong  # type: ignore[assignment]
        with pytest.raises(ValueError, match="told apart by"):
            await journal.totals(ALL, "day", (name,))
        with pytest.raises(ValueError, match="told apart by"):
            await journal.totals(ALL._replace(where={name: "x"}), "day")
        with pytest.raises(ValueError, match="told apart by"):
            await journal.rows(ALL._replace(where={name: "x"}))


async def test_rows_come_in_pages_by_time_and_id(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        times = (3, 1, 2, 1, 1)
        await journal.write([row(f"x{n}", at=NOON + at) for n, at in enumerate(times)])
        found, after = [], ""
        while True:
            page = await journal.rows(ALL, limit=2, after=after)
            found.append([one.id for one in page.rows])
            if not (after := page.after):
                break
        assert found == [["x1", "x3"], ["x4", "x2"], ["x0"]]
        with pytest.raises(ValueError, match="page"):
            await journal.rows(ALL, after="nonsense")


async def test_no_page_has_more_than_a_thousand_rows(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        await journal.write([row(f"x{n}") for n in range(1001)])
        assert len((await journal.rows(ALL, limit=10**6)).rows) == 1000
        assert len((await journal.rows(ALL, limit=-5)).rows) == 1


async def test_rows_are_asked_for_by_what_they_have_to_be(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        await journal.write(
            [row("a", user="a"), row("b", user="b", model="x"), row("c", model="x")]
        )

        async def ids(where: dict[Dimension, str]) -> list[str]:
            return [one.id for one in (await journal.rows(ALL._replace(where=where))).rows]

        assert await ids({"user": "b"}) == ["b"]
        assert await ids({"model": "x"}) == ["b", "c"]
        assert await ids({"model": "x", "user": "a"}) == []


async def test_a_request_has_its_attempts_and_their_corrections(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        await journal.write(
            [
                row("a", request_id="r1"),
                row("b", request_id="r2"),
                row("none", request_id=""),
                row("a:x", kind="adjust", ref="a", request_id="r1", at=NOON),
                row("day", kind="adjust", ref=""),
            ]
        )
        assert [one.id for one in await journal.rows_of_request("r1")] == ["a", "a:x"]
        assert await journal.rows_of_request("") == ()


async def test_sums_beyond_what_a_column_holds_are_exact(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        most = NanoUSD(2**53)
        await journal.write([row(f"x{n}", nano_usd=most) for n in range(3)])
        (total,) = await journal.totals(ALL, "month")
        assert total.sums.nano_usd == 3 * 2**53
        assert total.sums.square_micro_usd == 3 * (2**53 // 1000) ** 2
