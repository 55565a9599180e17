from __future__ import annotations

import pytest

from stui_supervisor.peer.passing import is_passing
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.handshakes import error, ok


@pytest.mark.parametrize(
    "error_type", ["InternalError", "Timeout", "RuntimeError", "EvaluationError", "unheard of", ""]
)
def test_an_error_that_says_nothing_of_the_session_passes(error_type: str) -> None:
    assert is_passing(error(error_type=error_type))


@pytest.mark.parametrize(
    "error_type",
    ["SessionNotFound", "SessionError", "Error", "ObjectNotFound", "InvalidRequest", "UnsupportedOperation"],
)
def test_an_error_that_says_what_there_is_does_not(error_type: str) -> None:
    assert not is_passing(error(error_type=error_type))


def test_what_cannot_be_read_passes_and_a_result_is_no_error() -> None:
    assert (is_passing(MalformedMessage("?")), is_passing(ok())) == (True, False)


def test_a_push_that_is_answered_and_was_not_taken_passes() -> None:
    assert [is_passing(ok(update_successful=taken)) for taken in (True, False, None)] == [False, True, False]
