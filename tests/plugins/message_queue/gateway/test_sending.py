"""How a sending fails: in words of a closed list."""

from plugins.message_queue.gateway.sending import CODES, Failure, SendError


def test_the_codes_are_those_of_the_agreement() -> None:
    assert len(set(CODES)) == len(CODES) == 14


def test_an_error_says_why_and_no_more() -> None:
    error = SendError(Failure("TIMEOUT", "unknown", "retry", "the platform did not answer"))
    assert str(error) == "the platform did not answer"
    assert error.failure.retry_after is None
