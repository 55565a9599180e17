"""Waking from sleep and changing the network: what they do in each phase, and what they never do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from stui_supervisor.adapters.journal.lines import LineDigest, LineName
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Announce, CloseLink, Effect, LookAtPath, OpenLink, ReadCredential, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.events import AttemptScheduled, Beside, MachineWoke, NetworkMoved
from stui_supervisor.health.sample import PathSample
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import DegradedReason, State
from tests.support.core.places import PLACES, at
from tests.support.core.world import FAR, REFUSED, World, endings, moves, only, stored, told

NIGHT_S = 28_800.0
WOKE = inputs.Woke(NIGHT_S)
CHANGED = inputs.NetworkChanged()
PASSED = inputs.TimePassed()
EITHER = pytest.mark.parametrize("event", [WOKE, CHANGED], ids=["woke", "changed"])


def pings(world: World, effects: Sequence[Effect]) -> int:
    """How often the image is asked whether it answers."""
    return len(only(Send, effects)) if world.core._leaves.attempt.phase is Phase.UP else 0


def away(world: World, seconds: float) -> list[Effect]:
    """Nobody listens for so long."""
    effects: list[Effect] = []
    end = world.now.monotonic_s + seconds
    while world.now.monotonic_s < end:
        effects += world.lost(REFUSED) if world.core._leaves.attempt.has_link else world.wait_for_deadline()
    return effects


def watched() -> World:
    """Connected, on a system that lets us look at the connection."""
    world = at("connecting, opening")
    (world.last_send,) = only(Send, world.core.handle(inputs.Opened(world.core.link), world.now))
    world.shake_hands("one")
    return world


def go_on(world: World, event: Input, *, silent_since: float, received: int) -> list[State]:
    """Tell the core, and as the kernel that no byte has come since; the states that this leads to."""
    effects = world.core.handle(event, world.now)
    for _ in only(LookAtPath, effects):
        silence_s = max(0.0, world.now.monotonic_s - silent_since)
        sample = PathSample(silence_s, 0.0, received, 0, has_outstanding=False)
        effects = effects + world.core.handle(inputs.PathSeen(world.core.link, sample), world.now)
    return [move[2] for move in moves(effects)]


def long_away() -> World:
    """Waiting, with all the debt that two minutes without a backend leave."""
    world = World()
    world.start(FAR)
    world.loaded(stored())
    away(world, 120.0)
    while world.core._leaves.attempt.phase is not Phase.WAITING:
        world.lost(REFUSED)
    return world


# A link that is up


@EITHER
def test_a_link_that_is_up_is_asked_at_once(event: Input) -> None:
    world = at("connected")
    effects = world.tell(event)
    assert (len(only(Send, effects)), world.asked().command, moves(effects)) == (1, "ping", [])


@EITHER
def test_the_kernel_is_asked_too(event: Input) -> None:
    world = watched()
    assert only(LookAtPath, world.core.handle(event, world.now)) == [LookAtPath(world.core.link)]


def test_silence_from_before_a_sleep_is_no_verdict_and_that_after_it_is_one_in_time() -> None:
    world = watched()
    silent_since = world.now.monotonic_s + 1.0
    for tenth in range(29):
        assert go_on(world, PASSED, silent_since=silent_since, received=100 + 9 * (tenth >= 5)) == []
        world.now = world.now.after(0.1)
    woke_at = world.now.monotonic_s
    found = [(0.0, state) for state in go_on(world, WOKE, silent_since=silent_since, received=109)]
    for _ in range(32):
        world.now = world.now.after(0.1)
        states = go_on(world, PASSED, silent_since=silent_since, received=109)
        found += [(round(world.now.monotonic_s - woke_at, 1), state) for state in states]
    assert found == [(2.0, State.DEGRADED), (3.0, State.RECOVERING)]


@EITHER
def test_an_image_that_owes_an_answer_is_not_asked_on_top(event: Input) -> None:
    world = at("connected, asking")
    assert only(Send, world.tell(event)) == []


@EITHER
def test_a_busy_image_stays_busy_until_it_answers(event: Input) -> None:
    world = at("degraded")
    assert (moves(world.tell(event)), only(Send, world.wait(4.0))) == ([], [])
    assert world.core.status(world.now).degraded_reason is DegradedReason.BUSY


def test_a_healthy_link_stays_connected_through_any_number_of_both() -> None:
    world = at("connected")
    for number in range(500):
        effects = world.tell(CHANGED if number % 3 else WOKE)
        if world.core._leaves.exchange.flight is not None:
            effects += world.answer({"image_id": "one"})
        effects += world.wait(0.7)
        assert moves(effects) == []
    assert world.state is State.CONNECTED


def test_a_storm_of_changes_leads_to_one_probe_a_second() -> None:
    world = at("connected")
    probes = 0
    for _ in range(1_000):
        effects = [*world.tell(CHANGED), *world.wait(0.01)]
        probes += pings(world, effects)
        if world.core._leaves.exchange.flight is not None:
            world.answer({"image_id": "one"})
    assert 9 <= probes <= 11
    assert pings(world, world.wait(1.0)) == 1  # the last change is not forgotten


def test_an_answer_that_was_due_before_the_sleep_gets_its_whole_time_again() -> None:
    world = at("connected, asking")
    world.wait(4.9)
    world.tell(WOKE)
    assert moves(world.wait(4.9)) == []
    assert [move[2] for move in moves(world.wait(0.2))] == [State.DEGRADED]


# An attempt, and the wait for one


def test_waking_while_waiting_is_the_next_attempt_at_once_and_a_new_beginning() -> None:
    world = long_away()
    effects = world.tell(WOKE)
    assert len(only(OpenLink, effects)) == 1
    assert world.core.status(world.now).attempt == 1
    waits = [scheduled.delay_s for scheduled in told(AttemptScheduled, away(world, 29.0))]
    assert max(waits) <= 0.5


def test_a_changed_network_ends_the_wait_and_drops_the_debt() -> None:
    world = long_away()
    tries = world.core.status(world.now).attempt
    effects = world.tell(CHANGED)
    assert len(only(OpenLink, effects)) == 1
    assert world.core.status(world.now).attempt == tries
    (scheduled,) = told(AttemptScheduled, world.lost(REFUSED))
    assert scheduled.delay_s <= 1.0


def test_a_network_that_changes_all_the_time_does_not_make_a_storm_of_attempts() -> None:
    world = long_away()
    attempts = 0
    for _ in range(1_000):
        effects = [*world.tell(CHANGED), *world.wait(0.01)]
        attempts += len(only(OpenLink, effects))
        if world.core._leaves.attempt.has_link:
            world.lost(REFUSED)
    assert 10 <= attempts <= 40


def test_a_network_that_changes_all_the_time_leaves_a_slow_attempt_its_time() -> None:
    world = long_away()
    (opening,) = only(OpenLink, world.tell(CHANGED))
    assert opening.timeout_s == 5.0
    for _ in range(int(opening.timeout_s)):
        world.wait(1.0)
        assert only(CloseLink, world.tell(CHANGED)) == []
    world.link("one")
    assert world.state is State.CONNECTED


@EITHER
@pytest.mark.parametrize("place", ["connecting, opening", "recovering, opening"])
def test_an_attempt_that_has_not_opened_is_begun_anew(place: str, event: Input) -> None:
    world = at(place)
    before, link = world.state, world.core.link
    effects = world.tell(event)
    assert (only(CloseLink, effects), [one.link for one in only(OpenLink, effects)]) == ([CloseLink(link)], [link + 1])
    assert (moves(effects), world.state) == ([], before)


@pytest.mark.parametrize("phase", ["handshake", "switching"])
@pytest.mark.parametrize("state", ["connecting", "recovering"])
def test_what_had_opened_is_begun_anew_after_a_sleep_only(state: str, phase: str) -> None:
    world = at(f"{state}, {phase}")
    link = world.core.link
    effects = world.tell(CHANGED)
    assert (only(CloseLink, effects), world.core.link) == ([], link)
    world.wait(1.0)
    effects = world.tell(WOKE)
    assert (only(CloseLink, effects), world.core.link) == ([CloseLink(link)], link + 1)
    assert (moves(effects), world.state.value) == ([], state)


@EITHER
@pytest.mark.parametrize("state", ["connecting", "recovering"])
def test_a_credential_that_is_being_read_is_waited_for(state: str, event: Input) -> None:
    world = at(f"{state}, credential")
    link, until = world.core.link, world.core._leaves.attempt.until
    assert only(ReadCredential, world.tell(event)) == []
    assert (world.core.link, world.core._leaves.attempt.until) == (link, until)


@EITHER
@pytest.mark.parametrize("place", ["restoring", "connecting, loading", "disconnected", "rejected", "stopped"])
def test_where_there_is_no_attempt_there_is_nothing_to_do(place: str, event: Input) -> None:
    world = at(place)
    before = world.snapshot()
    assert only(Announce, world.tell(event)) == [*noted(world, event)]
    assert world.snapshot() == before


def noted(world: World, event: Input) -> list[Announce]:
    """What the journal hears of it."""
    if world.state is State.DISCONNECTED:
        return []
    utc = world.now.utc
    return [Announce(MachineWoke(at=utc, slept_s=NIGHT_S) if event is WOKE else NetworkMoved(at=utc))]


@EITHER
@pytest.mark.parametrize("place", PLACES)
def test_neither_changes_the_state_by_itself(place: str, event: Input) -> None:
    world = at(place)
    assert moves(world.tell(event)) == []


@EITHER
def test_requests_that_wait_survive_and_are_sent_on_the_new_link(event: Input) -> None:
    world = at("recovering, opening")
    world.submit("evaluate", code="1")
    assert endings(world.tell(event)) == []
    world.link("one")
    assert (world.asked().command, world.asked().parameters) == ("evaluate", {"code": "1"})


def test_a_move_that_has_to_wait_its_turn_does_not_disturb_what_began_after_it() -> None:
    world = at("connected")
    world.tell(CHANGED)
    world.tell(WOKE)
    world.tell(inputs.Reconnect())
    link = world.core.link
    effects = world.wait(1.5)
    assert (only(CloseLink, effects), world.core.link) == ([], link)


def test_a_move_that_has_to_wait_its_turn_leaves_nothing_armed_when_no_link_is_wanted_any_more() -> None:
    world = at("connected")
    world.tell(CHANGED)
    world.tell(CHANGED)
    world.tell(inputs.Disconnect())
    assert world.core.next_deadline() is None


# What the log says


def test_a_day_without_a_backend_with_sleeps_and_changes_takes_few_lines() -> None:
    world, digest = World(), LineDigest()
    world.start(FAR)
    world.loaded(stored())
    effects: list[Effect] = []
    for number in range(24 * 12):
        effects += away(world, 300.0)
        effects += world.tell(WOKE if number % 12 == 0 else CHANGED)
    lines = [line for announced in only(Announce, effects) for line in digest.lines(announced.event, Beside(1))]
    lines += digest.flush(world.now.utc)
    assert len(lines) <= 200
    counted = Counter[LineName]()
    for line in lines:
        counted[line.name] += line.values.get("count", 1)
    assert (counted[LineName.WOKE], counted[LineName.NETWORK]) == (24, 24 * 11)
