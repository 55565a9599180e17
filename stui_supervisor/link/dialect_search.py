"""Which dialect to ping a backend in, until it answers a ping in one of the two."""

from __future__ import annotations

from stui_supervisor.config import HANDSHAKE_PINGS_MAX
from stui_supervisor.wire.dialects import Dialect, Reply
from stui_supervisor.wire.strict_json import MalformedMessage


class DialectSearch:
    """The pings of one handshake: in which dialects they were sent, and which of these was not understood.

    ``dialect`` is that of the latest ping, or the one that the backend has answered in.
    """

    def __init__(self, known: Dialect | None) -> None:
        self.dialect = known or Dialect.COMMAND
        self._pings = 0
        self._unanswered: set[Dialect] = set()
        self._not_understood: set[Dialect] = set()

    def ping(self, dialect: Dialect) -> None:
        """A ping is sent in this dialect."""
        self.dialect = dialect
        self._pings += 1
        self._unanswered.add(dialect)

    def after_silence(self) -> Dialect | None:
        """The dialect to ping in as well when no ping was answered for a while; None when both have been tried."""
        return None if len(self._unanswered) > 1 else _other(self.dialect)

    def take_answer(self) -> set[Dialect]:
        """Something has come back; the dialects of the pings that it may be the reply to, which then wait no more."""
        asked_in, self._unanswered = self._unanswered, set()
        return asked_in

    def not_understood(self, reply: Reply | MalformedMessage, asked_in: set[Dialect]) -> Dialect | None:
        """This reply to one of those pings identifies nobody; the dialect to ping in next, or None to give up."""
        may_ping = self._pings < HANDSHAKE_PINGS_MAX
        if isinstance(reply, Reply) and reply.dialect is not self.dialect and may_ping:
            return reply.dialect
        if len(asked_in) == 1:  # of two, nobody knows which one was not understood
            self._not_understood.add(self.dialect)
        other = _other(self.dialect)
        return other if may_ping and other not in self._not_understood else None


def _other(dialect: Dialect) -> Dialect:
    return Dialect.ENVELOPE if dialect is Dialect.COMMAND else Dialect.COMMAND
