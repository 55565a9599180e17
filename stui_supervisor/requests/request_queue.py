"""What happened to each request: one at a time on the link, each ended exactly once.

The backend serves one request after the other, so sending ahead gains nothing and costs
certainty. The outbox lets one message be in flight; whatever waits behind it is certainly not
sent. The supervisor's own messages (handshake, pings, the context) take the same place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from stui_supervisor.config import SENDINGS_MAX, Settings
from stui_supervisor.errors import NotSent, OutcomeUnknown, RequestError
from stui_supervisor.requests.request import LOOK_FIRST, SAFE_TO_REPEAT, Ended, Flight, Purpose, Request
from stui_supervisor.wire.commands import names_part_of_process


class RequestQueue:
    """The requests that wait and the message in flight."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: deque[Request] = deque()
        self._linked = self._has_been_linked = False
        self.flight: Flight | None = None

    def __len__(self) -> int:
        """Requests that somebody waits for, the one in flight included."""
        return len(self._waiting) + (self.flight is not None and self.flight.request is not None)

    def submit(self, request: Request) -> Ended | None:
        """Put a request in the queue, or say that the queue is full."""
        if len(self._waiting) >= self._settings.queue_length:
            return Ended(
                request,
                NotSent(
                    f"{self._settings.queue_length} requests are waiting already",
                    hint="wait for some of them, then repeat it",
                ),
            )
        if not self._linked:
            request.link_deadline = request.submitted_at + self._settings.link_wait_s
            request.has_outlived_process = self._has_been_linked
        self._waiting.append(request)
        return None

    def link_up(self) -> None:
        """A link is there: requests without a timeout wait as long as it lives."""
        self._linked = self._has_been_linked = True
        for request in self._waiting:
            request.link_deadline = None

    def take(self, now: float) -> Request | None:
        """The next request to send, when a link is up and nothing is in flight."""
        return self._waiting.popleft() if self.has_next(now) else None

    def has_next(self, now: float) -> bool:
        """True when ``take`` has a request to give."""
        if not self._linked or self.flight is not None or not self._waiting:
            return False
        expires_at = self._waiting[0].expires_at()
        return expires_at is None or expires_at > now  # else expire() ends it, after a stall a little later

    def sent(
        self, token: bytes, now: float, purpose: Purpose, request: Request | None = None, *, size: int = 0
    ) -> None:
        """A message is in flight until its reply comes or the link is lost."""
        earlier: tuple[bytes, ...] = ()
        if self.flight is not None and purpose is Purpose.HANDSHAKE:
            earlier, size = self.flight.tokens, size + self.flight.size
        if request is not None:
            request.sendings += 1
        self.flight = Flight((*earlier, token), now, purpose, request, size)

    def begins(self, token: bytes, now: float, *, size: int) -> None:
        """What this place in flight was kept for is sent only now."""
        if self.flight is not None and token in self.flight.tokens:
            self.flight.sent_at, self.flight.size = now, size

    def landed(self, token: bytes) -> Flight | None:
        """The flight that this reply answers, or None for a reply nobody waits for."""
        flight = self.flight
        if flight is None or token not in flight.tokens:
            return None
        self.flight = None
        return flight

    def put_back(self, token: bytes) -> None:
        """The link did not take the message: a request waits again, in front, certainly not sent."""
        flight = self.landed(token)
        if flight is not None and flight.request is not None:
            flight.request.sendings -= 1
            self._waiting.appendleft(flight.request)

    def cancel(self, number: int) -> Ended | None:
        """Nobody waits for this request any more; the answer says whether it was sent."""
        return self._end_one(lambda request: request.number == number, "it was cancelled")

    def expire(self, now: float, trouble: str | None = None, failure: str | None = None) -> list[Ended]:
        """End what has waited long enough, because of the ``trouble``, if any, which is of the kind ``failure``.

        A request in flight keeps its place until its reply comes.
        """

        def is_due(request: Request) -> bool:
            expires_at = request.expires_at()
            return expires_at is not None and expires_at <= now

        ended = []
        while one := self._end_one(is_due, "its time was over", trouble):
            if isinstance(one.error, NotSent):
                one.error.failure = failure
            ended.append(one)
        return ended

    def link_down(self, now: float, *, reason: str, keep_waiting: bool) -> list[Ended]:
        """The link is gone: the message in flight is of unknown outcome, unless it may be sent again.

        With ``keep_waiting`` False whatever waits is over too, certainly not sent.
        """
        had_link, self._linked = self._linked, False
        ended: list[Ended] = []
        flight, self.flight = self.flight, None
        if flight is not None and flight.request is not None:
            if keep_waiting and flight.request.repeatable and flight.request.sendings < SENDINGS_MAX:
                self._waiting.appendleft(flight.request)
            else:
                unknown = OutcomeUnknown(f"the link ended before the reply: {reason}", hint=LOOK_FIRST)
                ended.append(Ended(flight.request, unknown))
        if keep_waiting:
            if had_link:
                self.outlived_by_waiting()
                for request in self._waiting:
                    request.link_deadline = now + self._settings.link_wait_s
        else:
            ended += self.end_waiting(reason)
            self._has_been_linked = False  # what comes now may be for another endpoint, or another run
        return ended

    def end_waiting(self, reason: str) -> list[Ended]:
        """Whatever waits is over, certainly not sent by now."""
        ended = [_unanswered(request, reason) for request in self._waiting]
        self._waiting.clear()
        return ended

    def outlived_by_waiting(self) -> None:
        """The process that the callers knew may be gone."""
        for request in self._waiting:
            request.has_outlived_process = True

    def end_of_process(self) -> list[Ended]:
        """Another process answers, or nobody knows: what names something of the one before is over, not sent to it."""
        ended, waiting = [], self._waiting
        self._waiting = deque()
        for request in waiting:
            if request.has_outlived_process and names_part_of_process(request.parameters):
                ended.append(Ended(request, _of_process(request)))
            else:
                self._waiting.append(request)
        return ended

    def next_deadline(self) -> float:
        """The earliest monotonic time at which ``expire`` has something to do."""
        times = (
            [time for request in self._waiting if (time := request.expires_at()) is not None] if self._waiting else []
        )
        if self.flight is not None and self.flight.request is not None and self.flight.request.deadline is not None:
            times.append(self.flight.request.deadline)
        return min(times, default=inf)

    def _end_one(self, is_over: Callable[[Request], bool], why: str, trouble: str | None = None) -> Ended | None:
        for request in self._waiting:
            if is_over(request):
                self._waiting.remove(request)
                return _unanswered(request, f"{why} before it could be sent" + (f" ({trouble})" if trouble else ""))
        flight = self.flight
        if flight is not None and flight.request is not None and is_over(flight.request):
            request, flight.request = flight.request, None
            return Ended(request, OutcomeUnknown(f"{why} before the reply came", hint=LOOK_FIRST))
        return None


def _unanswered(request: Request, why: str) -> Ended:
    """The end of a waiting request; a repeatable one may have been sent on an earlier link."""
    if request.sendings:
        return Ended(request, OutcomeUnknown(f"{why}, again", hint=LOOK_FIRST))
    return Ended(request, NotSent(why, hint=SAFE_TO_REPEAT))


def _of_process(request: Request) -> RequestError:
    why = "the backend may have been started again, and what the request names by its id may be something else there"
    if request.sendings:
        return OutcomeUnknown(f"{why}; it had been sent before that", hint=LOOK_FIRST)
    return NotSent(why, hint="look it up again, then ask for that")
