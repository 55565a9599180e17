"""What happens to the link, the requests and the session where a profile has several endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Load, OpenLink
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import DifferentImage
from stui_supervisor.events import AttemptScheduled, Transition
from stui_supervisor.failures import FAILURES, Failure, FailureKind
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.profile import Profile
from tests.support.core.world import DEFAULT, FAR, HERE, REFUSED, THERE, World, endings, only, stored, told, triggers

BOTH = replace(DEFAULT, endpoints=(str(HERE), str(THERE)), failover=True)
THREE = replace(BOTH, endpoints=(str(HERE), str(THERE), str(FAR)))


def begun(profile: Profile = BOTH, settings: Settings | None = None, **record: Any) -> World:
    """The first attempt of a start without an endpoint is under way."""
    world = World(settings, profile=profile)
    world.start()
    world.loaded(stored(**record))
    return world


def linked(profile: Profile = BOTH) -> World:
    """Up at the profile's first endpoint."""
    world = begun(profile)
    world.link("one")
    return world


def tried(effects: Sequence[Effect]) -> list[Endpoint]:
    return [effect.endpoint for effect in only(OpenLink, effects)]


def fail(world: World, failure: Failure = REFUSED) -> list[Endpoint]:
    """The attempt fails; where the next one goes, as soon as it begins."""
    return tried([*world.lost(failure), *world.wait_for_deadline()])


def fail_over(world: World) -> None:
    """The link is lost, the next attempt fails too, and the one after goes elsewhere."""
    world.lost()
    world.wait_for_deadline()
    assert fail(world) == [THERE]


def shown(world: World) -> str | None:
    return world.core.status(world.now).endpoint


# Where the attempts go


def test_a_failed_attempt_is_followed_at_once_by_one_at_the_next_endpoint() -> None:
    world = begun()
    effects = world.lost(REFUSED)
    assert [(event.delay_s, event.failure) for event in told(AttemptScheduled, effects)] == [
        (0.0, f"{HERE}: nothing listens there")
    ]
    assert (shown(world), world.state) == (str(THERE), State.RECOVERING)
    assert tried(world.wait(0.0)) == [THERE]


def test_when_all_have_failed_they_are_tried_again_each_after_a_wait_of_its_own() -> None:
    world = begun(THREE)
    longest_s = {HERE: 0.15, THERE: 0.15, FAR: 0.5}
    path, failed_at = [HERE], dict[Endpoint, float]()
    for _ in range(60):
        failed_at[path[-1]] = world.now.monotonic_s
        path += fail(world)
        if path[-1] in failed_at:
            assert 0.0 < world.now.monotonic_s - failed_at[path[-1]] <= longest_s[path[-1]]
    assert path[:3] == [HERE, THERE, FAR]
    assert set(path[3:]) == {HERE, THERE, FAR}


def test_an_endpoint_with_a_long_wait_holds_up_no_other() -> None:
    world = begun()
    path = fail(world, Failure(FailureKind.PROTOCOL))
    for _ in range(10):
        path += fail(world)
    began = world.now.monotonic_s
    assert path[0] == THERE
    assert path.count(THERE) > path.count(HERE)
    world.lost(REFUSED)
    world.wait_for_deadline()
    curve = FAILURES[FailureKind.REFUSED].curve
    assert curve is not None
    assert world.now.monotonic_s - began <= curve.local_s


def test_without_failover_it_keeps_trying_the_first() -> None:
    world = begun(replace(BOTH, failover=False))
    assert [fail(world) for _ in range(5)] == [[HERE]] * 5


def test_a_lost_link_is_tried_again_where_it_was_before_any_other() -> None:
    world = linked()
    world.lost()
    assert shown(world) == str(HERE)
    assert tried(world.wait_for_deadline()) == [HERE]
    assert fail(world) == [THERE]


def test_the_endpoint_that_was_failed_over_to_becomes_the_last_known_good_one_only_with_its_link() -> None:
    world = linked()
    fail_over(world)
    assert (world.record.endpoint, shown(world)) == (str(HERE), str(THERE))
    (move,) = told(Transition, world.link("one"))
    assert (move.trigger, move.endpoint) == (Trigger.ESTABLISHED, str(THERE))
    assert (world.record.endpoint, shown(world)) == (str(THERE), str(THERE))


def test_and_the_next_round_begins_there() -> None:
    world = linked(THREE)
    fail_over(world)
    world.link("one")
    world.lost()
    path = tried(world.wait_for_deadline())
    path += fail(world) + fail(world)
    assert path == [THERE, HERE, FAR]


def test_another_endpoint_that_the_user_names_stands_alone() -> None:
    world = linked()
    assert tried(world.tell(inputs.Connect(FAR))) == [FAR]
    assert [fail(world) for _ in range(3)] == [[FAR]] * 3


def test_one_of_the_profile_that_the_user_names_comes_first_and_is_failed_over_from() -> None:
    world = linked()
    assert tried(world.tell(inputs.Connect(THERE))) == [THERE]
    assert fail(world) == [HERE]


def test_a_named_start_follows_the_same_rule() -> None:
    world = World(profile=BOTH)
    world.start(FAR)
    world.loaded(stored(endpoint=str(HERE)))
    assert [fail(world) for _ in range(3)] == [[FAR]] * 3


def test_a_last_known_good_endpoint_that_is_not_the_profiles_is_failed_over_from() -> None:
    world = begun(endpoint=str(FAR))
    path = [endpoint for _ in range(30) for endpoint in fail(world)]
    assert (path[:2], set(path[2:])) == ([HERE, THERE], {HERE, THERE, FAR})


def test_a_reconnect_while_waiting_tries_the_endpoint_that_is_shown() -> None:
    world = begun()
    world.lost(REFUSED)
    assert tried(world.tell(inputs.Reconnect())) == [THERE]


def test_after_a_disconnect_a_reconnect_begins_at_the_last_known_good_one() -> None:
    world = linked()
    fail_over(world)
    world.tell(inputs.Disconnect())
    assert tried(world.tell(inputs.Reconnect())) == [HERE]


def test_a_limit_holds_for_all_endpoints_together() -> None:
    world = begun(settings=Settings(give_up_after_s=5.0))
    began = world.now.monotonic_s
    while Trigger.GAVE_UP not in triggers(world.lost(REFUSED)):
        world.wait_for_deadline()
    assert 5.0 <= world.now.monotonic_s - began <= 5.2


def test_a_profile_that_is_read_late_gives_the_others_all_the_same() -> None:
    world = World(Settings(keeps_session=False), profile=None)
    world.start(HERE)
    world.wait(2.1)
    world.tell(inputs.ProfileRead(1, BOTH, ()))
    assert fail(world) == [THERE]


def test_after_a_change_of_the_network_no_endpoint_has_to_rest() -> None:
    world = begun()
    assert fail(world, Failure(FailureKind.PROTOCOL)) == [THERE]
    world.lost(REFUSED)
    assert tried(world.tell(inputs.NetworkChanged())) == [THERE]
    effects = world.lost(REFUSED)
    assert tried([*effects, *world.wait(0.0)]) == [HERE]


# What waits


def test_a_request_waits_while_a_round_goes_on_and_is_sent_where_it_belongs() -> None:
    world = linked()
    world.lost()
    world.submit("evaluate", code="1", timeout=60.0)
    world.wait_for_deadline()
    assert fail(world) == [THERE]
    effects: list[Effect] = []
    while tried(effects) != [HERE]:
        effects = [*world.lost(REFUSED), *world.wait_for_deadline()]
    assert endings(world.link("one")) == []
    assert world.asked().command == "evaluate"
    assert endings(world.answer({"result": "1"})) == [(1, "replied")]


def test_it_was_not_sent_when_the_link_is_to_another_endpoint() -> None:
    world = linked()
    world.lost()
    world.submit("evaluate", code="1", timeout=60.0)
    world.wait_for_deadline()
    assert fail(world) == [THERE]
    world.submit("evaluate", code="2", timeout=60.0)
    effects = world.link("one")
    assert (endings(effects), world.state) == ([(1, "NotSent"), (2, "NotSent")], State.CONNECTED)


def test_what_is_asked_after_that_goes_to_the_endpoint_in_use() -> None:
    world = linked()
    fail_over(world)
    world.link("one")
    world.submit("evaluate", code="3")
    assert endings(world.answer({"result": "3"})) == [(1, "replied")]


@pytest.mark.parametrize(
    ("endpoint", "ends"), [(HERE, []), (THERE, [(1, "NotSent")])], ids=["where the round began", "elsewhere"]
)
def test_when_the_user_names_an_endpoint_it_matters_where_the_round_began(
    endpoint: Endpoint, ends: list[tuple[int, str]]
) -> None:
    world = linked()
    world.lost()
    world.submit("evaluate", code="1", timeout=60.0)
    world.wait_for_deadline()
    assert fail(world) == [THERE]
    assert endings(world.tell(inputs.Connect(endpoint))) == ends


# The session


def test_the_same_image_at_the_other_endpoint_keeps_the_session_and_the_work() -> None:
    world = linked()
    world.context["work"] = "one"
    fail_over(world)
    world.opened()
    assert only(Load, world.shake_hands("one")) == []
    assert (dict(world.context), world.core.session.id) == ({"work": "one"}, "a")


def test_another_image_there_gets_its_own_session() -> None:
    world = linked()
    fail_over(world)
    world.opened()
    assert only(Load, world.answer({"image_id": "two"})) == [Load(2, "default", identity_of("two"))]


# The pinned image

PINNED = replace(BOTH, pin_image="one")


def answered(world: World, ping: dict[str, Any]) -> list[Effect]:
    """The attempt gets as far as its ping, which is answered so; then time passes until the next one begins."""
    world.opened()
    effects = world.answer(ping)
    return effects if world.state is State.DISCONNECTED else [*effects, *world.wait_for_deadline()]


@pytest.mark.parametrize("ping", [{"image_id": "two"}, {}], ids=["another image", "one that is not named"])
def test_without_the_pinned_image_at_one_endpoint_the_next_one_is_tried(ping: dict[str, Any]) -> None:
    world = begun(PINNED)
    effects = answered(world, ping)
    assert (triggers(effects), tried(effects)) == ([Trigger.ATTEMPT_FAILED], [THERE])
    world.link("one")
    assert (world.state, shown(world)) == (State.CONNECTED, str(THERE))


def test_when_none_of_the_endpoints_has_the_pinned_image_a_person_is_needed() -> None:
    world = begun(replace(THREE, pin_image="one"))
    answered(world, {"image_id": "two"})
    answered(world, {})
    assert world.state is State.RECOVERING
    assert triggers(answered(world, {"image_id": "three"})) == [Trigger.REJECTED]
    assert isinstance(world.core.rejection, DifferentImage)


def test_an_endpoint_that_is_away_may_have_the_pinned_image_still() -> None:
    world = begun(PINNED)
    answered(world, {"image_id": "two"})
    for _ in range(10):
        if shown(world) == str(HERE):
            answered(world, {"image_id": "two"})
        else:
            fail(world)
    assert world.core.rejection is None
    while shown(world) == str(HERE):
        answered(world, {"image_id": "two"})
    assert triggers(world.link("one")) == [Trigger.ESTABLISHED]


def test_a_link_in_use_whose_image_becomes_another_is_made_where_the_pinned_one_is() -> None:
    world = begun(PINNED)
    world.link("one")
    world.wait(world.settings.ping_interval_s)
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.LINK_LOST]
    world.wait_for_deadline()
    assert tried(answered(world, {"image_id": "two"})) == [THERE]


def test_a_rejection_is_looked_into_anew_at_every_endpoint_when_the_user_reconnects() -> None:
    world = begun(PINNED)
    answered(world, {"image_id": "two"})
    answered(world, {"image_id": "two"})
    world.tell(inputs.Reconnect())
    assert tried(answered(world, {"image_id": "two"})) == [THERE]
