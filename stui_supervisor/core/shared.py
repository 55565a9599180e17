"""What the coordinators of the core share: the turn, the leaves, and the supervisor's own questions on the link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stui_supervisor.config import LOOK_OLD_S, Settings
from stui_supervisor.context.parts import Parts
from stui_supervisor.core.attempt import Attempt
from stui_supervisor.core.effects import Effect
from stui_supervisor.events import Announce, Event
from stui_supervisor.link.backoff import Backoff
from stui_supervisor.link.lookout import Lookout
from stui_supervisor.link.roaming import Roaming
from stui_supervisor.link.route import Route
from stui_supervisor.moment import Moment
from stui_supervisor.notifications.subscription import Subscription
from stui_supervisor.peer.process import Lineage
from stui_supervisor.requests.exchange import Exchange
from stui_supervisor.requests.request import Purpose
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.profile_reading import ProfileReading
from stui_supervisor.session.session import Session
from stui_supervisor.wire.dialects import Dialect, Operation

BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)  # nothing has happened yet


class Turn:
    """The moment ``now`` and the ``effects`` so far, in their order.

    One object for the life of a core, begun anew with every input. Work that is done in parts goes on in a later turn
    than the one that it began in; as it holds this object, it then sees the present moment, and adds to the present
    effects.
    """

    def __init__(self) -> None:
        self.now = Moment(0.0, BEFORE_ALL)
        self.effects: list[Effect] = []

    def announce(self, event: Event) -> None:
        """Tell the user, and the journal, of this."""
        self.effects.append(Announce(event))


@dataclass(frozen=True, slots=True)
class Leaves:
    """What several coordinators ask; each knows no coordinator. ``parts`` is the work that takes several turns."""

    attempt: Attempt
    session: Session
    exchange: Exchange
    reading: ProfileReading
    parts: Parts
    backoff: Backoff
    route: Route
    lookout: Lookout
    lineage: Lineage
    roaming: Roaming
    subscription: Subscription


class Questions:
    """Sends messages of our own on the present link."""

    def __init__(self, turn: Turn, settings: Settings, leaves: Leaves) -> None:
        self._turn = turn
        self._settings = settings
        self._attempt = leaves.attempt
        self._exchange = leaves.exchange

    def ask(self, purpose: Purpose, operation: Operation) -> None:
        """Send this to an established backend, in its dialect and with the token of the link."""
        attempt = self._attempt
        self.ask_in(attempt.connection.dialect, purpose, operation, attempt.secret)

    def ask_in(self, dialect: Dialect, purpose: Purpose, operation: Operation, secret: Secret | None) -> None:
        """Send this in the given dialect and with this token, if any: while shaking hands neither is settled yet."""
        message = self._exchange.ask(self._attempt.link, purpose, dialect, operation, self._turn.now, secret)
        self._turn.effects.append(message)

    def ping(self) -> None:
        """Ask whether the image answers, and which image and process it is."""
        self.ask(Purpose.PING, Operation("ping", {}))

    @property
    def is_look_old(self) -> bool:
        """True when it is too long ago that the image said who it is."""
        interval_s = min(LOOK_OLD_S, self._settings.ping_interval_s)
        return self._attempt.connection.look.is_old(self._turn.now.monotonic_s, interval_s)
