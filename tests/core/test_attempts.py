"""How the attempts follow each other, and what reading a credential does to them."""

from __future__ import annotations

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, OpenLink, ReadCredential, Send
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import AuthenticationFailed, CredentialError
from stui_supervisor.events import AttemptScheduled
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import State, Trigger
from tests.support.core.places import at
from tests.support.core.world import (
    FAR,
    HERE,
    REFUSED,
    World,
    only,
    stored,
    told,
    triggers,
)


def waits(world: World, attempts: int, failure: Failure = REFUSED) -> list[float]:
    """The seconds before each of the next attempts, all of which fail at once."""
    found = []
    for _ in range(attempts):
        (scheduled,) = told(AttemptScheduled, world.lost(failure))
        found.append(scheduled.delay_s)
        world.wait_for_deadline()
    return found


def long_outage(world: World, seconds: float = 120.0) -> None:
    """The backend is away for so long; an attempt is under way when it ends."""
    end = world.now.monotonic_s + seconds
    while world.now.monotonic_s < end:
        waits(world, 1)


# How long to wait


@pytest.mark.parametrize(("endpoint", "most"), [(HERE, 0.2), (FAR, 0.5)])
def test_a_refusing_backend_is_tried_quickly_for_half_a_minute(endpoint: Endpoint, most: float) -> None:
    world = World()
    world.start(endpoint)
    world.loaded(stored())
    began = world.now.monotonic_s
    seen = []
    while world.now.monotonic_s - began < 30.0 - most:
        seen += waits(world, 1)
    assert max(seen) <= most
    assert len(seen) >= 30.0 / most


def test_a_long_outage_is_tried_more_slowly_but_at_least_every_five_seconds() -> None:
    world = at("connecting, opening")
    long_outage(world)
    later = waits(world, 200)
    assert 4.0 < max(later) <= 5.0


def test_attempts_may_take_longer_as_an_outage_grows_old() -> None:
    world = at("connecting, opening")
    long_outage(world)
    (opening,) = only(OpenLink, [*world.lost(REFUSED), *world.wait_for_deadline()])
    assert opening.timeout_s == 5.0


def test_a_link_that_is_lost_within_ten_seconds_does_not_forget_the_outage_before() -> None:
    world = at("connecting, opening")
    long_outage(world)
    world.link("one")
    world.wait(9.9)
    (scheduled,) = told(AttemptScheduled, world.lost())
    assert scheduled.attempt > 2


def test_ten_seconds_of_health_forget_the_outage_before() -> None:
    world = at("connecting, opening")
    long_outage(world)
    world.link("one")
    world.wait(10.0)
    (scheduled,) = told(AttemptScheduled, world.lost())
    assert (scheduled.attempt, scheduled.delay_s <= 0.1) == (1, True)


def test_ten_seconds_of_health_count_also_when_the_image_was_busy_afterwards() -> None:
    world = at("connecting, opening", Settings(give_up_after_s=300.0))
    long_outage(world, 250.0)
    world.link("one")
    for _ in range(20):
        world.wait(10.0)
        world.answer()
    world.wait(15.0)
    assert world.state is State.DEGRADED
    (scheduled,) = told(AttemptScheduled, world.lost())
    assert (scheduled.attempt, scheduled.delay_s <= 0.1) == (1, True)


def test_a_connect_forgets_the_outage_before() -> None:
    world = at("connecting, opening")
    long_outage(world)
    (opening,) = only(OpenLink, world.tell(inputs.Connect(HERE)))
    assert (opening.timeout_s, world.core.status(world.now).attempt) == (1.0, 1)


def test_one_seed_gives_the_same_waits_and_another_gives_others() -> None:
    runs = []
    for seed in (1, 1, 2):
        world = World(seed=seed)
        world.start(HERE)
        world.loaded(stored())
        runs.append(waits(world, 20))
    assert runs[0] == runs[1] != runs[2]


# Credentials


def test_the_credential_is_read_before_the_link_is_opened_and_travels_in_the_ping() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    effects = world.loaded(stored())
    assert (only(ReadCredential, effects), only(OpenLink, effects)) == ([ReadCredential(1, HERE)], [])
    assert only(OpenLink, world.credential("a token of some length")) == [OpenLink(1, HERE, 1.0)]
    world.opened()
    assert world.asked().parameters == {"auth_token": "a token of some length"}
    world.answer({"image_id": "one"})
    assert (world.asked().command, world.asked().parameters["auth_token"]) == (
        "create_session",
        "a token of some length",
    )
    world.answer({"session_id": "made"})
    assert (world.state, world.core.status(world.now).credential_source) == (State.CONNECTED, "keyring")


def test_the_credential_travels_in_later_pings_and_in_no_request() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored(backend_session="s1"))
    world.credential("a token of some length")
    world.link("one")
    world.wait(10.0)
    assert world.asked().parameters == {"auth_token": "a token of some length"}
    world.answer()
    world.submit("evaluate", code="1")
    assert world.asked().parameters == {"code": "1"}


def test_every_attempt_reads_the_credential_again() -> None:
    world = at("recovering, credential")
    assert only(ReadCredential, [*world.credential(), *world.lost(), *world.wait_for_deadline()]) == [
        ReadCredential(3, HERE)
    ]


def test_an_endpoint_without_a_credential_is_linked_without_one() -> None:
    world = at("connecting, credential")
    world.credential(None)
    world.opened()
    assert (world.asked().parameters, world.core.status(world.now).credential_source) == ({}, None)


def test_a_credential_that_is_not_read_in_time_fails_the_attempt_only() -> None:
    world = at("connecting, credential")
    assert triggers(world.wait(1.9)) == []
    effects = world.wait(0.1)
    (scheduled,) = told(AttemptScheduled, effects)
    assert (triggers(effects), only(CloseLink, effects)) == ([Trigger.ATTEMPT_FAILED], [])
    assert scheduled.failure == "the credential could not be read (nothing came within 2 s)"
    assert triggers(world.tell(inputs.CredentialRead(1, None, "keyring"))) == []


def test_a_locked_keyring_fails_the_attempt_and_is_tried_again_slowly() -> None:
    world = at("connecting, credential")
    seen: list[float] = []
    while world.now.monotonic_s < 2_000.0:
        effects = world.tell(inputs.CredentialFailed(world.core.link, CredentialError("it is locked")))
        seen += [scheduled.delay_s for scheduled in told(AttemptScheduled, effects)]
        world.wait_for_deadline()
    assert max(seen[:10]) <= 2.0
    assert 20.0 < max(seen) <= 30.0
    assert world.core.status(world.now).last_error == "the credential could not be read (it is locked)"


def test_a_credential_is_not_sent_over_a_network_in_the_clear() -> None:
    world = World(has_credentials=True)
    world.start(FAR)
    world.loaded(stored())
    effects = world.credential()
    assert (triggers(effects), only(OpenLink, effects)) == ([Trigger.REJECTED], [])
    assert isinstance(world.core.rejection, AuthenticationFailed)
    assert world.core.status(world.now).next_attempt_in_s is None


def test_a_far_backend_without_a_credential_is_linked() -> None:
    world = World(has_credentials=True)
    world.start(FAR)
    world.loaded(stored())
    assert only(OpenLink, world.credential(None)) == [OpenLink(1, FAR, 1.0)]


def test_no_secret_is_shown_by_what_the_core_asks_for() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    effects = [*world.credential("a token of some length"), *world.opened()]
    shown = [repr(effect) for effect in effects if not isinstance(effect, Send)]
    assert "a token of some length" not in " ".join(shown)


@pytest.mark.parametrize("place", ["connecting", "connected"])
def test_a_refused_credential_is_tried_once_in_ten_minutes_whatever_happens_around_it(place: str) -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential("the wrong token")
    if place == "connected":
        world.link("one")
        world.wait(10.0)
    else:
        world.opened()
    effects = world.refuse("AuthenticationFailed", "no such token")
    for _ in range(10):
        effects += world.tell(inputs.NetworkChanged())
        effects += world.tell(inputs.Woke(60.0))
        effects += world.wait(60.0)
    status = world.core.status(world.now)
    assert (triggers(effects), world.state) == ([Trigger.REJECTED], State.DISCONNECTED)
    assert [effect for effect in effects if isinstance(effect, OpenLink | ReadCredential | Send)] == []
    assert (status.failure, status.last_error) == (
        FailureKind.AUTHENTICATION,
        "the backend does not let this client in (the token was refused: AuthenticationFailed: no such token)",
    )


@pytest.mark.parametrize(
    "change", [inputs.Reconnect(), inputs.Connect(HERE), inputs.Start(HERE)], ids=["reconnect", "connect", "start"]
)
def test_the_right_credential_works_once_something_changes(change: inputs.Input) -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential("the wrong token")
    world.opened()
    world.refuse("AuthenticationFailed")
    world.wait(600.0)
    asked = only(ReadCredential, world.tell(change))
    assert asked == [ReadCredential(2, HERE)]
    world.credential("the right token")
    effects = world.opened()
    assert world.asked().parameters == {"auth_token": "the right token"}
    assert (triggers(effects + world.shake_hands("one")), world.core.rejection) == ([Trigger.ESTABLISHED], None)
