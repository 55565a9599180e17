"""Where nobody listens on this machine it is looked, many times a second, and an attempt begins when somebody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from stui_supervisor.config import LOOKOUT_RENEWED_S, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, LookOut, OpenLink
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import AttemptScheduled
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State, Trigger
from tests.support.core.world import DEFAULT, FAR, HERE, REFUSED, RESET, THERE, World, only, stored, told, triggers

HERE_AND_FAR = replace(DEFAULT, endpoints=(str(HERE), str(FAR)), failover=True)
HERE_AND_THERE = replace(DEFAULT, endpoints=(str(HERE), str(THERE)), failover=True)
DAY_S = 86_400.0
TIMEOUT = Failure(FailureKind.TIMEOUT)


def begun(settings: Settings | None = None, *, endpoint: Endpoint = HERE, can_look: bool = True) -> World:
    """The first attempt of a start is under way."""
    world = World(settings, can_look=can_look)
    world.start(endpoint)
    world.loaded(stored())
    return world


def looking(settings: Settings | None = None) -> World:
    """The first attempt was refused."""
    world = begun(settings)
    world.lost(REFUSED)
    return world


def tried(effects: Sequence[Effect]) -> list[Endpoint]:
    return [effect.endpoint for effect in only(OpenLink, effects)]


def looked_at(effects: Sequence[Effect]) -> list[tuple[Endpoint, ...]]:
    return [effect.endpoints for effect in only(LookOut, effects)]


def test_a_refused_attempt_is_followed_by_looks_and_not_by_another_attempt() -> None:
    world = begun()
    effects = world.lost(REFUSED)
    assert looked_at(effects) == [(HERE,)]
    assert [(event.attempt, event.delay_s) for event in told(AttemptScheduled, effects)] == [(2, 0.0)]
    assert (world.state, world.core._leaves.attempt.phase) == (State.RECOVERING, Phase.LOOKING)


def test_however_long_it_lasts_nothing_is_told_and_nothing_tried() -> None:
    world = looking()
    effects = world.wait(DAY_S)
    assert set(map(type, effects)) == {LookOut}
    assert len(effects) == DAY_S // LOOKOUT_RENEWED_S
    status = world.core.status(world.now)
    assert (status.attempt, status.next_attempt_in_s) == (2, 0.0)


def test_when_somebody_listens_an_attempt_begins_at_once_and_the_looks_end() -> None:
    world = looking()
    world.wait(DAY_S)
    effects = world.sees(HERE)
    assert (looked_at(effects), only(OpenLink, effects)) == ([()], [OpenLink(2, HERE, 1.0)])
    world.link("one")
    assert world.state is State.CONNECTED


def test_a_look_that_was_refused_changes_nothing() -> None:
    world = looking()
    before = world.snapshot()
    assert world.sees(HERE, is_listening=False) == []
    assert world.snapshot() == before


def test_an_attempt_that_a_look_called_for_and_that_is_refused_is_followed_by_a_wait() -> None:
    world = looking()
    world.sees(HERE)
    effects = world.lost(REFUSED)
    (scheduled,) = told(AttemptScheduled, effects)
    assert (0.0 < scheduled.delay_s <= 0.1, world.core._leaves.attempt.phase) == (True, Phase.WAITING)
    world.wait_for_deadline()
    assert looked_at(world.lost(REFUSED)) == [(HERE,)]


def test_where_it_cannot_be_looked_it_is_tried_along_the_curve() -> None:
    world = looking()
    assert tried(world.sees(HERE, is_listening=None)) == [HERE]
    for _ in range(20):
        assert looked_at(world.lost(REFUSED)) == []
        assert tried(world.wait_for_deadline()) == [HERE]


@pytest.mark.parametrize(
    ("can_look", "endpoint", "failure"), [(False, HERE, REFUSED), (True, FAR, REFUSED), (True, HERE, TIMEOUT)]
)
def test_no_looks_for_another_failure_another_machine_or_a_link_of_the_programs_own(
    can_look: bool, endpoint: Endpoint, failure: Failure
) -> None:
    world = begun(endpoint=endpoint, can_look=can_look)
    assert looked_at(world.lost(failure)) == []
    assert world.core._leaves.attempt.phase is Phase.WAITING


def test_an_endpoint_that_an_attempt_has_found_to_be_on_this_machine_is_looked_at() -> None:
    world = begun(endpoint=FAR)
    assert looked_at(world.lost(Failure(FailureKind.REFUSED, is_here=True))) == [(FAR,)]
    assert tried(world.sees(FAR)) == [FAR]


def test_what_was_seen_for_an_earlier_endpoint_is_dropped() -> None:
    world = looking()
    number = world.looks.number if world.looks else 0
    world.tell(inputs.Connect(THERE))
    world.lost(REFUSED)
    assert world.tell(inputs.SeenListening(number, HERE, is_listening=True)) == []
    assert world.tell(inputs.SeenListening(number, THERE, is_listening=True)) == []


@pytest.mark.parametrize("end", [inputs.Disconnect(), inputs.Stop()])
def test_the_looks_end_when_no_link_is_wanted(end: inputs.Disconnect | inputs.Stop) -> None:
    world = looking()
    assert looked_at(world.tell(end)) == [()]


@pytest.mark.parametrize(
    "event", [inputs.Reconnect(), inputs.NetworkChanged(), inputs.Woke(60.0)], ids=["reconnect", "network", "woke"]
)
def test_the_user_a_wake_and_a_change_of_the_network_end_the_looks_with_an_attempt(event: inputs.Input) -> None:
    world = looking()
    assert tried(world.tell(event)) == [HERE]


def test_an_outage_that_may_last_only_so_long_ends_then() -> None:
    world = looking(Settings(give_up_after_s=45.0))
    assert triggers(world.wait(44.9)) == []
    effects = world.wait(0.1)
    assert (triggers(effects), world.state) == ([Trigger.GAVE_UP], State.DISCONNECTED)
    assert looked_at(effects) == [()]


# A long wait, as after many restarts in a row


def waiting_long() -> World:
    """A link was lost once more in an old outage: the curve of attempts has grown."""
    world = begun()
    for _ in range(40):
        world.lost(RESET)
        if world.looks is not None and world.looks.endpoints:
            return world
        world.wait(5.0)
    raise AssertionError("the waits do not grow")


def test_after_a_long_wait_began_it_is_seen_whether_anybody_listens_still() -> None:
    world = waiting_long()
    assert world.looks is not None
    assert world.looks.endpoints == (HERE,)
    assert world.core._leaves.attempt.phase is Phase.WAITING


def test_where_nobody_does_the_next_attempt_begins_at_once_and_then_the_looks() -> None:
    world = waiting_long()
    assert tried(world.sees(HERE, is_listening=False)) == [HERE]
    assert looked_at(world.lost(REFUSED)) == [(HERE,)]


def test_where_somebody_accepts_and_closes_the_curve_is_kept() -> None:
    world = waiting_long()
    before = world.snapshot()
    assert world.sees(HERE) == []
    assert world.snapshot() == before


# Several endpoints


def test_another_endpoint_is_tried_along_its_curve_while_it_is_looked_at_the_one_here() -> None:
    world = World(profile=HERE_AND_FAR, can_look=True)
    world.start()
    world.loaded(stored())
    assert looked_at(world.lost(REFUSED)) == [(HERE,)]
    for _ in range(10):
        assert tried(world.wait_for_deadline()) == [FAR]
        world.lost(TIMEOUT)
    assert tried(world.sees(HERE)) == [HERE]


def test_an_attempt_elsewhere_gives_way_when_somebody_listens_here() -> None:
    world = World(profile=HERE_AND_FAR, can_look=True)
    world.start()
    world.loaded(stored())
    world.lost(REFUSED)
    assert tried(world.wait_for_deadline()) == [FAR]
    assert tried(world.sees(HERE)) == [HERE]
    world.link("one")
    assert (world.state, world.core.status(world.now).endpoint) == (State.CONNECTED, str(HERE))


def test_a_handshake_elsewhere_does_not() -> None:
    world = World(profile=HERE_AND_FAR, can_look=True)
    world.start()
    world.loaded(stored())
    world.lost(REFUSED)
    world.wait_for_deadline()
    number = world.looks.number if world.looks else 0
    assert looked_at(world.opened()) == [()]
    assert world.tell(inputs.SeenListening(number, HERE, is_listening=True)) == []


def test_several_endpoints_of_this_machine_are_all_looked_at_and_the_first_that_listens_is_taken() -> None:
    world = World(profile=HERE_AND_THERE, can_look=True)
    world.start()
    world.loaded(stored())
    world.lost(REFUSED)
    assert tried(world.wait_for_deadline()) == [THERE]
    assert looked_at(world.lost(REFUSED)) == [(HERE, THERE)]
    assert set(map(type, world.wait(DAY_S))) == {LookOut}
    assert tried(world.sees(THERE)) == [THERE]


def test_a_profile_that_is_read_again_leaves_the_looks_as_they_are() -> None:
    world = looking()
    world.tell(inputs.ProfileChanged())
    world.tell(inputs.ProfileRead(2, replace(DEFAULT, uses_token=False, recent=(str(THERE),)), ()))
    assert tried(world.sees(HERE)) == [HERE]


def test_an_endpoint_that_the_profile_gets_meanwhile_is_tried() -> None:
    world = World(profile=HERE_AND_THERE, can_look=True)
    world.start()
    world.loaded(stored())
    world.lost(REFUSED)
    world.wait_for_deadline()
    world.lost(REFUSED)
    assert world.core._leaves.attempt.phase is Phase.LOOKING
    world.profile = replace(HERE_AND_THERE, endpoints=(str(HERE), str(THERE), str(FAR)))
    world.tell(inputs.ProfileChanged())
    assert tried(world.wait_for_deadline()) == [FAR]
