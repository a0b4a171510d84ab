"""The stand-in as a process: told by HTTP what to do, and keeping a file of what was asked."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.provider import close_before_head, status
from tests.kit.provider.process import ProviderProcess
from tests.kit.running import wait_until


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provider") / "log"


@pytest.fixture(scope="module")
def there(log: Path) -> Iterator[ProviderProcess]:
    with ProviderProcess(log=log) as running:
        yield running


def ask(there: ProviderProcess, attempt: str) -> int:
    """The status of a call; 0 where there is none."""
    request = urllib.request.Request(
        f"{there.url_openai}/chat/completions",
        data=b'{"model":"m"}',
        headers={"Authorization": "Bearer k", "X-Client-Request-Id": attempt, "X-Workflow-Id": "w"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            number: int = answer.status
            return number
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code
    except OSError:
        return 0


def test_each_call_is_in_the_file_at_once_with_its_begin_and_end(
    there: ProviderProcess, log: Path
) -> None:
    there.script("m", close_before_head(reset=True))
    assert [ask(there, "one"), ask(there, "two")] == [0, 200]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    said = [(one["event"], one["attempt"], one["executed"], one["ended"]) for one in lines]
    assert said == [
        ("begin", "one", False, ""),
        ("end", "one", False, "reset"),
        ("begin", "two", True, ""),
        ("end", "two", True, "answered"),
    ]
    assert {one["workflow"] for one in lines} == {"w"}


def test_it_is_scripted_and_read_over_http(there: ProviderProcess) -> None:
    there.stand("*", status(503))
    there.script("m", status(429), times=2)
    assert [ask(there, "three") for _ in range(3)] == [429, 429, 503]
    there.clear()
    there.stand("m", None)
    assert ask(there, "four") == 200
    assert there.calls()[-1]["attempt"] == "four"
    assert there.counts()["429"] == 2


def test_it_leaves_for_as_long_as_it_is_told(there: ProviderProcess) -> None:
    there.down(0.1)
    wait_until(lambda: ask(there, "five") == 0, "it is down")
    wait_until(lambda: ask(there, "six") == 200, "it is back")
    last = there.calls()[-1]
    assert (last["attempt"], last["ended"]) == ("six", "answered")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_script", b"[]"),
        ("/_script", b'{"name": "m", "step": null}'),
        ("/_script", b'{"name": "m", "step": {"colour": 1}}'),
        ("/_script", b'{"name": "m", "step": {}, "times": 1000000}'),
        ("/_down", b'{"seconds": "x"}'),
        ("/_nothing", b"{}"),
    ],
)
def test_nonsense_is_refused_with_words(there: ProviderProcess, path: str, body: bytes) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(there.url_azure + path, data=body, timeout=5)
    with caught.value as refusal:
        assert refusal.code in (400, 404)
        assert refusal.read()
