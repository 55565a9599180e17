"""The small machines that several coordinators of the core share."""

from __future__ import annotations

from dataclasses import dataclass

from stui_supervisor.context.parts import Parts
from stui_supervisor.core.attempt import Attempt
from stui_supervisor.link.backoff import Backoff
from stui_supervisor.link.lookout import Lookout
from stui_supervisor.link.roaming import Roaming
from stui_supervisor.link.route import Route
from stui_supervisor.notifications.subscription import Listening
from stui_supervisor.peer.process import Lineage
from stui_supervisor.requests.exchange import Exchange
from stui_supervisor.session.profile_reading import ProfileReading
from stui_supervisor.session.session import Session


@dataclass(frozen=True, slots=True)
class Leaves:
    """Each answers when it is asked and knows none of the others. ``parts`` is the work that takes several turns."""

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
    subscription: Listening
