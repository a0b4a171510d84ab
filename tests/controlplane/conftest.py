"""What tests of the admin listener begin with."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.controlplane.admin_asking import TOKENS, Asked
from tests.controlplane.admin_view import View, admin_serving


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
async def ask(view: View) -> AsyncIterator[Asked]:
    async with admin_serving(view) as url, aiohttp.ClientSession() as session:
        yield Asked(session, url)


@pytest.fixture
async def ask_with_tokens(view: View) -> AsyncIterator[Asked]:
    async with admin_serving(view, TOKENS) as url, aiohttp.ClientSession() as session:
        yield Asked(session, url)
