"""What a request carries to a backend that promises to refuse expired and repeated ones, and what a refusal means."""

from __future__ import annotations

from datetime import datetime

from stui_supervisor.config import DEADLINE_MAX_S
from stui_supervisor.errors import NotSent, OutcomeUnknown, RequestError
from stui_supervisor.moment import Moment
from stui_supervisor.requests.backend_clock import BackendClock
from stui_supervisor.requests.request import LOOK_FIRST, SAFE_TO_REPEAT, Request
from stui_supervisor.wire.capabilities import (
    DEADLINE,
    DEADLINE_PARAMETER,
    EXPIRED,
    IDEMPOTENCY,
    KEY_PARAMETER,
    REPEATED,
)
from stui_supervisor.wire.dialects import NO_MEMBERS, Members, Reply, json_of, timestamp


def members_for(request: Request, capabilities: frozenset[str], clock: BackendClock, now: Moment) -> Members:
    """What the request carries beside its own parameters to a backend with these capabilities.

    The deadline is written as the backend's ``clock`` shows it. A request is sent again only when it may run twice, so
    that just its first sending carries the key. The caller's own words count.
    """
    if not capabilities:
        return NO_MEMBERS
    members = {}
    deadline = _deadline_for(request, clock, now) if DEADLINE in capabilities else None
    if deadline is not None:
        members[DEADLINE_PARAMETER] = json_of(timestamp(deadline))
    if IDEMPOTENCY in capabilities and not request.sendings and KEY_PARAMETER not in request.members:
        members[KEY_PARAMETER] = json_of(request.message_id)
    return members


def _deadline_for(request: Request, clock: BackendClock, now: Moment) -> datetime | None:
    deadline = request.deadline
    if deadline is None or deadline - now.monotonic_s > DEADLINE_MAX_S or DEADLINE_PARAMETER in request.members:
        return None
    return clock.when(deadline, now)


def is_too_early(request: Request, reply: Reply, capabilities: frozenset[str], now: float) -> bool:
    """True for a refusal that says our own deadline is over while it is not: the backend's clock is another."""
    is_expired = reply.error_type == EXPIRED and DEADLINE in capabilities
    is_ours = DEADLINE_PARAMETER not in request.members
    return is_expired and is_ours and request.deadline is not None and now < request.deadline


def refusal(request: Request, reply: Reply, capabilities: frozenset[str]) -> RequestError | None:
    """What an error means for the request that the backend refused as promised; None for any other error."""
    if reply.error_type == EXPIRED and DEADLINE in capabilities:
        if request.sendings > 1:
            return OutcomeUnknown("its time was over when the backend got it again", hint=LOOK_FIRST)
        return NotSent("its time was over when the backend got it, which did not run it", hint=SAFE_TO_REPEAT)
    if reply.error_type == REPEATED and IDEMPOTENCY in capabilities:
        return OutcomeUnknown("the backend has had it before", hint=LOOK_FIRST)
    return None
