"""What the absence of notifications means for the state, beside everything else that may be wrong."""

from __future__ import annotations

from stui_supervisor.config import NOTIFICATIONS_GRACE_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Subscribe, Unsubscribe
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import Notification, NotificationsMissed
from stui_supervisor.machine.states import DegradedReason, State, Trigger
from stui_supervisor.profile import Profile
from tests.support.core.world import HERE, REFUSED, RESET, World, moves, only, told, triggers

PUBLISHER = "tcp://127.0.0.1:6000"
DEAF_WORDS = "the image's notifications are not heard any more"


def linked() -> World:
    world = World(can_subscribe=True)
    world.start(HERE)
    world.loaded()
    world.opened()
    world.shake_hands("one", publishes=PUBLISHER)
    return world


def hearing() -> World:
    world = linked()
    subscribed(world)
    return world


def subscribed(world: World) -> list[Effect]:
    assert world.subscription is not None
    return world.tell(inputs.Subscribed(world.subscription.number))


def gone(world: World) -> list[Effect]:
    """The publisher goes, and stays away for long enough to matter."""
    assert world.subscription is not None
    effects = world.tell(inputs.SubscriptionLost(world.subscription.number, RESET))
    return effects + world.wait(NOTIFICATIONS_GRACE_S)


def deaf() -> World:
    world = hearing()
    gone(world)
    assert reason(world) is DegradedReason.DEAF
    return world


def reason(world: World) -> DegradedReason | None:
    return world.core.status(world.now).degraded_reason


def test_once_the_link_is_established_its_publisher_is_subscribed_to() -> None:
    world = linked()
    assert world.state is State.CONNECTED
    assert world.subscription == Subscribe(1, Endpoint.parse(PUBLISHER), (), 1.0)


def test_the_profile_says_where_and_to_what() -> None:
    profile = Profile(name="default", notifications="tcp://*:7000", topics=("errors",))
    world = World(can_subscribe=True, profile=profile)
    world.start(HERE)
    world.loaded()
    world.link("one")
    assert world.subscription == Subscribe(1, Endpoint.parse("tcp://127.0.0.1:7000"), ("errors",), 1.0)


def test_where_nothing_can_subscribe_nothing_does() -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    world.opened()
    world.shake_hands("one", publishes=PUBLISHER)
    assert (world.state, world.subscription) == (State.CONNECTED, None)


def test_an_envelope_server_names_its_publisher_too() -> None:
    world = World(can_subscribe=True)
    world.start(HERE)
    world.loaded()
    world.opened()
    world.refuse("UnknownCommand")
    world.shake_hands("one", publishes=PUBLISHER)
    assert world.subscription is not None


def test_what_is_published_is_an_event_and_moves_nothing() -> None:
    world = hearing()
    effects = world.tell(inputs.Published(1, [b"errors", b"{}"]))
    assert told(Notification, effects) == [Notification(at=world.now.utc, topic="errors", body={})]
    assert moves(effects) == []


def test_the_subscription_ends_with_the_link_and_the_next_link_has_its_own() -> None:
    world = hearing()
    assert only(Unsubscribe, world.lost()) == [Unsubscribe(1)]
    world.wait_for_deadline()
    world.opened()
    world.shake_hands("one", publishes=PUBLISHER)
    assert world.subscription is not None
    assert world.subscription.number == 2
    subscribed(world)
    assert len(told(NotificationsMissed, world.wait(1.0))) == 1


def test_every_end_of_the_link_is_the_end_of_the_subscription() -> None:
    for end in (inputs.Disconnect(), inputs.Stop(), inputs.Reconnect(), inputs.Connect(HERE)):
        world = hearing()
        assert only(Unsubscribe, world.tell(end)) == [Unsubscribe(1)]


def test_a_publisher_that_is_gone_degrades_and_one_that_is_back_heals() -> None:
    world = hearing()
    assert moves(gone(world)) == [(State.CONNECTED, Trigger.HEALTH_LOST, State.DEGRADED)]
    assert (reason(world), world.core.status(world.now).last_error) == (DegradedReason.DEAF, DEAF_WORDS)
    while world.subscription is None or world.subscription.number == 1:
        world.wait_for_deadline()
    assert moves(subscribed(world)) == []  # what is published may still pass by
    effects = world.wait(3.0)
    assert moves(effects) == [(State.DEGRADED, Trigger.HEALTH_REGAINED, State.CONNECTED)]
    assert len(told(NotificationsMissed, effects)) == 1
    assert (reason(world), world.core.status(world.now).last_error) == (None, None)


def test_a_publisher_that_was_never_there_degrades_nothing() -> None:
    world = linked()
    world.tell(inputs.SubscriptionLost(1, REFUSED))
    world.wait(9.0)
    assert world.state is State.CONNECTED


def test_an_image_that_answers_does_not_cure_deafness() -> None:
    world = deaf()
    world.submit("evaluate", code="1")
    assert moves(world.answer()) == []
    assert reason(world) is DegradedReason.DEAF


def test_a_busy_image_is_named_before_its_notifications_and_they_again_after_it() -> None:
    world = deaf()
    world.submit("evaluate", code="1")
    assert moves(world.wait(6.0)) == []
    assert reason(world) is DegradedReason.BUSY
    assert world.core.session.record.status["degraded_reason"] == "busy"
    assert moves(world.answer()) == []
    assert (reason(world), world.core.status(world.now).last_error) == (DegradedReason.DEAF, DEAF_WORDS)


def test_notifications_that_come_back_while_the_image_is_busy_leave_it_busy() -> None:
    world = deaf()
    world.submit("evaluate", code="1")
    world.wait(6.0)
    assert world.subscription is not None
    assert moves(subscribed(world) + world.wait(3.0)) == []
    assert reason(world) is DegradedReason.BUSY
    assert triggers(world.answer()) == [Trigger.HEALTH_REGAINED]


def test_notifications_that_go_while_the_image_is_busy_are_named_when_it_answers() -> None:
    world = hearing()
    world.submit("evaluate", code="1")
    world.wait(6.0)
    assert moves(gone(world)) == []
    assert reason(world) is DegradedReason.BUSY
    assert moves(world.answer()) == []
    assert reason(world) is DegradedReason.DEAF


def test_a_change_of_the_network_has_the_publisher_tried_at_once() -> None:
    world = deaf()
    number = world.core._leaves.subscription._number
    world.tell(inputs.SubscriptionLost(number, REFUSED))
    assert [one.number for one in only(Subscribe, world.tell(inputs.NetworkChanged()))] == [number + 1]


def test_a_link_that_is_lost_while_deaf_recovers_like_any_other() -> None:
    world = deaf()
    assert triggers(world.lost()) == [Trigger.LINK_LOST]
    assert reason(world) is None


# A ping says where; the machine sleeps; this process stands still


def test_a_later_ping_is_followed_to_where_it_says() -> None:
    world = World(can_subscribe=True)
    world.start(HERE)
    world.loaded()
    world.opened()
    world.shake_hands("one")
    assert world.subscription is None
    for publisher in (PUBLISHER, "tcp://127.0.0.1:7000"):
        world.wait(10.0)
        world.answer({"image_id": "one", "notifications": publisher})
        assert world.subscription is not None
        assert world.subscription.endpoint == Endpoint.parse(publisher)


def test_after_a_sleep_the_subscription_is_made_anew_and_the_link_is_not() -> None:
    world = hearing()
    effects = world.tell(inputs.Woke(600.0))
    assert [one.number for one in only(Subscribe, effects)] == [2]
    assert world.state is State.CONNECTED
    subscribed(world)
    assert len(told(NotificationsMissed, world.wait(1.0))) == 1


def test_much_that_comes_after_this_process_stood_still_is_a_gap() -> None:
    world = hearing()
    world.wait(1.0)
    world.now = world.now.after(60.0)
    world.tell(inputs.Published(1, [b"errors", b'"' + b"x" * 50_000 + b'"']))
    assert len(told(NotificationsMissed, world.wait(3.0))) == 1


def test_what_crowds_in_is_a_gap() -> None:
    world = hearing()
    world.tell(inputs.Crowded(1))
    assert len(told(NotificationsMissed, world.wait(1.0))) == 1
