"""What the core makes of the profile: when it waits for it, and what it settles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stui_supervisor import inputs
from stui_supervisor.config import Settings
from stui_supervisor.effects import CloseLink, Effect, Load, NoteLink, OpenLink, ReadProfile
from stui_supervisor.errors import AuthenticationFailed, DifferentImage, StoreError
from stui_supervisor.events import Problem
from stui_supervisor.identity import identity_of
from stui_supervisor.profile import Profile
from stui_supervisor.record import StoreNotice
from stui_supervisor.states import DegradedReason, State, Trigger
from tests.support.core_world import DEFAULT, FAR, HERE, THERE, World, endings, moves, only, stored, told, triggers

NOWHERE = StoreError("cannot read the profiles", hint="see to it")
ONE_OFF = Settings(keeps_session=False)
PINNED = replace(DEFAULT, pin_image="one")


def read(world: World, number: int, profile: Profile = DEFAULT, *notices: StoreNotice) -> list[Effect]:
    return world.tell(inputs.ProfileRead(number, profile, notices))


def failed(world: World, number: int) -> list[Effect]:
    return world.tell(inputs.ProfileFailed(number, NOWHERE))


def opened_to(effects: list[Effect]) -> list[str]:
    return [str(effect.endpoint) for effect in only(OpenLink, effects)]


# The reading


def test_a_start_asks_for_the_profile_before_it_claims() -> None:
    effects = World(profile=None).start(HERE)
    assert [effect for effect in effects if isinstance(effect, ReadProfile | Load)] == [
        ReadProfile(1, "default"),
        Load(1, "default", None),
    ]


def test_no_attempt_begins_before_the_profile_is_known() -> None:
    world = World(profile=None)
    world.start(HERE)
    assert opened_to(world.loaded()) == []
    assert opened_to(read(world, 1)) == [str(HERE)]


def test_nor_before_the_session_is() -> None:
    world = World(profile=None)
    world.start(HERE)
    assert opened_to(read(world, 1)) == []
    assert opened_to(world.loaded()) == [str(HERE)]


def test_a_one_off_link_waits_for_the_profile_too_and_claims_nothing() -> None:
    world = World(ONE_OFF, profile=None)
    effects = world.start(HERE)
    assert (only(Load, effects), opened_to(effects), world.state) == ([], [], State.RESTORING)
    assert opened_to(read(world, 1)) == [str(HERE)]


def test_a_disk_that_hangs_delays_a_start_by_no_more_than_its_limit() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    assert opened_to(world.wait(1.9)) == []
    assert opened_to(world.wait(0.2)) == [str(HERE)]


def test_a_profile_that_cannot_be_read_is_told_and_the_link_is_made_with_the_defaults() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    effects = failed(world, 1)
    assert [(event.code, event.message, event.hint) for event in told(Problem, effects)] == [
        ("profile_unreadable", "cannot read the profiles", "see to it")
    ]
    assert opened_to(effects) == [str(HERE)]


def test_a_disk_that_is_away_is_told_once() -> None:
    world = World(profile=None)
    world.start(HERE)
    effects = [*failed(world, 1), *world.load_failed()]
    assert [event.code for event in told(Problem, effects)] == ["store_failed"]
    assert opened_to(effects) == [str(HERE)]


def test_a_profile_that_alone_cannot_be_read_is_told_when_the_session_is_there() -> None:
    world = World(profile=None)
    world.start(HERE)
    effects = [*failed(world, 1), *world.loaded()]
    assert [event.code for event in told(Problem, effects)] == ["profile_unreadable"]


def test_one_that_fails_late_is_told_then() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    world.wait(2.1)
    assert [event.code for event in told(Problem, failed(world, 1))] == ["profile_unreadable"]


def test_what_was_found_damaged_is_told() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    effects = read(world, 1, DEFAULT, StoreNotice(code="damaged_file", message="it is kept", hint="look"))
    assert [(event.code, event.message, event.hint) for event in told(Problem, effects)] == [
        ("damaged_file", "it is kept", "look")
    ]


def test_the_profile_is_read_again_at_the_next_restore_and_an_older_answer_is_dropped() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    world.tell(inputs.Disconnect())
    assert only(ReadProfile, world.tell(inputs.Reconnect())) == [ReadProfile(2, "default")]
    assert read(world, 1, PINNED) == []
    assert opened_to(read(world, 2)) == [str(HERE)]
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.ESTABLISHED]


def test_a_failed_read_keeps_what_was_known() -> None:
    world = World(profile=PINNED)
    world.start(HERE)
    world.loaded()
    world.tell(inputs.Disconnect())
    world.profile = None
    world.tell(inputs.Reconnect())
    failed(world, 2)
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


def test_an_endpoint_named_while_restoring_waits_for_the_profile_as_well() -> None:
    world = World(ONE_OFF, profile=None)
    world.start()
    assert opened_to(world.tell(inputs.Connect(THERE))) == []
    assert opened_to(read(world, 1)) == [str(THERE)]


def test_a_pin_that_is_read_late_is_compared_with_who_answers() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    world.wait(2.1)
    world.opened()
    effects = read(world, 1, PINNED)
    assert (len(only(CloseLink, effects)), opened_to(effects)) == (1, [str(HERE)])
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


def test_one_that_is_read_later_still_holds_at_the_next_ping() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    world.wait(2.1)
    world.link("two")
    read(world, 1, PINNED)
    world.wait(world.settings.ping_interval_s)
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


# The endpoints


def test_a_start_that_knows_of_no_endpoint_takes_the_profiles_first() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE), str(HERE))))
    world.start()
    assert opened_to(world.loaded()) == [str(THERE)]


def test_the_last_known_good_one_comes_before_the_profiles() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE),)))
    world.start()
    assert opened_to(world.loaded(stored(endpoint=str(HERE)))) == [str(HERE)]


def test_a_named_one_comes_before_both() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE),)))
    world.start(FAR)
    assert opened_to(world.loaded(stored(endpoint=str(HERE)))) == [str(FAR)]


def test_a_profile_with_endpoints_stays_disconnected_when_that_was_the_users_wish() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE),)))
    world.start()
    assert triggers(world.loaded(stored(wanted=False))) == [Trigger.LEFT_DISCONNECTED]


def test_an_endpoint_of_a_kind_that_is_not_known_is_passed_over() -> None:
    world = World(profile=replace(DEFAULT, endpoints=("quic://later:1", str(THERE))))
    world.start()
    assert opened_to(world.loaded()) == [str(THERE)]


# The recent ones


def test_a_link_makes_its_endpoint_the_most_recent_one_and_only_a_change_is_noted() -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    assert only(NoteLink, world.link()) == [NoteLink("default", str(HERE))]
    world.lost()
    world.wait_for_deadline()
    assert only(NoteLink, world.link()) == []
    world.tell(inputs.Connect(THERE))
    assert only(NoteLink, world.link()) == [NoteLink("default", str(THERE))]


def test_what_is_the_most_recent_one_already_is_not_noted() -> None:
    world = World(profile=replace(DEFAULT, recent=(str(HERE), str(THERE))))
    world.start(HERE)
    world.loaded()
    assert only(NoteLink, world.link()) == []


def test_a_one_off_link_stores_nothing() -> None:
    world = World(ONE_OFF)
    world.start(HERE)
    assert only(NoteLink, world.link()) == []


# The pinned image


@pytest.mark.parametrize("settings", [Settings(), ONE_OFF], ids=["with a session", "one-off"])
def test_another_image_than_the_pinned_one_is_rejected_and_what_to_do_is_said(settings: Settings) -> None:
    world = World(settings, profile=PINNED)
    world.start(HERE)
    if settings.keeps_session:
        world.loaded()
    world.submit("evaluate", code="1")
    world.opened()
    effects = world.answer({"image_id": "two"})
    assert moves(effects) == [(State.CONNECTING, Trigger.REJECTED, State.DISCONNECTED)]
    assert endings(effects) == [(1, "NotSent")]
    assert isinstance(world.core.rejection, DifferentImage)
    assert str(world.core.rejection) == (
        "another image answers than the one the profile is pinned to ('two', not 'one'): "
        "connect to where the pinned image is, or change the profile's pin and reconnect"
    )
    assert opened_to(world.wait(600)) == []


def test_nothing_is_claimed_for_an_image_that_is_rejected() -> None:
    world = World(profile=PINNED)
    world.start(HERE)
    world.loaded(stored(image_id="one"))
    world.opened()
    effects = world.answer({"image_id": "two"})
    assert (only(Load, effects), world.record.image_id) == ([], "one")


def test_the_pinned_image_is_linked_to_also_where_another_one_was_before() -> None:
    world = World(profile=PINNED)
    world.start(HERE)
    world.loaded(stored(image_id="two"))
    world.opened()
    assert only(Load, world.answer({"image_id": "one"})) == [Load(2, "default", identity_of("one"))]
    world.loaded(stored("b", image_id="one"))
    world.shake_hands("one")
    assert (world.state, world.record.image_id) == (State.CONNECTED, "one")


@pytest.mark.parametrize("result", [{}, {"image_id": ""}, {"image_id": None}])
def test_an_answer_that_names_no_image_cannot_be_compared_with_the_pin_and_is_rejected(
    result: dict[str, object],
) -> None:
    world = World(ONE_OFF, profile=PINNED)
    world.start(HERE)
    world.opened()
    assert triggers(world.answer(result)) == [Trigger.REJECTED]
    assert isinstance(world.core.rejection, DifferentImage)
    assert str(world.core.rejection) == (
        "the backend names no image, so the profile's pin cannot be checked (it is pinned to 'one'): "
        "take the pin away, or pin the backend's key instead, then reconnect"
    )


@pytest.mark.parametrize("is_busy", [False, True], ids=["connected", "degraded"])
def test_an_image_that_turns_out_to_be_another_at_a_later_ping_is_rejected(is_busy: bool) -> None:
    world = World(profile=PINNED)
    world.start(HERE)
    world.loaded()
    world.link("one")
    world.wait(world.settings.ping_interval_s)
    if is_busy:
        world.wait(world.settings.answer_timeout_s)
        assert world.core.status(world.now).degraded_reason is DegradedReason.BUSY
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]
    assert isinstance(world.core.rejection, DifferentImage)


def test_after_the_pin_was_changed_a_reconnect_links() -> None:
    world = World(ONE_OFF, profile=PINNED)
    world.start(HERE)
    world.opened()
    world.answer({"image_id": "two"})
    world.profile = replace(PINNED, pin_image="two")
    world.tell(inputs.Reconnect())
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.ESTABLISHED]


# The token


@pytest.mark.parametrize("is_allowed", [False, True], ids=["as usual", "where the profile allows it"])
def test_a_token_goes_over_a_network_in_the_clear_only_where_the_profile_allows_it(is_allowed: bool) -> None:
    world = World(ONE_OFF, has_credentials=True, profile=replace(DEFAULT, allow_plaintext_token=is_allowed))
    world.start(FAR)
    effects = world.credential("a token of some length")
    assert (opened_to(effects), isinstance(world.core.rejection, AuthenticationFailed)) == (
        ([str(FAR)], False) if is_allowed else ([], True)
    )
