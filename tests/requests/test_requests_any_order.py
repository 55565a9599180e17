"""Whatever happens to a queue of requests, in whatever order: each of them ends exactly once."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stui_supervisor.config import Settings
from stui_supervisor.errors import NotSent
from stui_supervisor.requests.request import Ended, Purpose, Request
from stui_supervisor.requests.request_queue import RequestQueue
from tests.support.core.world import request

NOW = 1_000.0


class EveryRequestEndsOnce(RuleBasedStateMachine):
    """Whatever happens in whatever order: one end for each request, one message in flight, no second delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.box = RequestQueue(Settings(queue_length=4))
        self.now = NOW
        self.linked = False
        self.submitted: dict[int, Request] = {}
        self.ended: Counter[int] = Counter()
        self.errors: dict[int, type[Exception]] = {}
        self.deliveries: Counter[int] = Counter()
        self.tokens = 0
        self.on_link: bytes | None = None

    def end(self, ended: list[Ended]) -> None:
        for one in ended:
            self.ended[one.request.number] += 1
            self.errors[one.request.number] = type(one.error)

    @rule(timeout=st.none() | st.floats(0.1, 20.0), repeatable=st.booleans())
    def submit(self, timeout: float | None, repeatable: bool) -> None:
        one = request(len(self.submitted) + 1, timeout=timeout, repeatable=repeatable)
        one.submitted_at = self.now
        one.deadline = None if timeout is None else self.now + timeout
        self.submitted[one.number] = one
        refused = self.box.submit(one)
        self.end([refused] if refused else [])

    @rule()
    def send_next(self) -> None:
        one = self.box.take(self.now)
        if one is not None:
            assert self.linked
            assert self.on_link is None
            self.tokens += 1
            self.on_link = str(self.tokens).encode()
            self.deliveries[one.number] += 1
            assert self.deliveries[one.number] <= (3 if one.repeatable else 1)
            assert not self.ended[one.number]
            self.box.sent(self.on_link, self.now, Purpose.REQUEST, one)

    @precondition(lambda self: self.on_link is not None)
    @rule()
    def reply(self) -> None:
        assert self.on_link is not None
        flight, self.on_link = self.box.landed(self.on_link), None
        assert flight is not None
        if flight.request is not None:
            self.ended[flight.request.number] += 1

    @precondition(lambda self: self.on_link is not None)
    @rule()
    def not_taken(self) -> None:
        assert self.on_link is not None
        flight = self.box.flight
        assert flight is not None
        if flight.request is not None:
            self.deliveries[flight.request.number] -= 1
        self.box.put_back(self.on_link)
        self.on_link = None

    @rule(token=st.sampled_from([b"", b"0", b"other"]))
    def late_reply(self, token: bytes) -> None:
        assert self.box.landed(token) is None

    @rule(number=st.integers(1, 30))
    def cancel(self, number: int) -> None:
        ended = self.box.cancel(number)
        self.end([ended] if ended else [])

    @rule(seconds=st.floats(0.0, 10.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.end(self.box.expire(self.now))
        due = self.box.next_deadline()
        assert due is None or due > self.now

    @precondition(lambda self: not self.linked)
    @rule()
    def link_up(self) -> None:
        self.linked = True
        self.box.link_up()

    @rule(keep_waiting=st.booleans())
    def link_down(self, keep_waiting: bool) -> None:
        self.linked = False
        self.on_link = None
        self.end(self.box.link_down(self.now, reason="lost", keep_waiting=keep_waiting))
        if not keep_waiting:
            assert all(self.ended[number] == 1 for number in self.submitted)

    @invariant()
    def nothing_ends_twice_and_nothing_is_forgotten(self) -> None:
        assert all(count == 1 for count in self.ended.values())
        assert len(self.box) == len(self.submitted) - len(self.ended)

    @invariant()
    def what_ended_unsent_was_never_delivered(self) -> None:
        for number, error in self.errors.items():
            if error is NotSent:
                assert self.deliveries[number] == 0

    def teardown(self) -> None:
        self.end(self.box.link_down(self.now, reason="the end", keep_waiting=False))
        assert set(self.ended) == set(self.submitted)
        assert all(count == 1 for count in self.ended.values())


TestEveryRequestEndsOnce = EveryRequestEndsOnce.TestCase
