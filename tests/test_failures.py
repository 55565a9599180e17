from __future__ import annotations

import pytest

from stui_supervisor.errors import AuthenticationFailed, DifferentImage, IncompatibleBackend, KeyRefused
from stui_supervisor.failures import FAILURES, Failure, FailureKind, kind_named

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
    curve = FAILURES[kind].curve
    assert curve is None or 0.0 < curve.local_s <= curve.remote_s <= curve.cap_s


def test_a_failure_says_what_it_means_and_the_detail_where_there_is_one() -> None:
    assert str(Failure(FailureKind.REFUSED)) == "nothing listens there"
    assert str(Failure(FailureKind.REFUSED, "errno 111")) == "nothing listens there (errno 111)"


def test_these_need_a_person_and_no_others() -> None:
    assert {kind.value: each.rejection for kind, each in FAILURES.items() if each.rejection} == {
        "key_refused": KeyRefused,
        "authentication": AuthenticationFailed,
        "token_in_clear": AuthenticationFailed,
        "incompatible": IncompatibleBackend,
        "different_image": DifferentImage,
        "image_not_named": DifferentImage,
        "image_not_imported": DifferentImage,
    }


def test_what_neither_is_tried_again_nor_needs_a_person_is_waited_for() -> None:
    waited = [kind for kind, each in FAILURES.items() if each.curve is None and each.rejection is None]
    assert waited == [FailureKind.BUSY_HANDSHAKE]


def test_a_rejection_says_what_happened_and_what_to_do_in_the_words_of_the_table() -> None:
    rejection = Failure(FailureKind.AUTHENTICATION, "no such token").as_rejection()
    assert (type(rejection), str(rejection)) == (
        AuthenticationFailed,
        "the backend does not let this client in (no such token): give the right token, then reconnect",
    )


@KINDS
def test_a_rejection_carries_its_kind_and_a_stored_name_leads_back_to_it(kind: FailureKind) -> None:
    if FAILURES[kind].rejection is not None:
        assert Failure(kind).as_rejection().failure is kind
    assert kind_named(kind.value) is kind


@pytest.mark.parametrize("name", [None, "", "of a later version", 7, [], {}])
def test_a_name_that_says_nothing_here_is_no_kind(name: object) -> None:
    assert kind_named(name) is None


@pytest.mark.parametrize("kind", [kind for kind, each in FAILURES.items() if each.rejection is None])
def test_what_needs_nobody_is_no_rejection(kind: FailureKind) -> None:
    with pytest.raises(AssertionError, match="nobody is needed"):
        Failure(kind).as_rejection()
