"""What an error of the image means for a session: that it is so, or that it failed this time.

By an error that passes nothing is decided: no session is given up for it, none is made and nothing is pushed over
what could not be read. It is asked again.
"""

from __future__ import annotations

from typing import Final

from stui_supervisor.config import COPY_GIVEN_UP_S, PASSING_RETRY_S
from stui_supervisor.peer.asking_again import Denied
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


class Unread:
    """The image has a copy of ours that it did not give so far: since when, and when it is asked for again."""

    def __init__(self) -> None:
        self._again = Denied(PASSING_RETRY_S)
        self._session: object = None
        self._since = 0.0

    def begin(self) -> None:
        """A link is up; nothing was refused on it yet."""
        self._again.begin()

    def failed(self, session: object, now: float) -> bool:
        """The copy of this backend session was not given. True the first time on this link."""
        if session != self._session:
            self._session, self._since = session, now
        return self._again.again(now)

    def read(self) -> None:
        """It was, or it is certainly not there."""
        self._session = None
        self._again.begin()

    def is_given_up(self, session: object, now: float) -> bool:
        """True when the session was of no use for so long that servers would have ended it."""
        return session is not None and session == self._session and now - self._since >= COPY_GIVEN_UP_S

    def next_deadline(self) -> float | None:
        """The monotonic time at which to ask again."""
        return self._again.next_deadline()

    def take(self, now: float) -> bool:
        """True when it is to be asked for now."""
        return self._again.take(now)
