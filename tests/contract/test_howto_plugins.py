"""The pages about plugins are told as stories, and this is how they go: every line of them is run.

Files are written, commands are run against a real proxy, and what they print is what the
page says.
"""

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path

from typer.testing import CliRunner

from proxy.api.testing import RealProxy, real_proxy
from proxy.cli.main import app
from tests.contract.howto import Command, File, Shown, Step, steps
from tests.kit.running import faults, free_port

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
WRITE = HOWTO / "write-a-plugin.md"
TEST = HOWTO / "test-a-plugin.md"


class Reader:
    """Somebody who follows the page `Write a plugin`."""

    def __init__(self, proxy: RealProxy, admin_port: int) -> None:
        self._proxy = proxy
        self._admin_port = admin_port
        self._written = 0

    def config(self, text: str) -> str:
        """A configuration of the page on ports that are free here."""
        return on_free_ports(text, self._admin_port)

    async def do(self, step: Step) -> None:
        """Write a file and wait until the proxy has noticed, or run a command and look."""
        if isinstance(step, File):
            await self._write(step)
        elif isinstance(step, Command):
            printed = await self._run(shlex.split(step.text))
            if step.prints is not None:
                printed = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
                matches = re.fullmatch(step.prints, printed, re.DOTALL)
                assert matches, f"line {step.line}: {step.text}\n{printed}"

    async def _write(self, file: File) -> None:
        if file.name == "config.yaml":
            self._proxy.edit_config(self.config(file.text))
        else:
            self._proxy.edit_plugin(file.name.removeprefix("plugins/"), file.text)
        self._written += 1
        if self._written == 1:
            await self._proxy.logged("reloaded")  # it has seen the first by itself, as promised
        else:
            await self._proxy.reload()

    async def _run(self, words: list[str]) -> str:
        program, *rest = words
        assert program in ("curl", "crossfade"), words
        if program == "crossfade":
            return await asyncio.to_thread(self._crossfade, rest)
        wanted = ""
        if "|" in rest:
            bar = rest.index("|")
            rest, (filtering, wanted) = rest[:bar], rest[bar + 1 :]
            assert filtering == "grep", words
        printed = await self._curl(rest)
        return "\n".join(line for line in printed.splitlines() if wanted in line)

    async def _curl(self, words: list[str]) -> str:
        address = words.pop()
        shows_head = "-i" in words
        headers = [
            (name, value.strip())
            for flag, said in pairwise(words)
            if flag == "-H"
            for name, _, value in [said.partition(":")]
        ]
        port, _, path = address.removeprefix("http://127.0.0.1:").partition("/")
        ask = self._proxy.admin if port == "9090" else self._proxy.get
        answer = await ask(f"/{path}", headers=headers)
        first = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
        head = [first, *(f"{name}: {value}" for name, value in answer.headers.items()), ""]
        return "\n".join([*(head if shows_head else []), answer.text])

    def _crossfade(self, words: list[str]) -> str:
        file = str(self._proxy.folder / "config.yaml")
        words = [file if word == "config.yaml" else word for word in words]
        return CliRunner().invoke(app, words, env={"COLUMNS": "300"}).output


def on_free_ports(text: str, admin_port: int) -> str:
    """A configuration whose fixed ports are replaced; nothing else moves."""
    text = text.replace("http://127.0.0.1:3000", "${UPSTREAM:-http://127.0.0.1:3000}")
    return text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("9090", str(admin_port))


def files_until(page: list[Step], step: Step) -> dict[str, str]:
    """The files as they are when the page has come to a step."""
    before = page[: page.index(step)]
    return {one.name: one.text for one in before if isinstance(one, File)}


def plugins_of(files: dict[str, str]) -> dict[str, str]:
    """Those of the files that are plugins, as the testing kit wants them."""
    found = {name.removeprefix("plugins/"): text for name, text in files.items()}
    return {name: text for name, text in found.items() if name.endswith(".py")}


def shown_after(page: list[Step], step: Step) -> Iterator[Shown]:
    """What the page shows behind a step."""
    return (one for one in page[page.index(step) :] if isinstance(one, Shown))


def starts(step: Step) -> bool:
    """Whether a command starts another proxy."""
    return isinstance(step, Command) and "crossfade serve" in step.text


async def test_write_a_plugin_goes_as_the_page_says() -> None:
    page = list(steps(WRITE.read_text(encoding="utf-8")))
    serve = next(step for step in page if starts(step))
    first = next(step for step in page if isinstance(step, Command))
    files = files_until(page, first)
    admin_port = free_port()
    config = on_free_ports(files["config.yaml"], admin_port)
    async with real_proxy(config, plugins=plugins_of(files)) as proxy:
        reader = Reader(proxy, admin_port)
        for step in page[page.index(first) : page.index(serve)]:
            await reader.do(step)
        assert faults(proxy.log) == []
    assert sum(isinstance(step, File) for step in page) > 12


async def test_hook_calls_are_traced_as_the_page_says() -> None:
    page = list(steps(WRITE.read_text(encoding="utf-8")))
    serve = next(step for step in page if starts(step))
    assert isinstance(serve, Command)
    name, _, value = serve.text.split()[0].partition("=")
    files = files_until(page, serve)
    admin_port = free_port()
    config = on_free_ports(files["config.yaml"], admin_port)
    async with real_proxy(config, plugins=plugins_of(files), env={name: value}) as proxy:
        curl = page[page.index(serve) + 1]
        await Reader(proxy, admin_port).do(curl)
        lines = await proxy.logged("hook", 2)
        (shown,) = shown_after(page, serve)
        assert len(lines) == len(shown.patterns) == 2
        for line in shown.patterns:
            assert re.search(line, proxy.log), line


def test_test_a_plugin_is_a_file_of_tests_that_pass(tmp_path: Path) -> None:
    plugins = [one for one in steps(WRITE.read_text(encoding="utf-8")) if isinstance(one, File)]
    page = [one for one in steps(TEST.read_text(encoding="utf-8")) if isinstance(one, File)]
    for file in (*plugins, *page):
        path = tmp_path / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    tests = sum(len(re.findall(r"^async def test_", file.text, re.MULTILINE)) for file in page)
    assert f"{tests} passed" in ran.stdout, ran.stdout + ran.stderr
    assert tests >= 6
