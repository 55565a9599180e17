from __future__ import annotations

from collections import Counter

import pytest

from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.machine.table import ALLOWED, TABLE, EdgeKind, Row

ALL = "disconnected restoring connecting connected degraded recovering"
WANTED = "restoring connecting connected degraded recovering"

# The contract, row by row, in its own words.
CONTRACT = [
    ("disconnected", "restore", "restoring"),
    ("restoring", "restored", "connecting"),
    ("restoring", "nothing_to_restore", "disconnected"),
    ("restoring", "left_disconnected", "disconnected"),
    (ALL, "connect", "connecting"),
    ("connecting", "established", "connected"),
    ("connecting", "attempt_failed", "recovering"),
    ("connecting connected degraded recovering", "rejected", "disconnected"),
    ("connected", "health_lost", "degraded"),
    ("degraded", "health_regained", "connected"),
    ("connected degraded", "link_lost", "recovering"),
    ("recovering", "established", "connected"),
    ("recovering", "nothing_to_restore", "disconnected"),
    ("recovering", "left_disconnected", "disconnected"),
    ("recovering", "gave_up", "disconnected"),
    (WANTED, "disconnect", "disconnected"),
    (WANTED, "stop", "disconnected"),
]


def reachable(start: State, *, kinds: frozenset[EdgeKind] = frozenset(EdgeKind)) -> set[State]:
    """Every state that some path of such edges leads to, ``start`` included."""
    seen, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        targets = {row.target for row in TABLE if state in row.sources and row.kind in kinds}
        waiting += targets - seen
        seen |= targets
    return seen


def test_the_table_is_the_contract_row_by_row() -> None:
    assert [(" ".join(row.sources), row.trigger.value, row.target.value) for row in TABLE] == CONTRACT


def test_each_pair_of_state_and_trigger_leads_to_one_place() -> None:
    pairs = Counter((source, row.trigger) for row in TABLE for source in row.sources)
    assert set(pairs.values()) == {1}
    assert set(pairs) == set(ALLOWED)


def test_every_trigger_and_every_state_has_its_row() -> None:
    assert {row.trigger for row in TABLE} == set(Trigger)
    assert {source for row in TABLE for source in row.sources} == set(State)
    assert {row.target for row in TABLE} == set(State)


def test_every_state_is_reached_from_the_beginning() -> None:
    assert reachable(State.DISCONNECTED) == set(State)


@pytest.mark.parametrize("state", list(State))
def test_no_state_is_a_trap(state: State) -> None:
    assert reachable(state) == set(State)


@pytest.mark.parametrize("state", [state for state in State if state is not State.DISCONNECTED])
def test_a_wanted_link_comes_up_without_a_person(state: State) -> None:
    by_itself = frozenset(EdgeKind) - {EdgeKind.USER}
    assert State.CONNECTED in reachable(state, kinds=by_itself)


def test_only_the_user_makes_a_link_wanted() -> None:
    by_itself = frozenset(EdgeKind) - {EdgeKind.USER}
    assert reachable(State.DISCONNECTED, kinds=by_itself) == {State.DISCONNECTED}


@pytest.mark.parametrize("trigger", [Trigger.DISCONNECT, Trigger.STOP])
@pytest.mark.parametrize("state", [state for state in State if state is not State.DISCONNECTED])
def test_the_user_and_the_program_can_end_every_state(state: State, trigger: Trigger) -> None:
    assert ALLOWED[state, trigger] is State.DISCONNECTED


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
    row: Row = TABLE[0]
    with pytest.raises(AttributeError):
        row.target = State.CONNECTED  # type: ignore[misc]  # on purpose
