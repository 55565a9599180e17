"""What every part of the core shares: the moment, the state, the effects so far, and how they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from stui_supervisor.config import ERROR_TEXT_MAX_LENGTH
from stui_supervisor.context.parts import Parts
from stui_supervisor.core.attempt import Attempt
from stui_supervisor.core.effects import Announce, Effect
from stui_supervisor.core.problems import Present
from stui_supervisor.errors import StoreError
from stui_supervisor.events import Event, Problem, Status
from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.link_state import LinkState
from stui_supervisor.machine.states import State
from stui_supervisor.moment import Moment
from stui_supervisor.problems import ProblemCode
from stui_supervisor.profile import Profile
from stui_supervisor.security.masks import Masks
from stui_supervisor.session.session import Session

BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)  # nothing has happened yet
STORE_HINT = "the work goes on in memory and is saved once the disk takes it again"


class Turn:
    """One input being handled: ``now`` is its moment, ``effects`` what it led to so far."""

    def __init__(self, session: Session, *, profile: str, pid: int) -> None:
        self._now = Moment(0.0, BEFORE_ALL)
        self._effects: list[Effect] = []
        self._machine = LinkState()
        self._attempt = Attempt()
        self._session = session
        self._masks = Masks()
        self._parts = Parts()
        self._present = Present()
        self._profile = Profile(name=profile)
        self._status = Status(state=State.DISCONNECTED, since=self._now.utc, profile=profile, pid=pid)

    @property
    def state(self) -> State:
        """One of the six."""
        return self._machine.state

    def _note_error(self, text: str | None, failure: FailureKind | None = None) -> None:
        cut = text[:ERROR_TEXT_MAX_LENGTH] if text else None
        self._status = replace(self._status, last_error=cut, failure=failure)

    def _announce(self, event: Event) -> None:
        self._effects.append(Announce(event))

    def _problem(self, code: ProblemCode, message: str, hint: str) -> None:
        self._present.note(code, message, hint, self._now.utc)
        self._announce(Problem(at=self._now.utc, code=code, message=message, hint=hint))

    def _warn_of_store(self, error: StoreError) -> None:
        """The disk did not do its part: one warning until it does again."""
        if self._session.is_store_ok:
            self._problem(ProblemCode.STORE_FAILED, error.message, error.hint or STORE_HINT)

    def _endpoint_text(self) -> str | None:
        """The endpoint the link is or would be for: the one named last, else the last-known-good one."""
        return str(self._attempt.endpoint) if self._attempt.endpoint else self._session.record.endpoint
