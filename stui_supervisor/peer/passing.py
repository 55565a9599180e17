"""What an error of the image means for a session: that it is so, or that it failed this time.

By an error that passes nothing is decided: no session is given up for it, none is made and nothing is pushed over
what could not be read. It is asked again.
"""

from __future__ import annotations

from typing import Final

from stui_supervisor.wire.dialects import Reply
from stui_supervisor.wire.strict_json import MalformedMessage

# An old server answers what it does not know with an Error, and in an envelope a session that is gone is an object
# that is not found. What is not named here, or cannot be read, says nothing of the session.
_DEFINITE: Final = frozenset(
    {
        "SessionNotFound",
        "SessionError",
        "Error",
        "ObjectNotFound",
        "InvalidRequest",
        "UnsupportedOperation",
        "PermissionDenied",
        "AuthenticationFailed",
    }
)

_TAKEN: Final = "update_successful"  # of a push


def is_passing(reply: Reply | MalformedMessage) -> bool:
    """True when the same request may be answered otherwise in a moment, or was answered to no effect."""
    if isinstance(reply, MalformedMessage):
        return True
    return reply.result.get(_TAKEN) is False if reply.ok else reply.error_type not in _DEFINITE
