"""Every log line is one line, whoever wrote it and whatever is in it."""

import io
import logging
import warnings

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from proxy.controlplane.logs import KEY_VARIABLE, key_hash
from tests.controlplane.log_lines import Terminal, logging_into

VALUES = st.one_of(
    st.text(), st.integers(), st.floats(), st.none(), st.binary(), st.lists(st.text(), max_size=3)
)
FORMATS = pytest.mark.parametrize("log_format", ["json", "console"])


def test_a_line_is_a_json_object_with_time_level_and_event_first() -> None:
    with logging_into(io.StringIO()) as out:
        structlog.get_logger().info("reloaded", generation=3, request_id="r-1")
    line = out.getvalue()
    assert list(orjson.loads(line)) == ["timestamp", "level", "event", "generation", "request_id"]
    assert orjson.loads(line)["timestamp"].endswith("Z")


def test_libraries_log_through_the_same_renderer() -> None:
    with logging_into(io.StringIO()) as out:
        logging.getLogger("asyncio").error("took %s", "long")
    line = orjson.loads(out.getvalue())
    assert (line["level"], line["event"], line["logger"]) == ("error", "took long", "asyncio")


def test_a_warning_of_python_becomes_a_log_line() -> None:
    with logging_into(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("old", DeprecationWarning, "a.py", 1)
    assert "DeprecationWarning: old" in orjson.loads(out.getvalue())["event"]


def test_below_the_level_nothing_is_written() -> None:
    with logging_into(io.StringIO(), level="warning") as out:
        structlog.get_logger().info("reloaded")
        logging.getLogger("asyncio").info("noise")
    assert out.getvalue() == ""


def test_the_level_of_a_reload_counts_for_loggers_that_exist() -> None:
    logger = structlog.get_logger()
    with logging_into(io.StringIO(), level="warning"):
        logger.info("reloaded")
        with logging_into(io.StringIO(), level="info") as out:
            logger.info("reloaded")
    assert orjson.loads(out.getvalue())["event"] == "reloaded"


def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    with logging_into(Terminal(), "auto") as terminal:
        structlog.get_logger().info("reloaded")
    with logging_into(io.StringIO(), "auto") as pipe:
        structlog.get_logger().info("reloaded")
    assert "\x1b[" in terminal.getvalue()
    assert orjson.loads(pipe.getvalue())["event"] == "reloaded"


@FORMATS
@given(st.text(), st.dictionaries(st.sampled_from(["a", "path", "exception"]), VALUES))
def test_no_value_can_break_out_of_its_line(
    log_format: str, event: str, values: dict[str, object]
) -> None:
    with logging_into(io.StringIO(), log_format) as out:
        structlog.get_logger().info("request", said=event, **values)
        logging.getLogger("some.package").warning(event)
    lines = out.getvalue().splitlines()
    events = [line for line in lines if line and not line.startswith(" ")]
    assert len(events) == 2
    assert not any(set(line) & set("\r\x00\x1b\x07\x9b\u202e") for line in events)


@FORMATS
def test_an_exception_is_told_without_local_values_and_cannot_forge_a_line(log_format: str) -> None:
    def fail(token: str) -> None:
        raise ValueError("first\n2026-01-01 forged " + chr(27) + "[31m")

    secret = "".join(["hunt", "er2"])  # the traceback shows the source of the call
    with logging_into(io.StringIO(), log_format) as out:
        try:
            fail(secret)
        except ValueError:
            structlog.get_logger().exception("failed")
    text = out.getvalue()
    assert "ValueError: first" in text
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert not any(line.startswith("2026-01-01") for line in text.splitlines())


def test_a_value_that_json_has_no_word_for_is_written_all_the_same() -> None:
    with logging_into(io.StringIO()) as out:
        structlog.get_logger().info("odd", lone="\ud800", big=2**70, thing=object, raw=b"x")
    line = orjson.loads(out.getvalue().replace("\\ud800", "?"))
    assert (line["lone"], line["raw"]) == ("?", "b'x'")


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    with logging_into(FullDisk()) as out:
        structlog.get_logger().info("reloaded")
    assert out.getvalue() == ""


def test_key_hashes_agree_between_processes_with_the_same_secret_only() -> None:
    env = {KEY_VARIABLE: "a secret of the fleet"}
    assert key_hash(env)(b"user-1") == key_hash(env)(b"user-1")
    assert key_hash({})(b"user-1") != key_hash({})(b"user-1")
