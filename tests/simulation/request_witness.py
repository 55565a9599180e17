"""Every request ends once, in time, and as the backend's ledger has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stui_supervisor.config import EXPIRY_GRACE_S, HANDSHAKE_SILENCES, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Announce, CloseLink, Effect, Finish, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import BackendError, NotSent, OutcomeUnknown
from stui_supervisor.events import RequestFinished
from stui_supervisor.machine.states import Outcome, State
from stui_supervisor.requests.request import Request
from stui_supervisor.wire.service import decode_request
from tests.simulation.violation import demand

_ERRORS = {
    NotSent: Outcome.NOT_SENT,
    OutcomeUnknown: Outcome.OUTCOME_UNKNOWN,
    BackendError: Outcome.BACKEND_ERROR,
    type(None): Outcome.REPLIED,
}
_ROUNDED_S = 1e-6
_UP = (State.CONNECTED, State.DEGRADED)


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """A message that was sent and not answered yet."""

    command: str
    dialect: str
    sent_at: float


class RequestWitness:
    """Follows the requests of one program, and what is in flight for it."""

    def __init__(self, core: Core, settings: Settings) -> None:
        self.open: dict[int, Request] = {}
        self.ended: dict[str, tuple[Request, Outcome]] = {}
        self._core = core
        self._settings = settings
        self._sends: Counter[str] = Counter()
        self._not_taken: Counter[str] = Counter()
        self._tokens: dict[bytes, str] = {}
        self._in_flight: dict[bytes, OnTheWay] = {}
        self._has_restored = False
        self._echoed: set[str] = set()
        self._without_link_since = 0.0
        self._may_be_late_until = 0.0

    def disturbed(self, now: float) -> None:
        """The loop stood still until now: what came meanwhile is heard before a time is over."""
        self._may_be_late_until = now + EXPIRY_GRACE_S

    def saw(self, event: Input, effects: Sequence[Effect], now: float, state_before: State, deadline: float) -> None:
        """Judge one step."""
        if isinstance(event, inputs.Received) and event.token not in self._in_flight:
            said = [effect for effect in effects if isinstance(effect, Finish | Send)]
            demand(not said, f"a reply that nobody waits for leads to nothing, not to {said}")
        self._arrived(event)
        outcomes: list[Outcome] = []
        for effect in effects:
            match effect:
                case Send(_, token, body):
                    self._sent(token, body, now, is_up=state_before in _UP)
                case CloseLink():
                    self._in_flight.clear()
                    self._has_restored = False
                case Finish():
                    outcomes.append(self._finished(effect))
                case Announce(RequestFinished(outcome=outcome, request_id=request_id)):
                    is_told = outcomes[-1:] == [outcome] and next(reversed(self.ended), None) == request_id
                    demand(is_told, "each end of a request is announced once, as what it was, by its name")
        if state_before in _UP and self._core.state not in _UP:
            self._without_link_since = now
        self._check_times(event, now, deadline)

    def check_none_is_left(self, when: str) -> None:
        """At the end of a run nobody waits any more."""
        demand(not self.open, f"no request outlives {when}: {sorted(self.open)}")

    def check_ledger(self, ledger: Mapping[str, int]) -> None:
        """Compare with everything that any image has ever begun to do."""
        for message_id, (request, outcome) in self.ended.items():
            runs = ledger.get(message_id, 0)
            demand(outcome is not Outcome.NOT_SENT or runs == 0, f"request {message_id} was NotSent and never ran")
            demand(request.repeatable or runs <= 1, f"request {message_id} ran at most once, not {runs} times")
            demand(message_id not in self._echoed or runs >= 1, f"request {message_id} was answered, so it ran")

    def _arrived(self, event: Input) -> None:
        match event:
            case inputs.Submit(request):
                self.open[request.number] = request
            case inputs.NotTaken(_, token):
                self._in_flight.pop(token, None)
                self._not_taken[self._tokens[token]] += 1
            case inputs.Received(_, token, _) if token in self._in_flight:
                self._in_flight.clear()  # of two pings in two dialects one answer is enough

    def _sent(self, token: bytes, body: bytes, now: float, *, is_up: bool) -> None:
        message = decode_request(body)
        demand(token not in self._tokens, "a token is used once")
        self._tokens[token] = message.id
        self._sends[message.id] += 1
        others = list(self._in_flight.values())
        # An image whose dialect nobody knows may be busy or may ignore one: only then a second ping goes out.
        is_second_ping = message.command == "ping" and [other.command for other in others] == ["ping"]
        demand(
            not others
            or (is_second_ping and others[0].dialect != message.dialect)
            or (message.command == "ping" and not is_up and self._is_unanswered_for_long(others, now)),
            f"one message is in flight at a time: {others} and then {message.command}",
        )
        self._in_flight[token] = OnTheWay(message.command, message.dialect, now)
        self._has_restored |= message.command == "restore_session"
        demand(message.id not in self.ended, f"request {message.id} has ended and is not sent any more")

    def _is_unanswered_for_long(self, others: Sequence[OnTheWay], now: float) -> bool:
        """What follows the first ping of a handshake got no answer, nor a ping behind it: its reply may be lost."""
        least_s = HANDSHAKE_SILENCES * self._settings.handshake_notice_s - _ROUNDED_S
        is_one = len(others) == 1 and (others[0].command != "ping" or self._has_restored)
        return is_one and now - others[0].sent_at >= least_s

    def _finished(self, effect: Finish) -> Outcome:
        request = self.open.pop(effect.request, None)
        if request is None:
            demand(holds=False, invariant=f"request #{effect.request} ends once")
            raise AssertionError
        outcome = _ERRORS[type(effect.error)]
        demand(effect.error is None or effect.error.request_id == request.message_id, "an error names its request")
        self.ended[request.message_id] = (request, outcome)
        sends = self._sends[request.message_id] - self._not_taken[request.message_id]
        demand(outcome is not Outcome.NOT_SENT or not sends or request.repeatable, "NotSent was not sent")
        demand(outcome is Outcome.NOT_SENT or sends > 0, f"{outcome} is only said of a request that was sent")
        result: Mapping[str, Any] = effect.reply.result if effect.reply else {}
        if "echo" in result:
            self._echoed.add(request.message_id)
        demand(result.get("echo", request.message_id) == request.message_id, "a reply belongs to its own request")
        return outcome

    def _check_times(self, event: Input, now: float, deadline: float) -> None:
        for request in self.open.values():
            limit = request.deadline if request.deadline is not None else self._link_limit(request)
            if limit is None:
                continue
            limit = max(limit, self._may_be_late_until)
            demand(deadline <= limit, f"a timer is armed for the end of #{request.number}")
            if isinstance(event, inputs.TimePassed):
                demand(limit > now, f"request #{request.number} ended by its time {limit:.3f}")

    def _link_limit(self, request: Request) -> float | None:
        """A request without a limit of its own waits so long for a link."""
        if self._core.state in _UP:
            return None
        return max(request.submitted_at, self._without_link_since) + self._settings.link_wait_s
