"""Why a backend answers with an error, and the word for it in each dialect."""

from __future__ import annotations

from enum import Enum

from stui_supervisor.wire.capabilities import EXPIRED, REPEATED
from stui_supervisor.wire.dialects import Dialect


class Kind(Enum):
    """Why a request is refused: the ``error_type`` of the command dialect and the ``code`` of the envelope."""

    INVALID_MESSAGE = ("InvalidRequest", "InvalidRequest")
    INVALID_PARAMETERS = ("Error", "InvalidRequest")
    UNKNOWN_COMMAND = ("Error", "UnsupportedOperation")
    UNKNOWN_OBJECT = ("Error", "ObjectNotFound")
    UNKNOWN_SESSION = ("SessionNotFound", "ObjectNotFound")
    TOO_MANY_SESSIONS = ("SessionError", "InvalidRequest")
    NOT_AUTHENTICATED = ("AuthenticationFailed", "AuthenticationFailed")
    NOT_EVALUATED = ("EvaluationError", "EvaluationError")
    EXPIRED = (EXPIRED, EXPIRED)
    REPEATED = (REPEATED, REPEATED)
    BROKEN = ("RuntimeError", "InternalError")

    def word(self, dialect: Dialect) -> str:
        """What the error is called on the wire."""
        command, envelope = self.value
        return str(command if dialect is Dialect.COMMAND else envelope)


class Refusal(Exception):
    """Raised for a request that is answered with an error; the text is the error's message."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
