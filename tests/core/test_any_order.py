"""Whatever the core is told, in whatever order: it never breaks, never gets stuck and never mixes up what it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stui_supervisor.config import LAST_PUSH_S, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Finish
from stui_supervisor.errors import CredentialError
from stui_supervisor.events import Transition
from stui_supervisor.failures import FAILURES as CLASSES
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import State
from stui_supervisor.profile import Profile
from stui_supervisor.security.secret import Secret
from stui_supervisor.testing import MemoryStore
from tests.support.core.transition_table import ALLOWED
from tests.support.core.world import DISK_FULL, FAR, HERE, THERE, World, told

ENDPOINTS = st.sampled_from([HERE, THERE, FAR])
IMAGES = st.sampled_from(["one", "two", "three"])
FAILURES = st.builds(Failure, st.sampled_from([kind for kind in FailureKind if CLASSES[kind].curve]))
SECONDS = st.sampled_from([0.0, 0.1, 0.25, 1.0, 2.0, 5.0, 10.0, 60.0])
REFUSALS = st.sampled_from(["SessionNotFound", "Error", "AuthenticationFailed", "UnsupportedOperation"])
PROFILES = st.builds(
    Profile,
    name=st.just("default"),
    endpoints=st.sampled_from([(), (str(HERE),), (str(THERE), str(FAR), str(HERE))]),
    failover=st.booleans(),
    pin_image=st.none() | IMAGES,
)
JUNK = st.sampled_from([b"", b"[]", b"{}", b'{"status":"maybe"}', b'{"version":"2.0.0","payload":{}}'])


class AnyOrder(RuleBasedStateMachine):
    """One core with a store that answers in order, and links and keyrings that do what they like.

    What a user writes names the image that it was written for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.world = World(Settings(give_up_after_s=120.0, queue_length=3), has_credentials=True, store=self.store)
        self.world.store_waits = True
        self.state = State.DISCONNECTED
        self.running = False
        self.writes = 0
        self.written: dict[str, int] = {}
        self.ended: Counter[int] = Counter()

    def see(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Finish):
                self.ended[effect.request] += 1
                assert (effect.reply is None) != (effect.error is None)
        for move in told(Transition, effects):
            assert move.from_state is self.state
            self.state = ALLOWED[self.state, move.trigger]
            assert move.to_state is self.state
        assert self.world.state is self.state

    def tell(self, event: inputs.Input) -> None:
        self.see(self.world.tell(event))

    # The user

    @rule(endpoint=st.none() | ENDPOINTS)
    def start(self, endpoint: Any) -> None:
        if not self.running and not self.world.is_store_idle:
            return  # the driver has seen the end of the run before
        self.running = True
        self.tell(inputs.Start(endpoint))

    @precondition(lambda self: self.running)
    @rule()
    def stop(self) -> None:
        self.running = False
        self.written.clear()  # what a stop takes along is a matter of moments
        self.tell(inputs.Stop())
        if self.world.core.is_running:
            self.see(self.world.wait(LAST_PUSH_S))
        assert not self.world.core.is_running
        assert set(self.ended) == set(range(1, self.world._requests + 1))

    @precondition(lambda self: self.running)
    @rule(endpoint=ENDPOINTS)
    def connect(self, endpoint: Any) -> None:
        self.tell(inputs.Connect(endpoint))

    @precondition(lambda self: self.running)
    @rule(event=st.sampled_from([inputs.Disconnect(), inputs.Reconnect()]))
    def change_of_mind(self, event: inputs.Input) -> None:
        self.tell(event)

    @precondition(lambda self: self.running)
    @rule(command=st.sampled_from(["evaluate", "inspect"]), timeout=st.none() | SECONDS.filter(bool))
    def submit(self, command: str, timeout: float | None) -> None:
        self.see(self.world.submit(command, timeout=timeout))

    @rule(number=st.integers(1, 20))
    def cancel(self, number: int) -> None:
        self.tell(inputs.Cancel(number))

    @precondition(lambda self: self.running and self.world.record.image_id)
    @rule()
    def write(self) -> None:
        image_id = str(self.world.record.image_id)
        self.writes += 1
        self.written[image_id] = self.writes
        self.world.context[f"of {image_id}"] = self.writes

    # The world

    @rule(profile=st.none() | PROFILES)
    def profile_changes(self, profile: Profile | None) -> None:
        """With None it is not read before ``profile_comes``."""
        self.world.profile = profile

    @rule(number=st.integers(1, 5), profile=PROFILES)
    def profile_comes(self, number: int, profile: Profile) -> None:
        self.tell(inputs.ProfileRead(number, profile, ()))

    @rule(failing=st.booleans(), steps=st.integers(1, 5))
    def store_works(self, failing: bool, steps: int) -> None:
        self.store.disk.failure = DISK_FULL if failing else None
        for _ in range(steps):
            self.see(self.world.store_step())

    @rule(event=st.sampled_from([inputs.Woke(28_800.0), inputs.NetworkChanged()]))
    def move(self, event: inputs.Input) -> None:
        before = self.state
        self.tell(event)
        assert self.state is before

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.see(self.world.wait(seconds))

    @rule(token=st.booleans(), older=st.integers(0, 2))
    def credential(self, token: bool, older: int) -> None:
        secret = Secret("a token of some length") if token else None
        self.tell(inputs.CredentialRead(self.world.core.link - older, secret, "keyring"))

    @rule(older=st.integers(0, 2))
    def no_credential(self, older: int) -> None:
        self.tell(inputs.CredentialFailed(self.world.core.link - older, CredentialError("locked")))

    @rule(older=st.integers(0, 1))
    def opened(self, older: int) -> None:
        self.tell(inputs.Opened(self.world.core.link - older))

    @rule(image=IMAGES)
    def linked(self, image: str) -> None:
        self.see(self.world.credential(None))
        self.see(self.world.opened())
        self.see(self.world.shake_hands(image))

    @rule(older=st.integers(0, 1), failure=FAILURES)
    def lost(self, older: int, failure: Failure) -> None:
        self.tell(inputs.Lost(self.world.core.link - older, failure))

    @precondition(lambda self: self.world.last_send.body)
    @rule(image=IMAGES)
    def answered(self, image: str) -> None:
        self.see(self.world.answer({"image_id": image, "session_id": f"of {image}"}))

    @precondition(lambda self: self.world.last_send.body)
    @rule(error_type=REFUSALS)
    def refused(self, error_type: str) -> None:
        self.see(self.world.refuse(error_type))

    @rule(body=JUNK)
    def answered_with_junk(self, body: bytes) -> None:
        self.see(self.world.bring(body))

    @precondition(lambda self: self.world.core._leaves.exchange.flight)
    @rule()
    def not_taken(self) -> None:
        self.tell(inputs.NotTaken(self.world.core.link, self.world.last_send.token))

    # What always holds

    @invariant()
    def a_wanted_link_has_a_deadline(self) -> None:
        assert self.state is State.DISCONNECTED or self.world.core.next_deadline() is not None

    @invariant()
    def every_request_ends_once(self) -> None:
        assert all(count == 1 for count in self.ended.values())
        assert self.world.core.status(self.world.now).waiting_requests == self.world._requests - len(self.ended)

    @invariant()
    def a_link_is_open_only_while_one_is_wanted(self) -> None:
        assert self.world.open_link in (None, self.world.core.link)
        assert self.state is not State.DISCONNECTED or self.world.open_link is None

    @invariant()
    def each_session_holds_the_work_of_its_own_image_only(self) -> None:
        for stored in self.store.disk.sessions.values():
            assert set(stored.sections) <= {f"of {stored.record.image_id}"}

    def settle(self) -> None:
        """The disk works, and there is time."""
        self.store.disk.failure = None
        for _ in range(8):
            while not self.world.is_store_idle:
                self.see(self.world.store_step())
            self.see(self.world.wait(3.0))

    def on_disk(self, image_id: str) -> list[bytes | None]:
        held = [one for one in self.store.disk.sessions.values() if one.record.image_id == image_id]
        return [section.value for one in held for section in one.sections.values()]

    def teardown(self) -> None:
        self.settle()
        for image_id, number in self.written.items():
            assert str(number).encode() in self.on_disk(image_id)
        if self.running:
            self.stop()
        while not self.world.is_store_idle:
            self.see(self.world.store_step())
        assert [stored.owner for stored in self.store.disk.sessions.values() if stored.owner is not None] == []


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40)
