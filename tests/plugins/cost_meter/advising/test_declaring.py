"""What is said of advice has bounds."""

import pytest
from pydantic import ValidationError

from plugins.cost_meter.advising.declaring import AdviceSettings


def test_advice_is_looked_for_unless_it_is_switched_off() -> None:
    assert AdviceSettings().enabled
    assert AdviceSettings().trial == 5.0


@pytest.mark.parametrize(
    ("key", "value"),
    [("every", 1), ("window", 60), ("min_sample", 1), ("sample", 10), ("trial", 0)],
)
def test_what_would_be_no_evidence_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        AdviceSettings.model_validate({key: value})
