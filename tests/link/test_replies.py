from __future__ import annotations

import pytest

from stui_supervisor.failures import FailureKind
from stui_supervisor.link.replies import is_refusal, not_understood, refused, trouble_in, words_of
from stui_supervisor.link.steps import Failed, Rejected, Unpinned
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.wire.dialects import IncompatibleVersion, Reply
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.handshakes import COMMAND, ENVELOPE, GARBAGE, REFUSALS, error, ok


@REFUSALS
def test_an_error_refuses_the_credential_only_where_one_is_sent(refusal: str) -> None:
    assert is_refusal(error(error_type=refusal))
    assert not is_refusal(error(error_type=refusal), of="update_session_state")


def test_one_session_may_be_denied_to_whom_another_is_not() -> None:
    assert not is_refusal(error(error_type="PermissionDenied"), of="restore_session")
    assert is_refusal(error(error_type="AuthenticationFailed"), of="restore_session")


def test_a_refusal_says_whether_there_was_a_token() -> None:
    reply = error(error_type="AuthenticationFailed", message="no")
    assert "the token was refused: AuthenticationFailed: no" in refused(reply, has_token=True).message
    assert "no token was sent" in refused(reply, has_token=False).message


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(error_type="InternalError"), FailureKind.NOT_IDENTIFIED),
        (error(error_type="SyntaxError"), FailureKind.PROTOCOL),
        (GARBAGE, FailureKind.PROTOCOL),
    ],
)
def test_an_error_that_only_an_image_has_comes_from_one(reply: Reply | MalformedMessage, kind: FailureKind) -> None:
    assert not_understood(reply).kind is kind


@pytest.mark.parametrize(
    ("reply", "ending"),
    [
        (IncompatibleVersion("9.0"), Rejected),
        (GARBAGE, Failed),
        (ok(ENVELOPE, image_id="one"), Failed),
        (error(error_type="PermissionDenied"), Rejected),
        (ok(image_id="two"), Unpinned),
        (ok(), Unpinned),
        (error(error_type="InternalError"), None),
        (ok(image_id="one"), None),
    ],
)
def test_the_answer_to_a_ping_that_forbids_to_go_on_says_how_the_link_ends(
    reply: Reply | MalformedMessage, ending: type | None
) -> None:
    trouble = trouble_in(reply, COMMAND, pin="one", image=identity_of("one"), has_token=True)
    assert (None if trouble is None else type(trouble)) is ending


def test_another_image_where_none_is_pinned_ends_this_link_only() -> None:
    trouble = trouble_in(ok(image_id="two"), COMMAND, pin=None, image=identity_of("one"), has_token=False)
    assert isinstance(trouble, Failed)
    assert trouble.failure.kind is FailureKind.RESET


def test_a_reply_that_is_no_error_and_lacks_something_has_words_too() -> None:
    assert words_of(ok()) == "an answer without what it should hold"
