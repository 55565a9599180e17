"""What a request carries to a backend that promises to refuse expired and repeated ones, and what a refusal means."""

from __future__ import annotations

import json
import math
from datetime import timedelta

from stui_supervisor.config import DEADLINE_MAX_S
from stui_supervisor.errors import NotSent, OutcomeUnknown, RequestError
from stui_supervisor.inputs import Moment
from stui_supervisor.requests import LOOK_FIRST, SAFE_TO_REPEAT, Request
from stui_supervisor.wire.capabilities import (
    DEADLINE,
    DEADLINE_PARAMETER,
    EXPIRED,
    IDEMPOTENCY,
    KEY_PARAMETER,
    REPEATED,
    with_parameters,
)
from stui_supervisor.wire.dialects import Reply, timestamp


def body_for(request: Request, capabilities: frozenset[str], now: Moment) -> bytes:
    """The request's bytes for a backend with these capabilities. Raises ConfigurationError when they are too many.

    A request is sent again only when it may run twice, so that just its first sending carries the key.
    """
    if not capabilities:
        return request.body
    given, members = request.operation.parameters, []  # the caller's own words count
    remaining_s = math.inf if request.deadline is None else request.deadline - now.monotonic_s
    if DEADLINE in capabilities and remaining_s <= DEADLINE_MAX_S and DEADLINE_PARAMETER not in given:
        deadline = now.utc + timedelta(seconds=remaining_s)
        members.append(f'"{DEADLINE_PARAMETER}":"{timestamp(deadline)}"')
    if IDEMPOTENCY in capabilities and not request.sendings and KEY_PARAMETER not in given:
        members.append(f'"{KEY_PARAMETER}":{json.dumps(request.message_id)}')
    return with_parameters(request.body, request.dialect, ",".join(members).encode()) if members else request.body


def refusal(request: Request, reply: Reply, capabilities: frozenset[str]) -> RequestError | None:
    """What an error means for the request that the backend refused as promised; None for any other error."""
    if reply.error_type == EXPIRED and DEADLINE in capabilities:
        if request.sendings > 1:
            return OutcomeUnknown("its time was over when the backend got it again", hint=LOOK_FIRST)
        return NotSent("its time was over when the backend got it, which did not run it", hint=SAFE_TO_REPEAT)
    if reply.error_type == REPEATED and IDEMPOTENCY in capabilities:
        return OutcomeUnknown("the backend has had it before", hint=LOOK_FIRST)
    return None
