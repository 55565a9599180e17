"""What a request carries to a backend that promises to refuse expired and repeated ones, and what a refusal means."""

from __future__ import annotations

import json
from datetime import timedelta

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
    promises = {}
    if DEADLINE in capabilities and request.deadline is not None:
        promises[DEADLINE_PARAMETER] = timestamp(now.utc + timedelta(seconds=request.deadline - now.monotonic_s))
    if IDEMPOTENCY in capabilities and not request.sendings:
        promises[KEY_PARAMETER] = request.message_id
    members = [
        f"{json.dumps(name)}:{json.dumps(value)}"
        for name, value in promises.items()
        if name not in request.operation.parameters  # the caller's own word counts
    ]
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
