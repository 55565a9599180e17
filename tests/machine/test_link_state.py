from __future__ import annotations

import pytest

from stui_supervisor.machine.link_state import LinkState, TransitionNotAllowed
from stui_supervisor.machine.states import State, Trigger

# Where each trigger leads from each state; a dot: it is not allowed there.
COLUMNS = "disconnected restoring connecting connected degraded recovering"
EXPECTED = """
restore            restoring  .            .            .            .            .
restored           .          connecting   .            .            .            .
nothing_to_restore .          disconnected .            .            .            disconnected
left_disconnected  .          disconnected .            .            .            disconnected
connect            connecting connecting   connecting   connecting   connecting   connecting
established        .          .            connected    .            .            connected
attempt_failed     .          .            recovering   .            .            .
rejected           .          .            disconnected disconnected disconnected disconnected
health_lost        .          .            .            degraded     .            .
health_regained    .          .            .            .            connected    .
link_lost          .          .            .            recovering   recovering   .
gave_up            .          .            .            .            .            disconnected
disconnect         .          disconnected disconnected disconnected disconnected disconnected
stop               .          disconnected disconnected disconnected disconnected disconnected
"""
PAIRS = [
    (state, trigger, target)
    for trigger, *targets in (line.split() for line in EXPECTED.strip().splitlines())
    for state, target in zip(COLUMNS.split(), targets, strict=True)
]
ALLOWED = [(State(state), Trigger(trigger), State(target)) for state, trigger, target in PAIRS if target != "."]
REFUSED = [(State(state), Trigger(trigger)) for state, trigger, target in PAIRS if target == "."]

PATHS: dict[State, list[Trigger]] = {
    State.DISCONNECTED: [],
    State.RESTORING: [Trigger.RESTORE],
    State.CONNECTING: [Trigger.CONNECT],
    State.CONNECTED: [Trigger.CONNECT, Trigger.ESTABLISHED],
    State.DEGRADED: [Trigger.CONNECT, Trigger.ESTABLISHED, Trigger.HEALTH_LOST],
    State.RECOVERING: [Trigger.CONNECT, Trigger.ATTEMPT_FAILED],
}


def link_in(state: State) -> LinkState:
    link = LinkState()
    for trigger in PATHS[state]:
        link.fire(trigger)
    assert link.state is state
    return link


def test_every_pair_of_state_and_trigger_has_a_case() -> None:
    cases = {(state, trigger) for state, trigger, _ in ALLOWED} | set(REFUSED)
    assert cases == {(state, trigger) for state in State for trigger in Trigger}
    assert len(ALLOWED) + len(REFUSED) == len(cases) == 84


@pytest.mark.parametrize(("state", "trigger", "target"), ALLOWED)
def test_a_trigger_leads_where_the_contract_says(state: State, trigger: Trigger, target: State) -> None:
    link = link_in(state)
    assert link.fire(trigger) is target
    assert link.state is target


@pytest.mark.parametrize(("state", "trigger"), REFUSED)
def test_a_trigger_that_the_contract_does_not_allow_raises_and_changes_nothing(state: State, trigger: Trigger) -> None:
    link = link_in(state)
    with pytest.raises(TransitionNotAllowed) as caught:
        link.fire(trigger)
    assert (caught.value.state, caught.value.trigger, link.state) == (state, trigger, state)
    assert str(caught.value) == f"'{trigger.value}' is not allowed while '{state.value}'"


def test_a_refused_trigger_does_not_stand_in_the_way_of_the_next() -> None:
    link = link_in(State.CONNECTED)
    with pytest.raises(TransitionNotAllowed):
        link.fire(Trigger.RESTORE)
    assert link.fire(Trigger.LINK_LOST) is State.RECOVERING


def test_two_links_of_one_process_do_not_share_a_state() -> None:
    one, other = LinkState(), LinkState()
    one.fire(Trigger.CONNECT)
    assert (one.state, other.state) == (State.CONNECTING, State.DISCONNECTED)
