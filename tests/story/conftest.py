"""Upstreams and switches that the stories share."""

from collections.abc import Iterator

import pytest

from tests.kit.answering import AnsweringUpstream, plain
from tests.kit.upstream import ScriptedUpstream


@pytest.fixture
def old() -> Iterator[AnsweringUpstream]:
    upstream = AnsweringUpstream(lambda _: plain(b"old"))
    yield upstream
    upstream.close()


@pytest.fixture
def fresh() -> Iterator[AnsweringUpstream]:
    upstream = AnsweringUpstream(lambda _: plain(b"fresh"))
    yield upstream
    upstream.close()


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def other() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()
