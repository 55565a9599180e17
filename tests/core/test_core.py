from __future__ import annotations

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, Effect, OpenLink, Release
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import CredentialError
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State
from stui_supervisor.security.secret import Secret
from tests.support.core.places import PLACES, at
from tests.support.core.world import (
    BEGIN,
    DEFAULT,
    DISK_FULL,
    HERE,
    RESET,
    THERE,
    World,
    endings,
    section,
    stored,
    triggers,
)

# What each public call does in each place: the triggers it fires, in order; a dot: none.
CALLS = "start stop connect disconnect reconnect"
EXPECTED = """
nothing restored       restore,nothing_to_restore .    connect .          restore,nothing_to_restore
left disconnected      restore,left_disconnected  .    connect .          restore,restored
disconnected           restore,left_disconnected  .    connect .          restore,restored
rejected               restore,nothing_to_restore .    connect .          restore,restored
stopped                restore                    .    .       .          .
restoring              .                          stop connect disconnect .
connecting, loading    .                          stop connect disconnect .
connecting, credential .                          stop connect disconnect .
connecting, opening    .                          stop connect disconnect .
connecting, handshake  .                          stop connect disconnect .
connecting, switching  .                          stop connect disconnect .
connected              .                          stop connect disconnect link_lost
connected, asking      .                          stop connect disconnect link_lost
degraded               .                          stop connect disconnect link_lost
recovering, profile    .                          stop connect disconnect .
recovering, waiting    .                          stop connect disconnect .
recovering, looking    .                          stop connect disconnect .
recovering, credential .                          stop connect disconnect .
recovering, opening    .                          stop connect disconnect .
recovering, handshake  .                          stop connect disconnect .
recovering, switching  .                          stop connect disconnect .
"""
CALL_INPUTS: dict[str, Input] = {
    "start": inputs.Start(None),
    "stop": inputs.Stop(),
    "connect": inputs.Connect(THERE),
    "disconnect": inputs.Disconnect(),
    "reconnect": inputs.Reconnect(),
}
CASES = [
    (line[:22].strip(), call, [] if fired == "." else fired.split(","))
    for line in EXPECTED.strip().splitlines()
    for call, fired in zip(CALLS.split(), line[22:].split(), strict=True)
]
# The driver of a program that has stopped hands on nothing but late answers and another start.
CASES = [case for case in CASES if case[0] != "stopped" or case[1] in ("start", "stop")]

EVERYWHERE = pytest.mark.parametrize("place", PLACES)
OLD = Secret("an old token")


def test_every_state_has_its_places() -> None:
    assert {at(place).state for place in PLACES} == set(State)
    assert {at(place).core._leaves.attempt.phase for place in PLACES} == set(Phase)


# Public calls, in every state


@pytest.mark.parametrize(("place", "call", "fired"), CASES)
def test_a_public_call_does_in_each_place_what_the_contract_says(place: str, call: str, fired: list[str]) -> None:
    world = at(place)
    assert [trigger.value for trigger in triggers(world.tell(CALL_INPUTS[call]))] == fired


@EVERYWHERE
@pytest.mark.parametrize("call", CALL_INPUTS)
def test_after_a_public_call_there_is_a_way_on(place: str, call: str) -> None:
    world = at(place)
    world.tell(CALL_INPUTS[call])
    assert (world.core.next_deadline() is None) == (world.state is State.DISCONNECTED)


@EVERYWHERE
@pytest.mark.parametrize("call", CALL_INPUTS)
def test_no_call_leaves_two_links_open(place: str, call: str) -> None:
    world = at(place)
    before = world.open_link
    effects = world.tell(CALL_INPUTS[call])
    links = [effect for effect in effects if isinstance(effect, OpenLink | CloseLink)]
    if any(isinstance(effect, OpenLink) for effect in links) and before is not None:
        assert links[0] == CloseLink(before)


@EVERYWHERE
def test_a_request_waits_or_goes_while_a_link_is_wanted_and_ends_at_once_otherwise(place: str) -> None:
    world = at(place)
    ended = endings(world.submit("evaluate", code="x"))
    number = world._requests
    assert ended == ([(number, "NotSent")] if world.state is State.DISCONNECTED else [])


@EVERYWHERE
def test_a_cancelled_request_ends_and_another_one_does_not(place: str) -> None:
    world = at(place)
    before = world.core.status(world.now).waiting_requests
    world.submit("evaluate", code="x")
    assert world.tell(inputs.Cancel(99)) == []
    world.tell(inputs.Cancel(world._requests))
    assert world.core.status(world.now).waiting_requests == before


@EVERYWHERE
def test_a_change_of_the_context_moves_nothing(place: str) -> None:
    world = at(place)
    before = world.state
    world.context["work"] = "new"
    effects = world.tell(inputs.SaveContext())
    assert (triggers(effects), world.state, world.context["work"]) == ([], before, "new")


# Time


@EVERYWHERE
def test_every_state_but_disconnected_has_a_deadline_and_disconnected_has_none(place: str) -> None:
    world = at(place)
    assert (world.core.next_deadline() is None) == (world.state is State.DISCONNECTED)


@EVERYWHERE
def test_a_look_before_the_deadline_changes_nothing(place: str) -> None:
    world = at(place)
    before = world.snapshot()
    assert world.tell(inputs.TimePassed()) == []
    assert world.snapshot() == before


@EVERYWHERE
def test_a_deadline_that_was_met_is_not_armed_again(place: str) -> None:
    world = at(place)
    for _ in range(20):
        due = world.core.next_deadline()
        if due is None:
            break
        world.wait_for_deadline()
        after = world.core.next_deadline()
        assert after is None or after > due


@pytest.mark.parametrize("place", [place for place in PLACES if at(place).state is not State.DISCONNECTED])
def test_a_wanted_link_is_tried_for_as_long_as_it_takes(place: str) -> None:
    world = at(place)
    if world.core._leaves.attempt.has_link:
        world.lost()
    if place == "restoring" or "loading" in place:
        world.load_failed()
    for _ in range(50):
        effects = world.wait_for_deadline()
        assert world.state in (State.RECOVERING, State.CONNECTING), triggers(effects)
    for _ in range(10):
        if world.core._leaves.attempt.phase is Phase.OPENING:
            break
        if world.core._leaves.attempt.phase is Phase.CREDENTIAL:
            world.credential()
        elif world.core._leaves.attempt.phase is Phase.PROFILE:
            world.tell(inputs.ProfileRead(1, DEFAULT, ()))
        elif world.core._leaves.attempt.phase is Phase.LOOKING:
            world.sees(HERE)
        else:
            world.wait_for_deadline()
    world.link("one")
    assert world.state is State.CONNECTED


# Answers that come late, twice, or where nobody waits for them


def stale(world: World) -> dict[str, Input]:
    """Answers to what an earlier attempt or load asked for."""
    link = world.core.link - 1
    return {
        "opened": inputs.Opened(link),
        "received": inputs.Received(link, world.last_send.token, world.last_send.body),
        "lost": inputs.Lost(link, RESET),
        "not taken": inputs.NotTaken(link, world.last_send.token),
        "credential": inputs.CredentialRead(link, OLD, "keyring"),
        "no credential": inputs.CredentialFailed(link, CredentialError("locked")),
        "load failed": inputs.LoadFailed(world.old_load, DISK_FULL),
    }


STALE = list(stale(at("connected")))


@EVERYWHERE
@pytest.mark.parametrize("kind", STALE)
def test_an_answer_to_an_earlier_attempt_changes_nothing(place: str, kind: str) -> None:
    world = at(place)
    before = world.snapshot()
    assert world.tell(stale(world)[kind]) == []
    assert world.snapshot() == before


@EVERYWHERE
def test_a_session_that_is_claimed_too_late_is_given_back_and_changes_nothing(place: str) -> None:
    world = at(place)
    before = world.snapshot()
    late = inputs.Loaded(world.old_load, stored("late", {"work": section("late")}, endpoint=str(THERE)))
    assert world.tell(late) == [Release("late")]
    assert world.snapshot() == before


# Where an answer of the present attempt is waited for; everywhere else it changes nothing.
EXPECTING = {
    "opened": {"opening"},
    "credential": {"credential"},
    "no credential": {"credential"},
    "received": {"handshake", "connected", "asking", "degraded"},
    "lost": {"opening", "handshake", "switching", "connected", "asking", "degraded"},
    "not taken": {"opening", "handshake", "switching", "connected", "asking", "degraded"},
    "loaded": {"restoring", "loading", "switching"},
    "load failed": {"restoring", "loading", "switching"},
}
UNEXPECTED = [
    (place, kind) for place in PLACES for kind, places in EXPECTING.items() if place.rpartition(", ")[2] not in places
]


@pytest.mark.parametrize(("place", "kind"), UNEXPECTED)
def test_an_answer_that_nobody_waits_for_changes_nothing(place: str, kind: str) -> None:
    world = at(place)
    link = world.core.link
    answers: dict[str, tuple[Input, list[Effect]]] = {
        "opened": (inputs.Opened(link), []),
        "credential": (inputs.CredentialRead(link, OLD, "keyring"), []),
        "no credential": (inputs.CredentialFailed(link, CredentialError("locked")), []),
        "received": (inputs.Received(link, world.last_send.token, world.last_send.body), []),
        "lost": (inputs.Lost(link, RESET), []),
        "not taken": (inputs.NotTaken(link, world.last_send.token), []),
        "loaded": (inputs.Loaded(world._loads[-1], stored("late")), [Release("late")]),
        "load failed": (inputs.LoadFailed(world._loads[-1], DISK_FULL), []),
    }
    event, effects = answers[kind]
    before = world.snapshot()
    assert world.tell(event) == effects
    assert world.snapshot() == before


@EVERYWHERE
def test_a_reply_to_no_message_changes_nothing(place: str) -> None:
    world = at(place)
    before = world.snapshot()
    assert world.tell(inputs.Received(world.core.link, b"nobody's", world.last_send.body)) == []
    assert world.snapshot() == before


@EVERYWHERE
def test_a_lost_link_makes_a_wanted_link_recover_and_no_other(place: str) -> None:
    world = at(place)
    before, had_link = world.state, world.open_link is not None
    world.lost()
    assert world.state is (State.RECOVERING if had_link else before)


def test_before_the_start_nothing_has_lasted_yet() -> None:
    world = World()
    assert world.core.status(BEGIN).since == BEGIN.utc
    world.start(HERE)
    assert world.core.status(BEGIN.after(5.0)).since == BEGIN.utc
