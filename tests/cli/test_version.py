"""The command line as a whole: its commands, and what it says it is."""

import platform

from typer.testing import CliRunner

from proxy import __version__
from proxy.cli.main import app


def test_the_version_names_the_product_and_its_python() -> None:
    ran = CliRunner().invoke(app, ["version"])
    assert ran.exit_code == 0
    assert ran.output.startswith(f"crossfade {__version__} (Python {platform.python_version()}")


def test_each_command_explains_itself() -> None:
    names = [command.name for command in app.registered_commands]
    expected = "serve check explain status reload ramp audit decide replay why version"
    assert set(expected.split()) <= set(names)
    for name in names:
        assert name is not None
        ran = CliRunner().invoke(app, [name, "--help"])
        assert ran.exit_code == 0
        assert name in ran.output


def test_each_group_of_commands_explains_itself_and_what_is_in_it() -> None:
    for name, commands in (
        ("plugins", ("list", "reload", "release")),
        ("config", ("history", "rollback")),
        ("rollouts", ("list", "show", "set", "start", "promote", "rollback", "kill", "lists")),
    ):
        ran = CliRunner().invoke(app, [name, "--help"])
        assert ran.exit_code == 0
        for command in commands:
            assert command in ran.output
            assert CliRunner().invoke(app, [name, command, "--help"]).exit_code == 0


def test_bad_usage_ends_with_2() -> None:
    assert CliRunner().invoke(app, ["serv"]).exit_code == 2
    assert CliRunner().invoke(app, ["check", "--nonsense"]).exit_code == 2
