"""Every application that knows something of a request says so; one that fails is told of."""

from pathlib import Path

import pytest

from proxy.api import Note
from proxy.pluginhost.explaining import Explained
from tests.pluginhost.hosting import Hosting, application

KNOWS = """
from proxy.api import Note

class Knows(Application):
    @hook
    async def explain(self, request_id):
        BODY
"""
SILENT = """
class Silent(Application):
    @hook
    def health(self):
        return ""
"""


async def said(folder: Path, body: str, *, times: int = 1) -> tuple[Explained, ...]:
    hosting = Hosting(folder)
    hosting.write("silent", SILENT)
    hosting.write("knows", KNOWS.replace("BODY", body))
    await hosting.serve(application("knows"), application("silent"))
    try:
        for _ in range(times):
            found = await hosting.host.explain("r-1")
        return found
    finally:
        await hosting.host.close()


async def test_what_a_plugin_knows_is_told_under_its_name(tmp_path: Path) -> None:
    found = await said(tmp_path, 'return (Note(1.0, "routed", f"{request_id} is cheap"),)')
    assert found == (Explained("knows", (Note(1.0, "routed", "r-1 is cheap"),), ""),)


async def test_a_plugin_that_knows_nothing_is_not_told_of(tmp_path: Path) -> None:
    assert await said(tmp_path, "return ()") == ()


@pytest.mark.parametrize("body", ["raise RuntimeError('broken')", "return ['text']"])
async def test_a_plugin_that_fails_is_told_of_without_its_words(tmp_path: Path, body: str) -> None:
    [found] = await said(tmp_path, body)
    assert found == Explained("knows", (), "it failed to say; see crossfade plugins")


async def test_no_plugin_says_more_than_can_be_read(tmp_path: Path) -> None:
    [found] = await said(tmp_path, 'return (Note(1.0, "a", "b"),) * 5000')
    assert len(found.notes) == 1000
