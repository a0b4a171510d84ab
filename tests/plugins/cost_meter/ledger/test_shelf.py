"""Small documents."""

from pathlib import Path

import pytest

from plugins.cost_meter.ledger.shelf import SqliteShelf
from tests.plugins.cost_meter.ledger.kept import opened


async def test_documents_are_kept_by_kind_and_key(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        shelf = SqliteShelf(journal.file)
        await shelf.put("advice", "b", {"n": 2})
        await shelf.put("advice", "a", {"n": 1})
        await shelf.put("advice", "a", {"n": 3, "why": ["ü"]})
        await shelf.put("other", "a", {})
        assert await shelf.all("advice") == {"a": {"n": 3, "why": ["ü"]}, "b": {"n": 2}}
        assert (await shelf.get("other", "a"), await shelf.get("other", "b")) == ({}, None)
        assert (await shelf.delete("advice", "a"), await shelf.delete("advice", "a")) == (
            True,
            False,
        )
    async with opened(tmp_path / "costs.db") as journal:
        assert await SqliteShelf(journal.file).all("advice") == {"b": {"n": 2}}


async def test_of_very_many_documents_a_thousand_are_shown(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        shelf = SqliteShelf(journal.file)
        for number in range(1001):
            await shelf.put("many", f"{number:04}", {})
        found = await shelf.all("many")
        assert (len(found), "1000" in found) == (1000, False)


async def test_what_is_no_document_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db") as journal:
        with pytest.raises(TypeError):
            await SqliteShelf(journal.file).put("advice", "a", {"n": object()})
        assert await SqliteShelf(journal.file).all("advice") == {}
