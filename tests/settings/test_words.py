"""Types in words."""

from ipaddress import IPv6Network
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval
from pydantic import Field, SecretStr

from proxy.settings.shape import shape_of


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (int, "a whole number"),
        (Annotated[int, Field(ge=1)], "a whole number of at least 1"),
        (Annotated[int, Interval(gt=0, lt=5)], "a whole number above 0 and below 5"),
        (Annotated[float, Field(le=5, multiple_of=0.5)], "a number of at most 5 in steps of 0.5"),
        (Annotated[float, Field(ge=0, le=1)] | None, "a number from 0 to 1"),
        (str, "text"),
        (Annotated[str, Field(min_length=1)], "text of at least 1 character"),
        (Annotated[str, Field(max_length=5)], "text of at most 5 characters"),
        (Annotated[list[int], Field(min_length=1)], "a list of at least 1 entry"),
        (Annotated[dict[str, int], Field(max_length=2)], "a mapping of at most 2 entries"),
        (tuple[int, str], "a list of 2 entries"),
        (Literal["a"], "a"),
        (Literal["a", True], "one of a, true"),
        (int | str | None, "a whole number or text"),
        (IPv6Network, "a network such as fd00::/8"),
        (SecretStr, "a secret"),
        (bool, "true or false"),
        (complex, "something else"),
    ],
)
def test_a_type_is_told_with_its_bounds(annotation: Any, wanted: str) -> None:
    assert shape_of(annotation).wanted() == wanted
