"""``crossfade <plugin> <command>``: commands that plugins bring along."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from proxy.api import Reply, Request, json_reply, problem_reply
from proxy.cli.main import app
from proxy.cli.plugin_commands import PluginCommands, named_config
from proxy.config.plugins import COMMANDS
from tests.cli.asking import run
from tests.cli.plugged import write_config
from tests.controlplane.admin_view import View, admin_serving

ECHO = '''
import sys

class Echo(Application):
    """Says it again.

    And more.
    """
    @hook
    async def startup(self, services):
        raise RuntimeError("commands start nothing")
    @hook
    def provide_commands(self, cli):
        def say(text: str, times: int = 1, *, loud: bool = False) -> None:
            """Say a text a few times."""
            sys.stdout.write(" ".join([text.upper() if loud else text] * times))
        cli.add(say)
        cli.add(lambda: sys.stdout.write(str(cli.ask("GET", "/list?a=1"))), name="list")
        cli.add(lambda: sys.stdout.write(str(cli.ask("POST", "/x", {"a": [1]}))), name="post")
'''
NAMED = "plugins: {path: plugins, echo: {}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a configuration that names the plugin `echo`."""
    write_config(tmp_path, {"echo": ECHO}, NAMED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def crossfade(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, words, env={"NO_COLOR": "1", "TERM": "dumb"})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.usefixtures("folder")
def test_a_plugins_command_takes_arguments_and_options_by_its_signature() -> None:
    assert crossfade("echo", "say", "hi") == (0, "hi", "")
    assert crossfade("echo", "say", "--times", "3", "--loud", "hi") == (0, "HI HI HI", "")
    assert crossfade("echo", "say")[0] == 2
    assert crossfade("echo", "say", "--times", "x", "hi")[0] == 2


@pytest.mark.usefixtures("folder")
def test_plugins_with_commands_are_listed_with_what_they_say_they_are() -> None:
    code, out, _ = crossfade("--help")
    assert code == 0
    assert "Says it again." in out
    assert "Say a text a few times." in crossfade("echo", "--help")[1]
    assert "--times" in crossfade("echo", "say", "--help")[1]


def test_one_command_may_be_run_without_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = """
        def sum_up(by: list[str] | None = None) -> None:
            sys.stdout.write("+".join(by or ("nothing",)))
        cli.add(sum_up, default=True)
"""
    write_config(tmp_path, {"echo": ECHO + more}, NAMED)
    monkeypatch.chdir(tmp_path)
    assert crossfade("echo") == (0, "nothing", "")
    assert crossfade("echo", "--by", "a", "--by", "b") == (0, "a+b", "")
    assert crossfade("echo", "sum-up", "--by", "a") == (0, "a", "")
    assert crossfade("echo", "say", "hi") == (0, "hi", "")
    assert "Say a text a few times." in crossfade("echo", "--help")[1]
    assert crossfade("echo", "else")[0] == 2
    assert crossfade("echo", "--else")[0] == 2


@pytest.mark.parametrize("spelt", [("--config", "{}"), ("-c", "{}"), ("--config={}",)])
def test_the_configuration_is_the_one_that_the_command_names(
    tmp_path: Path, spelt: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_config(tmp_path, {"echo": ECHO}, NAMED)
    monkeypatch.chdir("/")
    words = [word.format(path) for word in spelt]
    assert crossfade("echo", "say", "hi", *words) == (0, "hi", "")


def test_what_follows_two_dashes_names_no_configuration() -> None:
    assert named_config(["echo", "--", "--config", "x.yaml"]) == Path("config.yaml")
    assert named_config(["echo", "--config"]) == Path("config.yaml")


def test_without_a_configuration_a_strange_word_is_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = crossfade("echo", "say")
    assert code == 2
    assert "No such command 'echo'" in err
    assert "not known" not in err
    assert "no config.yaml is here, so no plugin has commands; name yours with --config" in err


def test_a_broken_configuration_is_said_to_be_why_a_command_is_not_known(folder: Path) -> None:
    (folder / "config.yaml").write_text("listen: [\n")
    code, _, err = crossfade("echo", "say")
    assert code == 2
    assert "the commands of plugins are not known: config.yaml:" in err
    assert "No such command" not in err
    assert crossfade("--help")[0] == 0
    assert "echo" not in crossfade("--help")[1]
    assert crossfade("version")[2] == "", "our own commands need no configuration"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('raise KeyError("never")', "provide_commands raised KeyError"),
        ("cli.add(lambda config: None)", "takes config, which is an option of every command"),
        ("cli.add(lambda *words: None)", "which can be no argument"),
        ("cli.add(self.startup)", "is a coroutine function"),
        ("cli.add(lambda a: None, name='x')\n        exit(3)", "SystemExit"),
    ],
)
def test_a_plugin_that_cannot_say_its_commands_is_named_with_the_line(
    folder: Path, body: str, said: str
) -> None:
    source = f"""
class Broken(Application):
    @hook
    async def startup(self, services): ...
    @hook
    def provide_commands(self, cli):
        {body}
"""
    write_config(folder, {"broken": source}, "plugins: {path: plugins, broken: {}}\n")
    code, _, err = crossfade("broken", "x")
    assert code == 2
    assert said in err
    assert "broken.py:" in err
    assert crossfade("--help")[0] == 0


def test_a_plugin_without_commands_is_no_command(folder: Path) -> None:
    source = "class Quiet(Application):\n    @hook\n    def health(self): return ''\n"
    write_config(folder, {"echo": source}, NAMED)
    assert crossfade("echo", "say")[0] == 2


async def listed(request: Request, body: bytes) -> Reply:
    return json_reply([request.query, body.decode(), request.key])


async def failing(_: Request, __: bytes) -> Reply:
    return problem_reply(409, "There is one already.", hint="Remove it.")


async def no_json(_: Request, __: bytes) -> Reply:
    return Reply(200, body="<html>")


async def nothing(_: Request, __: bytes) -> Reply:
    return Reply(204)


@pytest.mark.usefixtures("folder")
async def test_a_command_asks_its_plugin_in_the_running_proxy() -> None:
    view = View()
    view.add_answer("GET", "/list", listed)
    view.add_answer("POST", "/x", listed)
    async with admin_serving(view) as url:
        got = await run(app, "echo", "list", "--admin", url)
        posted = await run(app, "echo", "post", "--admin", url)
    assert (got.code, got.out) == (0, "['a=1', '', 'loopback']")
    assert (posted.code, posted.out) == (0, "['', '{\"a\":[1]}', 'loopback']")


@pytest.mark.usefixtures("folder")
async def test_an_empty_answer_is_none() -> None:
    view = View()
    view.add_answer("GET", "/list", nothing)
    async with admin_serving(view) as url:
        assert (await run(app, "echo", "list", "--admin", url)).out == "None"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (failing, "There is one already. Remove it."),
        (no_json, "with something that is no JSON"),
        (None, "No plugin answers this."),
    ],
)
async def test_a_command_that_is_refused_ends_with_1(handler: object, said: str) -> None:
    view = View()
    if handler is not None:
        view.add_answer("GET", "/list", handler)  # type: ignore[arg-type]
    async with admin_serving(view) as url:
        ran = await run(app, "echo", "list", "--admin", url)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


@pytest.mark.usefixtures("folder")
async def test_a_command_without_the_token_says_which_variable_to_set() -> None:
    view = View()
    view.add_answer("GET", "/list", listed)
    tokens = [{"name": "looks", "role": "viewer", "token": "the token of a viewer"}]
    async with admin_serving(view, tokens) as url:
        none = await run(app, "echo", "list", "--admin", url)
        low = await run(app, "echo", "list", "--admin", url, token="the token of a viewer")
    assert (none.code, low.code) == (1, 1)
    assert "CROSSFADE_ADMIN_TOKEN" in none.err
    assert "operator" in low.err


def test_a_command_is_called_like_its_function_or_as_it_is_told() -> None:
    commands = PluginCommands("echo", "echo", "Says it again.")

    def say_it(text: str) -> None:
        """Say it."""

    commands.add(say_it)
    commands.add(say_it, name="again")
    assert list(typer.main.get_group(commands.apps["echo"]).commands) == ["say-it", "again"]


GROUPED = """
import sys

class Costs(Application):
    commands = "costs"
    @hook
    def provide_commands(self, cli):
        cli.add(lambda: sys.stdout.write("report"), name="report")
        cli.add(lambda id: sys.stdout.write(f"show {id}"), name="show", group="%s")
"""


def test_a_plugin_can_have_a_second_group_of_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, {"meter": GROUPED % "advice"}, "plugins: {path: plugins, meter: {}}\n")
    monkeypatch.chdir(tmp_path)
    assert crossfade("costs", "report") == (0, "report", "")
    assert crossfade("advice", "show", "7") == (0, "show 7", "")
    assert crossfade("costs", "show", "7")[0] == 2
    out = crossfade("--help")[1]
    assert "costs" in out
    assert "advice" in out


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("serve", "its commands are called serve, as others are already"),
        ("echo", "its commands are called echo, as others are already"),
        ("No Group", "No Group is no group"),
    ],
)
def test_a_group_cannot_take_the_place_of_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, said: str
) -> None:
    plugins = "plugins: {path: plugins, echo: {}, meter: {}}\n"
    write_config(tmp_path, {"echo": ECHO, "meter": GROUPED % group}, plugins)
    monkeypatch.chdir(tmp_path)
    code, _, err = crossfade("advice")
    assert code == 2
    assert said in err


@pytest.mark.usefixtures("folder")
def test_a_plugin_may_call_its_commands_by_another_name() -> None:
    source = ECHO.replace("    @hook", '    commands = "again"\n    @hook', 1)
    write_config(Path(), {"echo": source}, NAMED)
    assert crossfade("again", "say", "hi") == (0, "hi", "")
    assert crossfade("echo", "say", "hi")[0] == 2


@pytest.mark.usefixtures("folder")
def test_commands_called_like_others_are_refused() -> None:
    source = ECHO.replace("    @hook", '    commands = "serve"\n    @hook', 1)
    write_config(Path(), {"echo": source}, NAMED)
    code, _, said = crossfade("echo", "say", "hi")
    assert code == 2
    assert "its commands are called serve, as others are already" in said


def test_no_plugin_may_be_called_like_a_command_of_ours() -> None:
    assert set(COMMANDS) >= set(typer.main.get_group(app).commands)
