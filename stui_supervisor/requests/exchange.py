"""Requests and replies on the link: numbered, encoded, paired, and each ended with its effects."""

from __future__ import annotations

from typing import NamedTuple

from stui_supervisor.config import COPY_MAX_VALUES, REPLY_MAX_VALUES, Settings
from stui_supervisor.errors import BackendError, ConfigurationError, NotSent, OutcomeUnknown, RequestError
from stui_supervisor.events import Announce, Problem, RequestFinished
from stui_supervisor.machine.states import Outcome
from stui_supervisor.moment import Moment
from stui_supervisor.peer.backend_session import SessionId
from stui_supervisor.problems import ProblemCode
from stui_supervisor.requests import guarantees
from stui_supervisor.requests.backend_clock import BackendClock
from stui_supervisor.requests.messages import Finish, RequestEffect, Send
from stui_supervisor.requests.request import LOOK_FIRST, SAFE_TO_REPEAT, Ended, Flight, Purpose, Request
from stui_supervisor.requests.request_queue import RequestQueue
from stui_supervisor.security.masks import Masks
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.commands import TOKEN_PARAMETER, WITH_TOKEN
from stui_supervisor.wire.dialects import Dialect, Members, Operation, Reply, compose, decode, encode, json_of
from stui_supervisor.wire.strict_json import MalformedMessage

_TOKEN_BYTES = 8
_PUSH = "update_session_state"
# A push is answered with what was pushed.
_MAY_BRING_A_COPY = (Purpose.HANDSHAKE, Purpose.PUSH, Purpose.COPY, Purpose.OWNER)


class PairedReply(NamedTuple):
    """A reply to the message that was in flight; where there were two, perhaps not to the latest."""

    purpose: Purpose
    reply: Reply | MalformedMessage
    rtt_s: float
    is_to_latest: bool = True


class Exchange:
    """What is said on the links of one supervisor, one message at a time."""

    def __init__(self, settings: Settings, masks: Masks | None = None) -> None:
        self.masks = masks or Masks()
        self._outbox = RequestQueue(settings)
        self._tokens = 0
        self._capabilities: frozenset[str] = frozenset()
        self._secret: Secret | None = None
        self._link = 0
        self._clock = BackendClock()

    @property
    def flight(self) -> Flight | None:
        """The message on the link."""
        return self._outbox.flight

    @property
    def waiting(self) -> int:
        """Requests that somebody waits for."""
        return len(self._outbox)

    def submit(self, request: Request, now: Moment) -> list[RequestEffect]:
        """Queue a request; a full queue ends it at once."""
        ended = self._outbox.submit(request)
        return _end(ended, now) if ended else []

    def refuse(self, request: Request, why: str, now: Moment, failure: str | None = None) -> list[RequestEffect]:
        """End a request that cannot even wait; ``failure`` is the kind of what keeps the link away."""
        return _end(Ended(request, NotSent(why, hint=SAFE_TO_REPEAT, failure=failure)), now)

    def cancel(self, number: int, now: Moment) -> list[RequestEffect]:
        """Nobody waits for the request; it is not delivered if it was not sent yet."""
        ended = self._outbox.cancel(number)
        return _end(ended, now) if ended else []

    def ask(
        self,
        link: int,
        purpose: Purpose,
        dialect: Dialect,
        operation: Operation,
        now: Moment,
        secret: Secret | None = None,
    ) -> Send:
        """Send a message of the supervisor's own; it takes the one place in flight."""
        self._use(link)
        if secret is not None:
            self.masks.add(secret)
            operation = Operation(operation.command, {**operation.parameters, TOKEN_PARAMETER: secret.reveal()})
        token = self._next_token()
        body = encode(dialect, operation, message_id=token.hex(), at=now.utc)
        self._outbox.sent(token, now.monotonic_s, purpose, size=len(body))
        return Send(link, token, body)

    def begin_push(self, link: int, purpose: Purpose, now: Moment) -> bytes:
        """Keep the one place in flight for the work context, which is encoded in parts; the token to ``push`` it by."""
        self._use(link)
        token = self._next_token()
        self._outbox.sent(token, now.monotonic_s, purpose)
        return token

    def push(self, link: int, token: bytes, dialect: Dialect, session: SessionId, state: bytes, now: Moment) -> Send:
        """Send the work context, JSON already, to a backend session, in the place that was kept for it."""
        members = {"session_id": json_of(session), "state_data": state}
        body = compose(dialect, _PUSH, members, message_id=token.hex(), at=now.utc)
        self._outbox.begins(token, now.monotonic_s, size=len(body))
        return Send(link, token, body)

    def send_next(self, link: int, dialect: Dialect, now: Moment) -> list[RequestEffect]:
        """Send the request whose turn it is, if nothing is in flight."""
        request = self._outbox.take(now.monotonic_s)
        if request is None:
            return []
        self._use(link)
        try:
            added = {
                **guarantees.members_for(request, self._capabilities, self._clock, now),
                **self._token_for(request),
            }
            body = compose(
                dialect, request.command, request.members, message_id=request.message_id, at=now.utc, added=added
            )
        except ConfigurationError as error:
            refusal = Ended(request, NotSent(f"it cannot be said in the {dialect} dialect: {error}"))
            return [*_end(refusal, now), *self.send_next(link, dialect, now)]
        token = self._next_token()
        self._outbox.sent(token, now.monotonic_s, Purpose.REQUEST, request, size=len(body))
        return [Send(link, token, body)]

    def received(self, token: bytes, body: bytes, now: Moment) -> tuple[PairedReply | None, list[RequestEffect]]:
        """Pair a reply with what is in flight; a late one pairs with nothing and is dropped unread."""
        flight = self._outbox.landed(token)
        if flight is None:
            return None, []
        reply: Reply | MalformedMessage
        try:
            reply = decode(
                body, max_values=COPY_MAX_VALUES if flight.purpose in _MAY_BRING_A_COPY else REPLY_MAX_VALUES
            )
        except MalformedMessage as error:
            reply = error
        reply = self.masks.error(reply, body) if flight.request else self.masks.reply(reply, body)
        if isinstance(reply, Reply) and reply.at is not None and len(flight.tokens) == 1:
            self._clock.showed(reply.at, flight.sent_at, now.monotonic_s)
        rtt_s = now.monotonic_s - flight.sent_at
        landed = PairedReply(flight.purpose, reply, rtt_s, is_to_latest=token == flight.tokens[-1])
        return landed, self._finish(flight.request, reply, now) if flight.request else []

    def link_up(self, capabilities: frozenset[str] = frozenset(), secret: Secret | None = None) -> None:
        """A link is there to send on, to a backend with these capabilities, which may want this token."""
        self._capabilities, self._secret = capabilities, secret
        self.masks.add(secret)
        self._outbox.link_up()

    def woke(self) -> None:
        """This machine has slept, and its monotonic clock perhaps too."""
        self._clock.forget()

    def not_taken(self, token: bytes) -> None:
        """The link did not take the message."""
        self._outbox.put_back(token)

    def link_down(self, now: Moment, *, reason: str, keep_waiting: bool) -> list[RequestEffect]:
        """The link is gone, and with ``keep_waiting`` False also the hope for another."""
        ended = self._outbox.link_down(now.monotonic_s, reason=reason, keep_waiting=keep_waiting)
        return [effect for one in ended for effect in _end(one, now)]

    def end_waiting(self, reason: str, now: Moment) -> list[RequestEffect]:
        """What waits is sent no more."""
        return [effect for one in self._outbox.end_waiting(reason) for effect in _end(one, now)]

    def expire(self, now: Moment, trouble: str | None = None, failure: str | None = None) -> list[RequestEffect]:
        """End what has waited long enough, because of the ``trouble``, if any, and of its kind."""
        return [effect for one in self._outbox.expire(now.monotonic_s, trouble, failure) for effect in _end(one, now)]

    def end_of_process(self, now: Moment, *, on_this_link: bool = False) -> list[RequestEffect]:
        """The process may be another one than that of an earlier link, or of this one till now."""
        if on_this_link:
            self._outbox.outlived_by_waiting()
        return [effect for one in self._outbox.end_of_process() for effect in _end(one, now)]

    def has_next(self, now: float) -> bool:
        """True when a request is there to be sent."""
        return self._outbox.has_next(now)

    def next_deadline(self) -> float:
        """When ``expire`` has something to do."""
        return self._outbox.next_deadline()

    def _finish(self, request: Request, reply: Reply | MalformedMessage, now: Moment) -> list[RequestEffect]:
        if isinstance(reply, MalformedMessage):
            error = OutcomeUnknown(f"the reply cannot be read: {reply}", hint=LOOK_FIRST)
            return _over(request, Outcome.OUTCOME_UNKNOWN, None, error, now)
        if reply.ok:
            return _over(request, Outcome.REPLIED, reply, None, now)
        kept = guarantees.refusal(request, reply, self._capabilities)
        if kept is not None:
            is_too_early = guarantees.is_too_early(request, reply, self._capabilities, now.monotonic_s)
            problem = _clocks_differ(now) if is_too_early and self._clock.distrust() else []
            return [*_end(Ended(request, kept), now), *problem]
        refused = BackendError(reply.message or "", error_type=reply.error_type or "Error")
        return _over(request, Outcome.BACKEND_ERROR, None, refused, now)

    def _token_for(self, request: Request) -> Members:
        """What a backend asks for in such a message, unless the caller gave it; it stays in no request."""
        if TOKEN_PARAMETER in request.members:
            if isinstance(own := request.parameters[TOKEN_PARAMETER], str):
                self.masks.add(Secret(own))
                self.masks.add(self._secret)  # however many a program uses, the link's own is not forgotten
            return {}
        if self._secret is None or request.command not in WITH_TOKEN:
            return {}
        return {TOKEN_PARAMETER: json_of(self._secret.reveal())}

    def _use(self, link: int) -> None:
        """Something goes out on this link; who answers on another one may have another clock."""
        if link != self._link:
            self._link, self._clock = link, BackendClock()

    def _next_token(self) -> bytes:
        self._tokens += 1
        return self._tokens.to_bytes(_TOKEN_BYTES, "big")


def _clocks_differ(now: Moment) -> list[RequestEffect]:
    message = "the backend refused a request as too late that had time left"
    hint = "requests on this link carry no deadline from now on; see that the backend's clock runs steadily"
    return [Announce(Problem(at=now.utc, code=ProblemCode.DEADLINE_REFUSED, message=message, hint=hint))]


def _end(ended: Ended, now: Moment) -> list[RequestEffect]:
    outcome = Outcome.NOT_SENT if isinstance(ended.error, NotSent) else Outcome.OUTCOME_UNKNOWN
    return _over(ended.request, outcome, None, ended.error, now)


def _over(
    request: Request, outcome: Outcome, reply: Reply | None, error: RequestError | None, now: Moment
) -> list[RequestEffect]:
    duration_ms = (now.monotonic_s - request.submitted_at) * 1000
    command, request_id = request.command, request.message_id
    event = RequestFinished(
        at=now.utc, command=command, outcome=outcome, duration_ms=duration_ms, request_id=request_id
    )
    if error is not None:
        error.request_id = request_id
    return [Finish(request.number, reply, error), Announce(event)]
