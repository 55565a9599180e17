from __future__ import annotations

from stui_supervisor.backend.errors import Kind
from stui_supervisor.wire.dialects import Dialect

COMMAND_WORDS = {"Error", "RuntimeError", "SessionError", "SessionNotFound"}
ENVELOPE_WORDS = {"EvaluationError", "InternalError", "InvalidRequest", "ObjectNotFound", "UnsupportedOperation"}
OUR_WORDS = {"AuthenticationFailed", "DeadlineExceeded", "EvaluationError", "InvalidRequest", "RepeatedRequest"}


def test_every_refusal_has_a_word_that_clients_know() -> None:
    assert {kind.word(Dialect.COMMAND) for kind in Kind} == COMMAND_WORDS | OUR_WORDS
    assert {kind.word(Dialect.ENVELOPE) for kind in Kind} == ENVELOPE_WORDS | OUR_WORDS
