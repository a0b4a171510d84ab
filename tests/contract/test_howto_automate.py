"""The page about programs that change rollouts is run line by line, against a real listener."""

import re
import shlex
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import yaml

from proxy.config.models import Config
from proxy.controlplane.rollouts.authority import Effects, Rollouts
from proxy.stores.memory import MemoryStore
from tests.contract.howto import Command, File, steps
from tests.controlplane.admin_view import NOW, View, admin_serving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "automate-rollouts.md"
STEPS = list(steps(PAGE.read_text(encoding="utf-8")))
TOKEN = "the token of the pipeline"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Where a listener answers that is configured as the page says."""
    (file,) = (step for step in STEPS if isinstance(step, File))
    text = file.text.replace("${PIPELINE_TOKEN}", TOKEN).replace(
        "${DASHBOARD_TOKEN}", "the token of the dashboard"
    )
    view = View()
    declared = yaml.safe_load(text)
    view.config = Config.model_validate(declared)
    effects = Effects(lambda _: None, lambda _: None, lambda _: None)
    view.opened = Rollouts(MemoryStore(lambda: NOW), effects, {}, lambda: NOW)
    await view.opened.open(view.config)
    async with admin_serving(view, declared["admin"]["tokens"]) as found:
        yield found
    await view.opened.close()


async def curl(session: aiohttp.ClientSession, words: list[str], url: str) -> str:
    """Do what curl does with these words, as far as the page needs it."""
    assert words[0] == "curl"
    method, headers, data, shows_head = "GET", {}, None, False
    rest = iter(words[1:-1])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(rest)
        else:
            assert word in {"-s", "-i"}, words
            shows_head |= word == "-i"
    address = words[-1].replace("http://127.0.0.1:9090", url)
    async with session.request(method, address, headers=headers, data=data) as answer:
        text = await answer.text()
        first = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
        head = [first, *(f"{name}: {value}" for name, value in answer.headers.items()), ""]
    return "\n".join([*(head if shows_head else []), text])


async def test_a_program_that_does_as_the_page_says_sees_what_it_shows(url: str) -> None:
    commands = [step for step in STEPS if isinstance(step, Command)]
    async with aiohttp.ClientSession() as session:
        for step in commands:
            words = shlex.split(step.text.replace("$AUTH", f"Authorization: Bearer {TOKEN}"))
            printed = await curl(session, words, url)
            assert step.prints is not None
            wanted = re.fullmatch(step.prints, printed, re.DOTALL)
            assert wanted, f"line {step.line}: {step.text}\n{printed}"
    assert len(commands) > 8
