"""The matrix says something of each failure, and nothing that contradicts itself."""

import pytest

from plugins.orchestrator.deciding.calls import FailureClass
from plugins.orchestrator.deciding.codes import STATUSES
from plugins.orchestrator.deciding.matrix import (
    MATRIX,
    Again,
    Effect,
    Elsewhere,
    Models,
    as_markdown,
)

FINAL = (
    FailureClass.INVALID,
    FailureClass.CONTENT_FILTER,
    FailureClass.CUT,
    FailureClass.DEADLINE,
    FailureClass.CANCELLED,
)


def test_there_is_a_row_for_each_way_of_failing() -> None:
    assert set(MATRIX) == set(FailureClass)


@pytest.mark.parametrize("kind", FINAL)
def test_what_nobody_else_could_do_better_is_final(kind: FailureClass) -> None:
    row = MATRIX[kind]
    assert (row.again, row.elsewhere, row.models) == (Again.NO, Elsewhere.NO, Models.NO)


@pytest.mark.parametrize("kind", FailureClass)
def test_a_client_is_never_told_to_mend_what_a_provider_has_broken(kind: FailureClass) -> None:
    is_theirs = MATRIX[kind].effect is Effect.NOTHING and kind not in (
        FailureClass.CONFLICT,
        FailureClass.DEADLINE,
        FailureClass.CANCELLED,
        FailureClass.BUDGET,
    )
    status = STATUSES[MATRIX[kind].code]
    assert is_theirs == (400 <= status < 500 and status != 429)


def test_only_what_says_something_about_the_deployment_counts_against_it() -> None:
    counted = (Effect.FAILURE, Effect.NO_CONNECTION, Effect.SLOW_FAILURE)
    assert {kind for kind, row in MATRIX.items() if row.effect in counted} == {
        FailureClass.CONNECT,
        FailureClass.TIMEOUT,
        FailureClass.SERVER,
        FailureClass.MALFORMED,
        FailureClass.CUT,
    }


def test_what_may_have_been_generated_is_never_called_free() -> None:
    assert {kind for kind, row in MATRIX.items() if not row.free} == {
        FailureClass.TIMEOUT,
        FailureClass.CONFLICT,
        FailureClass.CONTENT_FILTER,
        FailureClass.MALFORMED,
        FailureClass.CUT,
        FailureClass.DEADLINE,
        FailureClass.CANCELLED,
    }


def test_the_table_has_a_line_for_each_row_and_the_same_cells_in_each() -> None:
    lines = as_markdown().splitlines()
    assert len(lines) == len(MATRIX) + 2
    assert {line.count("|") for line in lines} == {7}
