"""The simulated disk and keyring: slow, failing, hanging, each behind the thread that the driver gives it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, ReadCredential, Release, Save, SaveSnapshot
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import CredentialError, StoreError
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.testing import MemoryDisk, MemoryStore
from tests.simulation.agenda import Agenda
from tests.simulation.backend import TOKEN
from tests.simulation.profile_shelf import ProfileShelf

StoreCall = Load | Save | SaveSnapshot | Release
FULL = StoreError("the disk is full", hint="make room")


@dataclass
class SimulatedDisk:
    """What survives every process. ``half_written`` is how often a save fails between its two files.

    ``kept_copies`` are the values that lost against others, for a witness.
    """

    agenda: Agenda
    profiles: ProfileShelf
    memory: MemoryDisk = field(default_factory=MemoryDisk)
    call_s: tuple[float, float] = (0.001, 0.02)
    half_written: float = 0.0
    kept_copies: set[bytes] = field(default_factory=set)


class StoreQueue:
    """One process's thread for the disk: one call after the other, each answered after its effect.

    ``answered`` gets the call and its answer. ``abandon`` keeps the calls and drops the answers, as the end of
    an event loop does; ``die`` drops both and frees the sessions, as the end of a process does.
    """

    def __init__(self, disk: SimulatedDisk, answered: Callable[[StoreCall, Input | None], None]) -> None:
        self.store = MemoryStore(disk.memory)
        self._disk = disk
        self._answered: Callable[[StoreCall, Input | None], None] | None = answered
        self._calls: deque[StoreCall] = deque()
        self._last: list[Release] | None = None
        self._is_busy = False
        self._is_dead = False

    @property
    def is_idle(self) -> bool:
        """True when everything was done and answered."""
        return not self._calls and not self._is_busy

    @property
    def is_heard(self) -> bool:
        """True while somebody listens to the answers."""
        return self._answered is not None and not self._is_dead

    def do(self, call: StoreCall) -> None:
        """Queue one call."""
        if self._last is not None and isinstance(call, Release):
            self._last.append(call)
            return
        self._calls.append(call)
        self._next()

    def leave(self) -> None:
        """The program ends: its sessions are given back last."""
        self._last = []

    def abandon(self) -> None:
        """Nobody listens any more."""
        self._answered = None
        self._calls.extend(self._last or [])
        self._last = None
        self._next()

    def die(self) -> None:
        """The process is gone; what it had not done is not done."""
        self._is_dead = True
        self._calls.clear()
        self.store.die()

    def _next(self) -> None:
        if self._is_busy or not self._calls:
            return
        self._is_busy = True
        call, agenda = self._calls.popleft(), self._disk.agenda
        agenda.after(agenda.between(*self._disk.call_s), lambda: self._run(call))

    def _run(self, call: StoreCall) -> None:
        if self._is_dead:
            return
        answer, agenda = self._call(call), self._disk.agenda
        if self._answered is None and isinstance(answer, inputs.Loaded):
            self.store.release(answer.claimed.session_id)
        # The answer crosses threads: the world may go on before the loop hears of it.
        agenda.after(agenda.between(0.0, 0.002), lambda: self._answer(call, answer))

    def _answer(self, call: StoreCall, answer: Input | None) -> None:
        if self._is_dead:
            return
        self._is_busy = False
        self._next()
        if self._answered is not None:
            self._answered(call, answer)

    def _call(self, call: StoreCall) -> Input | None:
        try:
            return self._answer_to(call)
        except StoreError as error:
            if error is not FULL:
                raise  # a session that is not owned, for instance, is a mistake of the core
            return _failed(call)

    def _answer_to(self, call: StoreCall) -> Input | None:
        match call:
            case Load(load, profile, image, is_new):
                claim = self.store.claim_new if is_new else self.store.claim
                return inputs.Loaded(load, claim(profile, image))
            case Save(session_id, record, sections):
                self.store.save_record(session_id, record)
                if sections is None:
                    return inputs.Saved(session_id, None)
                if self._disk.agenda.chance(self._disk.half_written):
                    raise FULL
                return inputs.Saved(session_id, self.store.save_context(session_id, sections))
            case SaveSnapshot(session_id, sections):
                self.store.save_snapshot(session_id, sections)
            case Release(session_id):
                self.store.release(session_id)
        return None


def _failed(call: StoreCall) -> Input | None:
    match call:
        case Load(load):
            return inputs.LoadFailed(load, FULL)
        case Save(session_id):
            return inputs.SaveFailed(session_id, FULL)
        case SaveSnapshot():
            return inputs.SnapshotFailed(FULL)
        case _:
            return None


class Mood(StrEnum):
    """What the keyring does when it is asked."""

    RIGHT = "the right token"
    WRONG = "a wrong token"
    EMPTY = "no token"
    LOCKED = "locked"
    SLOW = "slow"
    HANGS = "hangs"


@dataclass
class SimulatedKeyring:
    """One process's keyring and its thread. One call at a time; a call meanwhile is not answered, as in the driver.

    A program that has brought it asks it at every attempt, any other where the profile says so.
    """

    agenda: Agenda
    is_brought: bool
    mood: Mood = Mood.RIGHT
    _is_reading: bool = False

    def forget(self) -> None:
        """A new process asks; what hung, hung in the old one."""
        self._is_reading = False

    def ask(self, effect: ReadCredential, answered: Callable[[Input], None]) -> None:
        """Read the credential in the present mood."""
        if self._is_reading:
            return
        self._is_reading = True
        match self.mood:
            case Mood.SLOW:
                delay_s = self.agenda.between(0.5, 4.0)
            case Mood.HANGS:
                delay_s = self.agenda.between(3.0, 9.0)
            case _:
                delay_s = self.agenda.between(0.001, 0.05)
        answer = self._answer(effect)

        def tell() -> None:
            self._is_reading = False
            answered(answer)

        self.agenda.after(delay_s, tell)

    def _answer(self, asked: ReadCredential) -> Input:
        key = asked.server_key
        curve = CurveKeys(key, "our public key", Secret("our secret key of some length")) if key else None
        match self.mood:
            case Mood.LOCKED:
                return inputs.CredentialFailed(asked.link, CredentialError("the keyring is locked", hint="unlock it"))
            case Mood.WRONG if asked.with_token:
                return inputs.CredentialRead(asked.link, Secret("a-wrong-token-of-some-length"), "keyring", curve)
            case mood if asked.with_token and mood is not Mood.EMPTY:
                return inputs.CredentialRead(asked.link, Secret(TOKEN), "keyring", curve)
            case _:
                return inputs.CredentialRead(asked.link, None, "keyring", curve)
