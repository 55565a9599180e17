from __future__ import annotations

import asyncio

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import LookAtSubscription, Subscribe, Unsubscribe
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import Subscription
from stui_supervisor.runtime.subscriber import Subscriber
from stui_supervisor.testing import FakePublisher

PUBLISHER = Endpoint("tcp", "127.0.0.1", 5556)


async def test_what_a_subscription_says_reaches_the_core_under_its_number() -> None:
    publisher, told = FakePublisher(), list[Input]()
    subscriber = Subscriber(publisher, told.append)
    subscriber.do(Subscribe(7, PUBLISHER, ("errors",), 1.0))
    await asyncio.sleep(0)
    publisher.publish(b"errors", b"1")
    publisher.vanish()
    assert told == [
        inputs.Subscribed(7),
        inputs.Published(7, [b"errors", b"1"]),
        inputs.SubscriptionLost(7, Failure(FailureKind.RESET)),
    ]
    assert (publisher.subscriptions[0].endpoint, publisher.subscriptions[0].topics) == (PUBLISHER, ("errors",))


async def test_a_look_is_answered_with_a_subscription_and_without() -> None:
    publisher, told = FakePublisher(), list[Input]()
    subscriber = Subscriber(publisher, told.append)
    subscriber.look(LookAtSubscription(1))
    subscriber.do(Subscribe(2, PUBLISHER, (), 1.0))
    subscriber.look(LookAtSubscription(2))
    assert told == [inputs.SubscriptionSeen(1, None), inputs.SubscriptionSeen(2, None)]


async def test_one_subscription_ends_where_the_next_begins_and_all_end_when_told() -> None:
    publisher, told = FakePublisher(), list[Input]()
    subscriber = Subscriber(publisher, told.append)
    for number in (1, 2):
        subscriber.do(Subscribe(number, PUBLISHER, (), 1.0))
        await asyncio.sleep(0)
    publisher.publish(b"errors", b"1")
    subscriber.do(Unsubscribe(2))
    publisher.publish(b"errors", b"2")
    assert told == [inputs.Subscribed(1), inputs.Subscribed(2), inputs.Published(2, [b"errors", b"1"])]


async def test_without_a_factory_there_is_nothing_to_end_and_a_mistake_to_begin() -> None:
    subscriber = Subscriber(None, lambda _event: None)
    subscriber.do(Unsubscribe(1))
    with pytest.raises(AssertionError):
        subscriber.do(Subscribe(1, PUBLISHER, (), 1.0))


@pytest.mark.parametrize("error", [OSError("no socket to spare"), OSError()])
async def test_a_subscription_that_cannot_be_made_is_one_that_was_lost(error: OSError) -> None:
    def make(*_: object, **__: object) -> Subscription:
        raise error

    told = list[Input]()
    subscriber = Subscriber(make, told.append)
    subscriber.do(Subscribe(1, PUBLISHER, (), 1.0))
    reason = str(error) or "OSError"
    assert told == [inputs.SubscriptionLost(1, Failure(FailureKind.UNREACHABLE, reason))]
    subscriber.do(Unsubscribe(1))
