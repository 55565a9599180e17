from __future__ import annotations

import pytest

from stui_supervisor.failures import FAILURES, Failure, FailureKind

KINDS = pytest.mark.parametrize("kind", list(FailureKind))


@KINDS
def test_every_kind_is_explained_to_a_person_in_words_of_its_own(kind: FailureKind) -> None:
    meanings = [each.meaning for each in FAILURES.values()]
    assert meanings.count(FAILURES[kind].meaning) == 1
    assert FAILURES[kind].meaning.isascii()


@KINDS
def test_every_kind_comes_with_something_to_do(kind: FailureKind) -> None:
    assert FAILURES[kind].hint


@KINDS
def test_no_curve_ends_below_its_beginning(kind: FailureKind) -> None:
    failure = FAILURES[kind]
    assert 0.0 <= failure.local_s <= failure.remote_s <= failure.cap_s


def test_a_failure_says_what_it_means_and_the_detail_where_there_is_one() -> None:
    assert str(Failure(FailureKind.REFUSED)) == "nothing listens there"
    assert str(Failure(FailureKind.REFUSED, "errno 111")) == "nothing listens there (errno 111)"
