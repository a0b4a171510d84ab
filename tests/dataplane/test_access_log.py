"""The access log picks the right requests and writes lines that no request can break."""

import io
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.models import AccessLog as AccessSettings
from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.access_log import AccessEntry, AccessLog, KeyHash
from tests.controlplane.log_lines import logging_into

HASH = KeyHash(b"a secret of this test")

ENTRY = AccessEntry(
    request_id="r-1",
    trace_id=None,
    client="127.0.0.1",
    method=b"GET",
    path=b"/api/campaigns",
    route="campaigns",
    arm="new",
    reason=Reason.PERCENTAGE,
    status=200,
    seconds=0.0123,
    bytes_in=10,
    bytes_out=20,
    key=b"user-1",
    endpoint="127.0.0.1:3000",
    generation=7,
)


def written(entry: AccessEntry, log_format: str = "json") -> str:
    with logging_into(io.StringIO(), log_format) as out:
        AccessLog(AccessSettings(sample=1.0), HASH).write(entry)
    return out.getvalue()


def wants(sample: float, status: int, reason: Reason, request_id: str = "r-1") -> bool:
    return AccessLog(AccessSettings(sample=sample), HASH).wants(status, reason, request_id)


def test_with_a_sample_of_0_no_success_is_logged_and_with_1_every_one() -> None:
    assert not any(wants(0.0, 200, Reason.PERCENTAGE, f"r-{n}") for n in range(100))
    assert all(wants(1.0, 200, Reason.PERCENTAGE, f"r-{n}") for n in range(100))


@pytest.mark.parametrize("reason", list(FAULTS))
def test_every_fault_is_logged_whatever_the_sample(reason: Reason) -> None:
    assert wants(0.0, 0, reason)


def test_every_status_from_500_up_is_logged_whatever_the_sample() -> None:
    assert wants(0.0, 500, Reason.PERCENTAGE)
    assert not wants(0.0, 499, Reason.PERCENTAGE)


def test_a_sample_is_about_its_share_and_the_same_in_every_process() -> None:
    log = AccessLog(AccessSettings(sample=0.25), HASH)
    picked = {n for n in range(4000) if log.wants(200, Reason.ROUTE, f"request-{n}")}
    again = AccessLog(AccessSettings(sample=0.25), KeyHash(b"another"))
    assert picked == {n for n in range(4000) if again.wants(200, Reason.ROUTE, f"request-{n}")}
    assert 850 < len(picked) < 1150


def test_a_larger_sample_contains_the_smaller_one() -> None:
    small, large = (AccessLog(AccessSettings(sample=s), HASH) for s in (0.1, 0.5))
    ids = [f"request-{n}" for n in range(1000)]
    picked = {one for one in ids if small.wants(200, Reason.ROUTE, one)}
    assert picked <= {one for one in ids if large.wants(200, Reason.ROUTE, one)}


def test_a_line_says_what_happened_and_not_who_it_was() -> None:
    line = orjson.loads(written(ENTRY))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "r-1",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/api/campaigns",
        "status": 200,
        "route": "campaigns",
        "arm": "new",
        "reason": "percentage",
        "ms": 12.3,
        "bytes_in": 10,
        "bytes_out": 20,
        "generation": 7,
        "endpoint": "127.0.0.1:3000",
        "key_hash": HASH(b"user-1"),
    }


def test_a_failure_is_a_warning() -> None:
    failed = replace(ENTRY, status=200, reason=Reason.UPSTREAM_CUT)
    assert orjson.loads(written(failed))["level"] == "warning"


@pytest.mark.parametrize("path", [b"/a?token=hunter2", b"/a;jsessionid=hunter2", b"/a#hunter2"])
def test_what_may_be_a_secret_behind_the_path_is_not_logged(path: bytes) -> None:
    line = written(replace(ENTRY, path=path))
    assert orjson.loads(line)["path"] == "/a"
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://ops:hunter2@legacy/a?b", "legacy/a"),
        (b"http://legacy/a@b", "legacy/a@b"),
        (b"ops:hunter2@legacy:443", "legacy:443"),
        (b"*", "*"),
        (b"//ops@x/a", "//ops@x/a"),
    ],
)
def test_a_target_of_another_form_is_logged_without_a_password(target: bytes, path: str) -> None:
    assert orjson.loads(written(replace(ENTRY, path=target)))["path"] == path


def test_a_log_made_before_new_settings_follows_them() -> None:
    log = AccessLog(AccessSettings(sample=1.0), HASH)
    with logging_into(io.StringIO()) as before, logging_into(io.StringIO()) as after:
        log.write(ENTRY)
    assert (before.getvalue(), after.getvalue().count("\n")) == ("", 1)


def test_a_long_path_is_cut() -> None:
    path = orjson.loads(written(replace(ENTRY, path=b"/" + b"a" * 10_000)))["path"]
    assert path == "/" + "a" * 255 + "..."


@given(st.binary(max_size=300), st.binary(max_size=40), st.text(max_size=40))
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_request_can_break_out_of_its_line(
    log_format: str, path: bytes, method: bytes, request_id: str
) -> None:
    entry = replace(ENTRY, path=path, method=method, request_id=request_id, trace_id=request_id)
    text = written(entry, log_format)
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert text.isascii()
    assert len(text) < 4096


def test_a_forged_line_stays_inside_its_value() -> None:
    forged = b'/\n{"event":"request","status":200}\r\n\x1b[31m\xe2\x80\xa8\xc2\x85'
    text = written(replace(ENTRY, path=forged))
    assert len(text.splitlines()) == 1
    expected = '/\\x0a{"event":"request","status":200}\\x0d\\x0a\\x1b[31m\\xe2\\x80\\xa8\\xc2\\x85'
    assert orjson.loads(text)["path"] == expected


def test_a_key_hash_is_stable_short_and_different_under_another_secret() -> None:
    assert KeyHash(b"one")(b"user-1") == KeyHash(b"one")(b"user-1")
    assert KeyHash(b"one")(b"user-1") != KeyHash(b"two")(b"user-1")
    assert KeyHash(b"one")(b"user-1") != KeyHash(b"one")(b"user-2")
    assert len(KeyHash(b"x" * 1000)(b"user-1")) == 16
