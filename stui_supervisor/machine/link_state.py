"""The state machine over the table; the only place where the state is assigned."""

from __future__ import annotations

from functools import cache

from transitions import Machine, MachineError

from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.machine.table import TABLE


class TransitionNotAllowed(RuntimeError):
    """A trigger that the table does not allow in this state: a mistake in the caller."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"{trigger.value!r} is not allowed while {state.value!r}")
        self.state = state
        self.trigger = trigger


@cache
def _machine() -> Machine:
    # One machine serves every link of the process: it holds the table, each link only its state.
    return Machine(
        model=None,
        states=State,
        initial=State.DISCONNECTED,
        transitions=[{"trigger": row.trigger.value, "source": list(row.sources), "dest": row.target} for row in TABLE],
        auto_transitions=False,
        model_override=True,
    )


class LinkState:
    """The state of one link."""

    def __init__(self) -> None:
        self.state = State.DISCONNECTED

    def fire(self, trigger: Trigger) -> State:
        """Move along the table and return the new state.

        Raises TransitionNotAllowed, and changes nothing, where the table has no such row.
        """
        try:
            _machine().events[trigger.value].trigger(self)
        except MachineError as error:
            raise TransitionNotAllowed(self.state, trigger) from error
        return self.state
