from __future__ import annotations

from collections import Counter

import pytest

from stui_supervisor.machine.link_state import LinkState, TransitionNotAllowed
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.machine.table import TABLE, EdgeKind

# The contract: where each trigger leads from each state; a dot: it is not allowed there.
COLUMNS = "disconnected restoring connecting connected degraded recovering"
CONTRACT = """
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
TARGETS = {
    (State(state), Trigger(trigger)): None if target == "." else State(target)
    for trigger, *targets in (line.split() for line in CONTRACT.strip().splitlines())
    for state, target in zip(COLUMNS.split(), targets, strict=True)
}
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


def reachable(start: State, *, without: EdgeKind | None = None) -> set[State]:
    """Every state that some path of rows leads to, ``start`` included."""
    seen, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        targets = {row.target for row in TABLE if state in row.sources and row.kind is not without}
        waiting += targets - seen
        seen |= targets
    return seen


def test_the_contract_has_every_pair_of_state_and_trigger() -> None:
    assert TARGETS.keys() == {(state, trigger) for state in State for trigger in Trigger}
    assert len(TARGETS) == 84


def test_a_trigger_leads_where_the_contract_says() -> None:
    for (state, trigger), target in TARGETS.items():
        if target is not None:
            link = link_in(state)
            assert (link.fire(trigger), link.state) == (target, target), (state, trigger)


def test_a_trigger_that_the_contract_does_not_allow_raises_and_changes_nothing() -> None:
    for state, trigger in (pair for pair, target in TARGETS.items() if target is None):
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


def test_no_pair_of_state_and_trigger_stands_in_two_rows() -> None:
    pairs = Counter((source, row.trigger) for row in TABLE for source in row.sources)
    assert set(pairs.values()) == {1}
    assert set(pairs) == {pair for pair, target in TARGETS.items() if target is not None}


def test_every_state_is_reached_from_every_other_so_that_none_is_a_trap() -> None:
    assert {state: reachable(state) for state in State} == {state: set(State) for state in State}


def test_a_wanted_link_comes_up_without_a_person_and_only_a_person_makes_it_wanted() -> None:
    by_itself = {state: reachable(state, without=EdgeKind.USER) for state in State}
    assert by_itself.pop(State.DISCONNECTED) == {State.DISCONNECTED}
    assert [state for state, states in by_itself.items() if State.CONNECTED not in states] == []


def test_a_fault_never_leads_to_a_state_with_a_better_link() -> None:
    rank = {State.CONNECTED: 3, State.DEGRADED: 2, State.CONNECTING: 1, State.RECOVERING: 1, State.DISCONNECTED: 0}
    faults = [row for row in TABLE if row.kind is EdgeKind.FAULT]
    assert all(rank[row.target] <= min(rank[source] for source in row.sources) for row in faults)


def test_each_row_has_a_meaning_of_its_own() -> None:
    meanings = [row.meaning for row in TABLE]
    assert all(meaning == meaning.strip() and meaning.isascii() and meaning for meaning in meanings)
    assert len(set(meanings)) == len(meanings)


def test_the_sources_of_a_row_stand_in_the_order_of_life() -> None:
    order = list(State)
    assert all(list(row.sources) == sorted(row.sources, key=order.index) for row in TABLE)


def test_a_row_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        TABLE[0].target = State.CONNECTED  # type: ignore[misc]  # on purpose
