"""The core on virtual time, with a store, a keyring and a link that do only what a test says."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from random import Random
from typing import Any, TypeVar

from stui_supervisor.config import Settings
from stui_supervisor.context.context import Context, Section
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import (
    Announce,
    CloseLink,
    Effect,
    Finish,
    Load,
    LookAtPath,
    LookOut,
    OpenLink,
    ReadProfile,
    Release,
    Save,
    Send,
    Subscribe,
    Unsubscribe,
)
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import StoreError
from stui_supervisor.events import Event, Transition
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.sample import PathSample
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.moment import Moment
from stui_supervisor.peer.backend_session import BackendSession, SessionId
from stui_supervisor.profile import Profile
from stui_supervisor.requests.request import Request, new_request
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import ClaimedSession, SessionRecord
from stui_supervisor.testing import MemoryStore
from stui_supervisor.wire.dialects import Operation
from stui_supervisor.wire.service import Request as Received
from stui_supervisor.wire.service import decode_request, encode_error, encode_result

HERE = Endpoint.parse("tcp://127.0.0.1:5555")
THERE = Endpoint.parse("tcp://127.0.0.1:5556")
FAR = Endpoint.parse("tcp://192.0.2.1:5555")
BEGIN = Moment(1_000.0, datetime(2026, 3, 1, 12, tzinfo=UTC))
REFUSED = Failure(FailureKind.REFUSED)
RESET = Failure(FailureKind.RESET)
DISK_FULL = StoreError("the disk is full", hint="make room")
PID = 4711
DEFAULT = Profile(name="default")

E = TypeVar("E", bound=Effect)
V = TypeVar("V", bound=Event)


def only(kind: type[E], effects: Sequence[Effect]) -> list[E]:
    """The effects of one kind, in order."""
    return [effect for effect in effects if isinstance(effect, kind)]


def told(kind: type[V], effects: Sequence[Effect]) -> list[V]:
    """The events of one kind that the user hears of, in order."""
    return [effect.event for effect in only(Announce, effects) if isinstance(effect.event, kind)]


def moves(effects: Sequence[Effect]) -> list[tuple[State, Trigger, State]]:
    """The transitions, in order."""
    return [(move.from_state, move.trigger, move.to_state) for move in told(Transition, effects)]


def triggers(effects: Sequence[Effect]) -> list[Trigger]:
    """What moved the state, in order."""
    return [move.trigger for move in told(Transition, effects)]


def section(text: str, counter: int = 1) -> Section:
    """A section of the context that an earlier process wrote."""
    return Section(f'"{text}"'.encode(), counter, "earlier")


def stored(
    session_id: str = "a",
    sections: Mapping[str, Section] | None = None,
    backend_session: SessionId | None = None,
    **record: Any,
) -> ClaimedSession:
    """A session as the store gives it; ``record`` are the fields of its record."""
    session = None if backend_session is None else BackendSession(backend_session)
    known = SessionRecord(profile="default", session=session, **record)
    return ClaimedSession(session_id=session_id, record=known, sections=sections or {}, fresh=False)


class World:
    """One core and the moment it lives in.

    With ``disk_works`` each Save is answered at once; without, a test answers with ``saved`` or ``tell``.
    With a ``store`` that one does, whatever it is asked: at once, or with ``store_waits`` one thing after the other
    as a test calls ``store_step``. The ``profile`` is read at once, or with None when a test answers. ``sample`` is
    what the kernel says of the connection; None where the system does not let us look.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        seed: int = 0,
        has_credentials: bool = False,
        disk_works: bool = True,
        store: MemoryStore | None = None,
        can_look: bool = False,
        can_subscribe: bool = False,
        profile: Profile | None = DEFAULT,
    ) -> None:
        self.settings = settings or Settings()
        self.now = BEGIN
        self.disk_works = disk_works
        self.store = store
        self.store_waits = False
        self.profile = profile
        self.sample: PathSample | None = None
        self._for_store: deque[Load | Save | Release] = deque()
        self.open_link: int | None = None
        self.subscription: Subscribe | None = None
        self.looks: LookOut | None = None
        self._loads: list[int] = []
        self._requests = 0
        self._inside = False
        self.last_send = Send(0, b"", b"")
        self.unanswered: list[Save] = []
        self._disk: dict[str, ClaimedSession] = {}
        self.context = Context("me", self._context_changed)
        self.core = Core(
            profile="default",
            settings=self.settings,
            rng=Random(seed),  # noqa: S311 - not for secrets
            context=self.context,
            pid=PID,
            has_credentials=has_credentials,
            can_look=can_look,
            can_subscribe=can_subscribe,
        )

    # What happens

    def tell(self, event: Input) -> list[Effect]:
        """One input, and the answers of the disk that follow from it."""
        effects = list(self.core.handle(event, self.now))
        for effect in list(effects):
            self._note(effect)
            match effect:
                case Load() | Save() | Release() if self.store is not None:
                    self._for_store.append(effect)
                    effects += [] if self.store_waits else self.store_step()
                case Load():
                    self._loads.append(effect.load)
                case LookAtPath(link):
                    effects.remove(effect)
                    effects += self.tell(inputs.PathSeen(link, self.sample))
                case Save() if self.disk_works:
                    self._write(effect)
                    effects += self.tell(saved(effect))
                case Save():
                    self.unanswered.append(effect)
                case _:
                    effects += self._read_profile(effect)
        return effects

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass; each deadline on the way is met exactly."""
        effects: list[Effect] = []
        end = self.now.after(seconds)
        while (due := self.core.next_deadline()) <= end.monotonic_s:
            self.now = self.now.after(max(0.0, due - self.now.monotonic_s))
            effects += self.tell(inputs.TimePassed())
        self.now = end
        return effects

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which this process does nothing; what becomes of it comes with the next input."""
        self.now = self.now.after(seconds)

    def wait_for_deadline(self) -> list[Effect]:
        """Let time pass until the next deadline."""
        due = self.core.next_deadline()
        assert due < inf
        self.now = self.now.after(max(0.0, due - self.now.monotonic_s))
        return self.tell(inputs.TimePassed())

    def start(self, endpoint: Endpoint | None = None) -> list[Effect]:
        return self.tell(inputs.Start(endpoint))

    def loaded(self, claimed: ClaimedSession | None = None) -> list[Effect]:
        """The store answers the latest Load."""
        claimed = claimed or stored()
        self._disk[claimed.session_id] = claimed
        return self.tell(inputs.Loaded(self._loads[-1], claimed))

    def loaded_again(self, claimed: ClaimedSession) -> list[Effect]:
        """The store answers with this session, as it has been written since."""
        return self.loaded(self._disk.get(claimed.session_id, claimed))

    def load_failed(self) -> list[Effect]:
        return self.tell(inputs.LoadFailed(self._loads[-1], DISK_FULL))

    def store_step(self) -> list[Effect]:
        """The store does the next thing that it was asked for, if any."""
        if self.store is None or not self._for_store:
            return []
        answer = ask_store(self.store, self._for_store.popleft())
        return [] if answer is None else self.tell(answer)

    @property
    def is_store_idle(self) -> bool:
        return not self._for_store

    def disk_fails(self) -> list[Effect]:
        """Every write that is under way fails."""
        failing, self.unanswered = self.unanswered, []
        return [effect for save in failing for effect in self.tell(save_failed(save))]

    def sees(self, endpoint: Endpoint, is_listening: bool | None = True) -> list[Effect]:  # noqa: FBT002
        """What a look shows, if the core has asked for one."""
        if self.looks is None:
            return []
        return self.tell(inputs.SeenListening(self.looks.number, endpoint, is_listening))

    def opened(self) -> list[Effect]:
        return self.tell(inputs.Opened(self.core.link))

    def lost(self, failure: Failure = RESET) -> list[Effect]:
        return self.tell(inputs.Lost(self.core.link, failure))

    def credential(self, text: str | None = "a text of some length") -> list[Effect]:
        return self.tell(inputs.CredentialRead(self.core.link, Secret(text) if text else None, "keyring"))

    def asked(self) -> Received:
        """The message that was sent last, as the backend reads it."""
        return decode_request(self.last_send.body)

    def answer(self, result: Mapping[str, Any] | None = None) -> list[Effect]:
        """The backend answers the message that was sent last."""
        return self.bring(encode_result(self.asked(), result or {}, at=self.now.utc))

    def refuse(self, error_type: str = "Error", message: str = "no") -> list[Effect]:
        """The backend answers the message that was sent last with an error."""
        return self.bring(encode_error(self.asked(), error_type, message, at=self.now.utc))

    def bring(self, body: bytes) -> list[Effect]:
        """The link brings these bytes as the reply to the message that was sent last; much work takes several turns."""
        effects = self.tell(inputs.Received(self.last_send.link, self.last_send.token, body))
        while self.core._leaves.parts.are_left:
            effects += self.tell(inputs.TimePassed())
        return effects

    def shake_hands(
        self, image_id: str | None = None, state: Mapping[str, Section] | None = None, publishes: object = None
    ) -> list[Effect]:
        """Answer as a healthy backend does until the link is up, or until the store is asked for another session."""
        told = {"image_id": image_id, "notifications": publishes}
        effects: list[Effect] = []
        while self.core._leaves.attempt.phase is Phase.HANDSHAKE:
            match self.asked().command:
                case "ping":
                    effects += self.answer({name: value for name, value in told.items() if value is not None})
                case "create_session":
                    effects += self.answer({"session_id": "made"})
                case "restore_session":
                    effects += self.answer({"session_state": json.loads(encode_state_data(state or {}))})
                case _:
                    effects += self.answer()
        return effects

    def link(self, image_id: str | None = None) -> list[Effect]:
        """The transport opens and the backend is healthy."""
        return [*self.opened(), *self.shake_hands(image_id)]

    def link_over_tcp(self, image_id: str | None = None) -> list[Effect]:
        """The same where the kernel lets us look, until the other end is known to answer heartbeats."""
        self.sample = PathSample(0.1, 0.1, 1_000, 0, has_outstanding=False)
        effects = self.link(image_id)
        for received_bytes in (1_000, 1_009, 1_018):
            self.sample = self.sample._replace(received_bytes=received_bytes)
            effects += self.wait(0.5)
        return effects

    def falls_silent(self, seconds: float) -> None:
        """The kernel has not got a byte for so long."""
        assert self.sample is not None
        self.sample = self.sample._replace(received_ago_s=seconds)

    def submit(
        self,
        command: str = "evaluate",
        *,
        timeout: float | None = None,
        repeatable: bool | None = None,
        **parameters: Any,
    ) -> list[Effect]:
        """A user asks something; requests are numbered from 1."""
        self._requests += 1
        return self.tell(
            inputs.Submit(
                request(self._requests, command, parameters, now=self.now, timeout=timeout, repeatable=repeatable)
            )
        )

    # What is

    @property
    def state(self) -> State:
        return self.core.state

    @property
    def record(self) -> SessionRecord:
        return self.core.session.record

    @property
    def old_load(self) -> int:
        """The number of a load that is over."""
        return self._loads[-1] - 1 if self._loads else 0

    def snapshot(self) -> tuple[object, ...]:
        """Everything a user could notice, now or at the next deadline."""
        core = self.core
        return core.status(self.now), core.next_deadline(), core.link, core.session.record, self.context.sections()

    def _note(self, effect: Effect) -> None:
        match effect:
            case Send():
                self.last_send = effect
            case OpenLink():
                self.open_link = effect.link
            case CloseLink():
                self.open_link = None
            case LookOut():
                self.looks = effect
            case Subscribe():
                self.subscription = effect
            case Unsubscribe():
                self.subscription = None
            case _:
                pass

    def _read_profile(self, effect: Effect) -> list[Effect]:
        if not isinstance(effect, ReadProfile) or self.profile is None:
            return []
        return self.tell(inputs.ProfileRead(effect.read, self.profile, ()))

    def _write(self, effect: Save) -> None:
        before = self._disk.get(effect.session_id, stored(effect.session_id))
        sections = before.sections if effect.sections is None else effect.sections
        self._disk[effect.session_id] = before._replace(record=effect.record, sections=sections)

    def _context_changed(self) -> None:
        self.tell(inputs.ContextChanged())


def ask_store(store: MemoryStore, effect: Load | Save | Release) -> Input | None:
    """What the store's thread does with an effect."""
    try:
        match effect:
            case Load(load, profile, image):
                return inputs.Loaded(load, store.claim(profile, image))
            case Save(session_id, record, sections):
                store.save_record(session_id, record)
                size = None if sections is None else store.save_context(session_id, sections)
                return inputs.Saved(session_id, size)
            case Release(session_id):
                store.release(session_id)
    except StoreError as error:
        if store.disk.failure is None:
            raise  # a session that was not claimed, or was given back: the core's mistake
        return (
            inputs.LoadFailed(effect.load, error)
            if isinstance(effect, Load)
            else inputs.SaveFailed(effect.session_id, error)
        )
    return None


def saved(effect: Save) -> inputs.Saved:
    """The disk's answer to a Save."""
    size = None if effect.sections is None else sum(len(part.value or b"") for part in effect.sections.values())
    return inputs.Saved(effect.session_id, size)


def save_failed(effect: Save) -> inputs.SaveFailed:
    """A full disk's answer to a Save."""
    return inputs.SaveFailed(effect.session_id, DISK_FULL)


def request(
    number: int = 1,
    command: str = "evaluate",
    parameters: Mapping[str, Any] | None = None,
    *,
    now: Moment = BEGIN,
    timeout: float | None = None,
    repeatable: bool | None = None,
) -> Request:
    """A request as the driver makes it."""
    operation = Operation(command, parameters or {})
    return new_request(number, f"me-{number}", operation, timeout, repeatable=repeatable, now=now)


def endings(effects: Sequence[Effect]) -> list[tuple[int, str]]:
    """Each request that ended, and how: ``replied`` or the name of its error."""
    return [(end.request, type(end.error).__name__ if end.error else "replied") for end in only(Finish, effects)]


def released(effects: Sequence[Effect]) -> list[str]:
    """The sessions given back."""
    return [effect.session_id for effect in only(Release, effects)]


def saves(effects: Sequence[Effect]) -> list[tuple[str, dict[str, bytes | None] | None]]:
    """What was written, by session; None where the context was not part of it."""
    return [
        (
            effect.session_id,
            None if effect.sections is None else {name: part.value for name, part in effect.sections.items()},
        )
        for effect in only(Save, effects)
    ]
