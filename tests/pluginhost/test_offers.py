"""What plugins offer to each other."""

from proxy.pluginhost.offers import Offers


class Clock:
    """A service."""


class Bell:
    """Another one."""


def test_what_was_offered_last_is_found() -> None:
    offers, old, new = Offers(), Clock(), Clock()
    assert offers.shared(Clock) is None
    offers.share("a", Clock, old)
    offers.share("b", Clock, new)
    assert offers.shared(Clock) is new
    assert offers.shared(Bell) is None


def test_who_withdraws_leaves_what_others_offer() -> None:
    offers, old, new = Offers(), Clock(), Clock()
    offers.share("a", Clock, old)
    offers.share("b", Clock, new)
    offers.share("b", Bell, Bell())
    offers.withdraw("b")
    assert offers.shared(Clock) is old
    assert offers.shared(Bell) is None
    offers.withdraw("a")
    assert offers.shared(Clock) is None
