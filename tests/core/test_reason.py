"""The closed lists are closed: each reason is a decision or a fault, and says what it means."""

from http import HTTPStatus

import pytest

from proxy.core.reason import DECISIONS, FAULTS, Arm, Reason


def test_each_reason_is_either_a_decision_or_a_fault() -> None:
    assert set(DECISIONS) | set(FAULTS) == set(Reason)
    assert not set(DECISIONS) & set(FAULTS)


def test_a_reason_is_written_as_one_word_of_lower_case() -> None:
    for reason in Reason:
        assert reason.value == reason.name.lower()
        assert reason.value.replace("_", "").isalpha()


def test_there_are_two_arms_and_no_third() -> None:
    assert [arm.value for arm in Arm] == ["legacy", "new"]


@pytest.mark.parametrize("reason", FAULTS)
def test_a_fault_names_whose_it_is_and_a_status_of_that_side(reason: Reason) -> None:
    fault = FAULTS[reason]
    wanted = {
        "client": range(400, 506),
        "upstream": range(502, 505),
        "plugin": (500, 503, 504),
        "proxy": (500, 503),
    }
    if fault.status == 0:
        assert fault.blame == "client", "only to a client that has left nothing is said"
    else:
        assert fault.status in wanted[fault.blame]
        assert HTTPStatus(fault.status)


def test_each_sentence_is_a_sentence() -> None:
    for text in [*DECISIONS.values(), *(fault.detail for fault in FAULTS.values())]:
        assert text[0].isupper()
        assert text.endswith(".")


def test_only_what_is_programmed_wrongly_is_an_internal_server_error() -> None:
    found = {reason for reason, fault in FAULTS.items() if fault.status == 500}
    assert found == {Reason.INTERNAL, Reason.PLUGIN_FAILED}
