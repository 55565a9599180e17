"""A backend that says what it likes, in every phase of a core: typed outcomes, and everything that always holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stui_supervisor.adapters.sessions.codec import (
    StoredContext,
    decode_context,
    decode_stored_record,
    encode_context,
    encode_record,
)
from stui_supervisor.config import (
    CONTEXT_FILE_MAX_BYTES,
    ERROR_TEXT_MAX_LENGTH,
    IDENTITY_MAX_BYTES,
    RECORD_MAX_BYTES,
    SESSION_ID_MAX_BYTES,
    Settings,
)
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Finish, Save, SaveSnapshot, Subscribe
from stui_supervisor.errors import RequestError
from stui_supervisor.events import Notification, Problem, SessionSwitched, Transition
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.testing import MemoryStore
from tests.support.core.hostile_replies import ANSWERS, CHANGES, ESCAPES, Change, changed, real_reply
from tests.support.core.transition_table import ALLOWED
from tests.support.core.world import HERE, World, told

SECONDS = st.sampled_from([0.1, 0.5, 2.0, 5.0, 10.0])
SHOWN_MAX_LENGTH = 2 * ERROR_TEXT_MAX_LENGTH  # of one text in an event; what is ours in it is short


class HostileBackend(RuleBasedStateMachine):
    """One core with a user, a disk that works, and replies that are changed in structure and in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Settings(queue_length=3), has_credentials=True, store=MemoryStore(), can_subscribe=True)
        self.state = State.DISCONNECTED
        self.writes = 0
        self.ended: Counter[int] = Counter()

    def see(self, effects: Sequence[Effect]) -> None:
        for move in told(Transition, effects):
            assert move.from_state is self.state
            self.state = ALLOWED[self.state, move.trigger]
            assert move.to_state is self.state
            assert len(move.reason) <= SHOWN_MAX_LENGTH
        for effect in effects:
            match effect:
                case Finish(number, reply, error):
                    self.ended[number] += 1
                    assert (reply is None) != (error is None)
                    assert error is None or isinstance(error, RequestError)
                case Save(_, record, sections):
                    assert decode_stored_record(encode_record(record)).record.image == record.image
                    self.is_storable(sections)
                case SaveSnapshot(_, sections):
                    self.is_storable(sections)
                case Subscribe(_, endpoint):
                    assert endpoint.is_local
                case _:
                    pass
        for problem in told(Problem, effects):
            assert len(problem.message) <= SHOWN_MAX_LENGTH
        for switch in told(SessionSwitched, effects):
            assert len(str(switch.image_id).encode()) <= IDENTITY_MAX_BYTES
        for notification in told(Notification, effects):
            json.dumps([notification.topic, notification.body], ensure_ascii=False, allow_nan=False).encode()

    @staticmethod
    def is_storable(sections: Any) -> None:
        if sections is not None:
            body = encode_context(StoredContext(sections))
            assert len(body) <= CONTEXT_FILE_MAX_BYTES
            assert decode_context(body).sections == sections

    # The user, and time

    @initialize()
    def start(self) -> None:
        self.see(self.world.start(HERE))

    @rule()
    def reconnect(self) -> None:
        self.see(self.world.tell(inputs.Reconnect()))

    @rule(command=st.sampled_from(["evaluate", "ping", "get_session_info"]), timeout=st.none() | SECONDS)
    def submit(self, command: str, timeout: float | None) -> None:
        self.see(self.world.submit(command, timeout=timeout))

    @rule()
    def write(self) -> None:
        self.writes += 1
        self.world.context["work"] = self.writes

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.see(self.world.wait(seconds))

    # The transport

    @precondition(
        lambda self: self.world.core._leaves.attempt.phase in (Phase.WAITING, Phase.CREDENTIAL, Phase.OPENING)
    )
    @rule()
    def opened(self) -> None:
        if self.world.core._leaves.attempt.phase is Phase.WAITING:
            self.see(self.world.wait_for_deadline())
        self.see(self.world.credential())
        self.see(self.world.opened())

    @precondition(lambda self: self.world.subscription)
    @rule()
    def subscribed(self) -> None:
        self.see(self.world.tell(inputs.Subscribed(self.subscription)))

    # The backend

    @precondition(lambda self: self.world.core._leaves.exchange.flight)
    @rule(error_type=ANSWERS, changes=CHANGES)
    def answers(self, error_type: str | None, changes: Sequence[Change]) -> None:
        self.see(self.world.bring(changed(real_reply(self.world.asked(), error_type), changes)))

    @precondition(lambda self: self.world.core._leaves.exchange.flight)
    @rule(steps=st.integers(1, 6))
    def answers_well(self, steps: int) -> None:
        for _ in range(steps):
            self.see(self.world.bring(real_reply(self.world.asked())))

    @precondition(lambda self: self.world.last_send.body)
    @rule(token=st.binary(max_size=9), changes=CHANGES)
    def answers_what_nobody_asked(self, token: bytes, changes: Sequence[Change]) -> None:
        body = changed(real_reply(self.world.asked()), changes)
        self.see(self.world.tell(inputs.Received(self.world.core.link, token, body)))

    @precondition(lambda self: self.world.subscription)
    @rule(topic=st.binary(max_size=9), changes=CHANGES, more=st.lists(st.binary(max_size=2), max_size=1))
    def publishes(self, topic: bytes, changes: Sequence[Change], more: list[bytes]) -> None:
        frames = [topic, changed(real_reply(self.world.asked()), changes), *more]
        self.see(self.world.tell(inputs.Published(self.subscription, frames)))

    @property
    def subscription(self) -> int:
        assert self.world.subscription is not None
        return self.world.subscription.number

    # What always holds

    @invariant()
    def a_wanted_link_has_a_deadline(self) -> None:
        assert self.world.state is self.state
        assert self.state is State.DISCONNECTED or self.world.core.next_deadline() is not None

    @invariant()
    def every_request_ends_once(self) -> None:
        assert all(count == 1 for count in self.ended.values())
        assert self.world.core.status(self.world.now).waiting_requests == self.world._requests - len(self.ended)

    @invariant()
    def the_status_can_be_told(self) -> None:
        status = self.world.core.status(self.world.now)
        json.dumps(status.as_dict(), ensure_ascii=False, allow_nan=False).encode()
        assert len(status.last_error or "") <= SHOWN_MAX_LENGTH

    def teardown(self) -> None:
        self.see(self.world.tell(inputs.Stop()))
        assert set(self.ended) == set(range(1, self.world._requests + 1))


@pytest.mark.parametrize("lives", [100, pytest.param(1_500, marks=pytest.mark.soak)])
def test_a_core_survives_whatever_the_backend_says(lives: int) -> None:
    run_state_machine_as_test(HostileBackend, settings=settings(max_examples=lives, stateful_step_count=40))


@pytest.mark.parametrize(
    "lie", ["x" * 1_000_000, ESCAPES, "", 7, True, None, [], {}, [["deadline"], {}], {"a": [ESCAPES]}]
)
def test_a_ping_that_lies_about_everything_still_makes_a_link(lie: Any) -> None:
    world = World(can_subscribe=True)
    world.start(HERE)
    world.loaded()
    world.opened()
    told_by_ping = dict.fromkeys(("image_id", "boot_id", "server", "version", "uptime", "capabilities"), lie)
    world.answer({**told_by_ping, "notifications": lie})
    world.answer({"session_id": lie})
    world.shake_hands()
    assert world.state is State.CONNECTED
    is_session = isinstance(lie, str | int) and lie not in ("", True) and len(str(lie)) <= SESSION_ID_MAX_BYTES
    assert (world.record.image, world.record.backend_session) == (identity_of(lie), lie if is_session else None)
    assert len(encode_record(world.record)) <= RECORD_MAX_BYTES
    assert world.subscription is None
