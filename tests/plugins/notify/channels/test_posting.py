"""A message is posted once, within bounds, and nothing of the URL is told."""

import pytest

from plugins.notify.channels.channel import NotToldError
from plugins.notify.channels.posting import Posting
from tests.kit.running import free_port
from tests.plugins.notify.receiving import Answer, Receiver, receiver
from tests.plugins.notify.stores.bench import NOW


def posting(there: Receiver, timeout: float = 5.0) -> Posting:
    return Posting(there.url, timeout, lambda: NOW, ("hush",))


async def test_what_is_answered_is_told_in_words() -> None:
    async with receiver() as there:
        there.answers = [Answer(202, "thank  you\n")]
        to = posting(there)
        assert await to.post(b"{}", {"X-More": "1"}) == "202 thank you"
        await to.close()
    assert there.got[0].headers["x-more"] == "1"
    assert there.got[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "final"), [(301, False), (400, False), (404, False), (413, True), (422, True),
                          (429, False), (503, False)]
)  # fmt: skip
async def test_what_is_not_taken_is_an_error_and_no_redirect_is_followed(
    status: int, final: bool
) -> None:
    async with receiver() as there:
        there.answers = [Answer(status, "no", {"Location": there.url, "Retry-After": "120"})]
        to = posting(there)
        with pytest.raises(NotToldError, match=f"answered {status} no") as raised:
            await to.post(b"{}", {})
        await to.close()
    assert (raised.value.final, raised.value.after) == (final, 120.0)
    assert len(there.got) == 1


async def test_an_answer_that_quotes_a_secret_is_told_without_it() -> None:
    async with receiver() as there:
        there.answers = [Answer(404, f"{there.url} hush {'x' * 10_000}")]
        to = posting(there)
        with pytest.raises(NotToldError) as raised:
            await to.post(b"{}", {})
        await to.close()
    said = str(raised.value)
    assert said.startswith("answered 404 *** *** xxx")
    assert len(said) < 250


async def test_who_does_not_answer_in_time_is_given_up() -> None:
    async with receiver() as there:
        there.stuck = True
        to = posting(there, timeout=0.05)
        with pytest.raises(NotToldError, match=r"no answer within 0\.05 s"):
            await to.post(b"{}", {})
        await to.close()


async def test_who_is_not_there_is_told_of_without_the_url() -> None:
    to = Posting(f"http://127.0.0.1:{free_port()}/hush", 5.0, lambda: NOW)
    with pytest.raises(NotToldError, match="no connection: Client") as raised:
        await to.post(b"{}", {})
    await to.close()
    assert "hush" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)


@pytest.mark.parametrize(
    "quoted",
    ["/hooks/a-secret-word?key=another%20secret", "/hooks/a-secret-word", "a-secret-word",
     "another%20secret", "another secret", "key=another secret"],
)  # fmt: skip
async def test_no_part_of_the_url_that_is_secret_is_told(quoted: str) -> None:
    async with receiver() as there:
        there.answers = [Answer(404, f"Cannot POST {quoted} here")]
        url = f"{there.url}/hooks/a-secret-word?key=another%20secret"
        to = Posting(url, 5.0, lambda: NOW)
        with pytest.raises(NotToldError) as raised:
            await to.post(b"{}", {})
        await to.close()
    assert "secret" not in str(raised.value)
    assert str(raised.value).endswith(" here")


async def test_one_that_is_closed_opens_no_connection_that_nobody_would_close() -> None:
    to = Posting(f"http://127.0.0.1:{free_port()}/hush", 5.0, lambda: NOW)
    await to.close()
    with pytest.raises(NotToldError, match="the channel is closed") as told:
        await to.post(b"{}", {})
    assert not told.value.final
    assert to._session is None
