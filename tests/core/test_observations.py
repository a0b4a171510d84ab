"""Names of numbers go together and come apart again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.observations import Name, name, named
from proxy.core.reason import Arm

PART = st.text(st.characters(exclude_characters="\x1f"), max_size=10)


@given(PART, PART, st.sampled_from(Arm), PART)
def test_a_name_comes_apart_into_what_it_was_made_of(
    route: str, cohort: str, arm: Arm, what: str
) -> None:
    assert named(name(route, cohort, arm, what)) == Name(route, cohort, arm, what)


@pytest.mark.parametrize("text", ["", "a\x1fb\x1flegacy", "a\x1fb\x1fsome arm\x1fc"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not enough values|is not a valid Arm"):
        named(text)
