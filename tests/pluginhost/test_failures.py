"""What a plugin raised, told to its author."""

from pathlib import Path
from typing import Any

from proxy.api import Secret, Settings
from proxy.pluginhost.codes import gather
from proxy.pluginhost.failures import failure, frames_of, late_startup, message_of
from proxy.pluginhost.importing import forget
from proxy.pluginhost.verify import PluginCode
from tests.pluginhost.hosting import Hosting, use

PLUGIN = """
class Hello(Use):
    @hook
    def assign(self, request):
        return lookup(request)

def lookup(request):
    return {}[request]
"""


def code_of(folder: Path, *texts: str) -> PluginCode:
    hosting = Hosting(folder)
    hosting.write("hello", *texts)
    code = gather(hosting.wanted(use("hello")), {}).codes["hello"]
    forget(code.source)
    return code


def raised(code: PluginCode, *arguments: Any) -> BaseException:
    assert code.use is not None
    try:
        code.use(Settings()).assign(*arguments)  # type: ignore[attr-defined]
    except KeyError as error:
        return error
    raise AssertionError("it raised nothing")


def test_a_problem_points_at_the_last_line_of_the_plugin_that_ran(tmp_path: Path) -> None:
    code = code_of(tmp_path, PLUGIN)
    problem = failure(code, raised(code, "who"), "assign")
    assert str(problem) == (
        f"{tmp_path}/hello.py:10:1: plugin hello: said assign raised KeyError: 'who'; "
        "wanted assign to succeed"
    )


def test_an_exception_from_outside_of_the_plugin_points_at_its_file(tmp_path: Path) -> None:
    problem = failure(code_of(tmp_path, PLUGIN), ValueError(), "startup")
    assert (problem.file, problem.line) == (f"{tmp_path}/hello.py", 1)
    assert problem.said == "startup raised ValueError"


class Login(Settings):
    token: Secret


def test_a_message_shows_no_secret_of_the_settings() -> None:
    settings = Login.model_validate({"token": "hush-hush"})
    assert "hush-hush" not in message_of(OSError("hush-hush was refused"), settings)


def test_frames_name_the_lines_and_the_type_but_not_what_was_said(tmp_path: Path) -> None:
    error = raised(code_of(tmp_path, PLUGIN), "user-4711")
    error.add_note("in a test")
    frames = frames_of(error)
    assert "return {}[request]" in frames
    assert frames.endswith("KeyError\nin a test")
    assert "user-4711" not in frames


STARTING = """
class Hello(Application):
    @hook
    async def startup(self):
        await self.connect()

    async def connect(self):
        import asyncio
        await asyncio.get_running_loop().create_future()
"""


async def test_a_late_startup_is_shown_where_it_waits(tmp_path: Path) -> None:
    code = code_of(tmp_path, STARTING)
    assert code.application is not None
    work = code.application(Settings()).startup()  # type: ignore[attr-defined]
    work.send(None)
    file, line, hint = late_startup(code, work, 10)
    work.close()
    assert (file, line) == (f"{tmp_path}/hello.py", 11)
    assert "waits in this line" in hint


async def test_a_startup_that_did_not_begin_is_shown_where_it_is_defined(tmp_path: Path) -> None:
    async def other() -> None:
        return None

    code, work = code_of(tmp_path, STARTING), other()
    assert late_startup(code, work, 10)[:2] == (f"{tmp_path}/hello.py", 5)
    work.close()
