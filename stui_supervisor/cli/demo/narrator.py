"""Narrates the demo: follows the events of a supervisor and explains each step in one sentence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from stui_supervisor.cli.console.terminal import STATE_COLOURS, STATE_WIDTH, Colour, Terminal
from stui_supervisor.config import DEFAULTS, DEMO_PACE_S, DEMO_STEP_LIMIT_S, LIVE_INTERVAL_S
from stui_supervisor.errors import SupervisorError
from stui_supervisor.events import Event, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.printable import printable
from stui_supervisor.supervisor import Supervisor

_BUSY: Final = f"no answer for {DEFAULTS.answer_timeout_s:g} s, but it lives: busy, the link is kept"
_SENTENCES: Final[dict[tuple[State, Trigger], str]] = {
    (State.RESTORING, Trigger.RESTORE): "reading the last good endpoint and the work context",
    (State.CONNECTING, Trigger.RESTORED): "making a link: transport, handshake, session",
    (State.CONNECTED, Trigger.ESTABLISHED): "the link is up and the image answers",
    (State.DEGRADED, Trigger.HEALTH_LOST): _BUSY,
    (State.CONNECTED, Trigger.HEALTH_REGAINED): "the image is done and answers again, on the same link",
    (State.RECOVERING, Trigger.LINK_LOST): "the link is lost; it tries again by itself",
    (State.DISCONNECTED, Trigger.STOP): "the program has ended; the next one will connect again",
    (State.DISCONNECTED, Trigger.DISCONNECT): "remembered: the next start stays disconnected",
}
_BACK: Final = "the link is back, by itself"
_SPINNER: Final = "|/-\\"


class Narrator:
    """Prints a line for each step, and remembers every state that an event has shown."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._began = time.monotonic()
        self._seen: list[State] = []
        self._state = State.DISCONNECTED
        self._events: AsyncIterator[Event] | None = None
        self._ticker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        self._terminal.end_live()

    @asynccontextmanager
    async def following(self, supervisor: Supervisor) -> AsyncIterator[Supervisor]:
        """Start ``supervisor`` and follow it; stops it at the end."""
        self._events = supervisor.events()
        async with supervisor:
            yield supervisor

    async def say(self, sentence: str) -> None:
        """Print what is done next; on a terminal after a pause to read what came before."""
        if self._terminal.is_live:
            await asyncio.sleep(DEMO_PACE_S)
        if self._seen:
            self._terminal.line("")
        self._say(sentence)

    async def until(self, state: State) -> None:
        """Print each transition until one leads to ``state``. Raises SupervisorError when none does in time."""
        assert self._events is not None  # noqa: S101  the script follows a supervisor first
        try:
            async with asyncio.timeout(DEMO_STEP_LIMIT_S):
                async for event in self._events:
                    if isinstance(event, Transition):
                        self._tell(event)
                        if event.to_state is state:
                            return
        except TimeoutError as error:
            raise SupervisorError(f"the link is {self._state}, not {state}, after {DEMO_STEP_LIMIT_S:g} s") from error
        raise SupervisorError(f"the link ended before it was {state}")

    def conclude(self) -> None:
        """Print a summary. Raises SupervisorError unless all six states were seen."""
        missing = [state for state in State if state not in self._seen]
        if missing:
            raise SupervisorError(f"never seen: {', '.join(missing)}")
        self._terminal.line("")
        self._say(f"All six states were seen, in {len(self._seen)} transitions.")

    def _tell(self, event: Transition) -> None:
        self._state = event.to_state
        self._seen.append(event.to_state)
        if self._terminal.as_json:
            self._terminal.answer(
                {"from": event.from_state, "to": event.to_state, "trigger": event.trigger, "reason": event.reason}
            )
            return
        came_back = event.from_state is State.RECOVERING and event.to_state is State.CONNECTED
        known = _BACK if came_back else _SENTENCES.get((event.to_state, event.trigger))
        self._terminal.line(f"{self._elapsed()}  {self._label(event.to_state)}  {printable(known or event.reason)}")

    def _say(self, sentence: str) -> None:
        self._terminal.line(f"{self._elapsed()}  {self._terminal.paint(sentence, Colour.BOLD)}")

    def _label(self, state: State) -> str:
        return self._terminal.paint(state.ljust(STATE_WIDTH), STATE_COLOURS[state])

    def _elapsed(self) -> str:
        return self._terminal.paint(f"{time.monotonic() - self._began:5.1f} s", Colour.DIM)

    async def _tick(self) -> None:
        """Keep a line alive that shows the time and the state, on a terminal."""
        while self._terminal.is_live:
            turn = _SPINNER[int(time.monotonic() / LIVE_INTERVAL_S) % len(_SPINNER)]
            self._terminal.live(f"{self._elapsed()}  {self._label(self._state)}  {turn}")
            await asyncio.sleep(LIVE_INTERVAL_S)
