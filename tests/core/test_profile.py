"""What the core makes of the profile: when it waits for it, and what it settles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Finish, Load, NoteLink, OpenLink, ReadProfile
from stui_supervisor.errors import AuthenticationFailed, DifferentImage, NotSent, StoreError
from stui_supervisor.events import Problem, Transition
from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.states import DegradedReason, State, Trigger
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.problems import ProblemCode
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import Notice
from tests.support.core.world import DEFAULT, FAR, HERE, THERE, World, endings, moves, only, stored, told, triggers

NOWHERE = StoreError("cannot read the profiles", hint="see to it")
ONE_OFF = Settings(keeps_session=False)
PINNED = replace(DEFAULT, pin_image="one")


def read(world: World, number: int, profile: Profile = DEFAULT, *notices: Notice) -> list[Effect]:
    return world.tell(inputs.ProfileRead(number, profile, notices))


def failed(world: World, number: int) -> list[Effect]:
    return world.tell(inputs.ProfileFailed(number, NOWHERE))


def opened_to(effects: Sequence[Effect]) -> list[str]:
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


def codes(effects: Sequence[Effect]) -> list[tuple[str, str, str]]:
    return [(event.code, event.message, event.hint) for event in told(Problem, effects)]


NOT_READABLE = (
    "the profile cannot be read, and nothing is sent before it is known what it asks for "
    "(default: cannot read the profiles)"
)


def test_a_profile_that_cannot_be_read_keeps_the_link_away_after_two_seconds_and_is_told_once() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    assert failed(world, 1) == []
    effects = world.wait(2.0)
    assert moves(effects) == [
        (State.RESTORING, Trigger.RESTORED, State.CONNECTING),
        (State.CONNECTING, Trigger.ATTEMPT_FAILED, State.RECOVERING),
    ]
    assert codes(effects) == [("profile_not_readable", "the profile default: cannot read the profiles", "see to it")]
    status = world.core.status(world.now)
    assert (status.endpoint, status.failure, status.last_error, status.store_ok, status.attempt) == (
        str(HERE),
        FailureKind.PROFILE,
        NOT_READABLE,
        False,
        2,
    )
    assert codes([*failed(world, 2), *world.wait(100.0)]) == []
    assert world.open_link is None


def test_it_is_read_again_two_seconds_apart_growing_to_thirty() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    failed(world, 1)
    began, reads = world.now.monotonic_s, list[float]()
    for number in range(2, 9):
        assert only(ReadProfile, world.wait_for_deadline()) == [ReadProfile(number, "default")]
        reads.append(world.now.monotonic_s - began)
        failed(world, number)
    assert reads == [2.0, 4.0, 8.0, 16.0, 32.0, 62.0, 92.0]


def test_one_that_hangs_is_not_asked_on_top_and_its_late_answer_mends_it() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    assert only(ReadProfile, world.wait(50.0)) == []
    assert world.state is State.RECOVERING
    assert opened_to(read(world, 1)) == [str(HERE)]
    assert world.core.status(world.now).store_ok
    assert triggers(world.link()) == [Trigger.ESTABLISHED]


def test_a_request_waits_as_for_a_link_and_then_names_the_profile() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    failed(world, 1)
    world.submit("evaluate", code="1")
    (ended,) = only(Finish, world.wait(5.0))
    assert isinstance(ended.error, NotSent)
    assert (ended.error.failure, ended.error.message) == (
        FailureKind.PROFILE,
        f"its time was over before it could be sent ({NOT_READABLE})",
    )


def test_without_any_endpoint_it_waits_too_and_goes_on_with_what_is_found() -> None:
    world = World(profile=None)
    world.start()
    world.loaded()
    effects = world.wait(2.0)
    assert [(move.trigger, move.endpoint) for move in told(Transition, effects)] == [
        (Trigger.RESTORED, None),
        (Trigger.ATTEMPT_FAILED, None),
    ]
    assert opened_to(read(world, 1, replace(DEFAULT, endpoints=(str(THERE),)))) == [str(THERE)]


@pytest.mark.parametrize(
    ("profile", "trigger"),
    [
        (DEFAULT, Trigger.NOTHING_TO_RESTORE),
        (replace(DEFAULT, recent=(str(HERE),), wanted=False), Trigger.LEFT_DISCONNECTED),
    ],
    ids=["nothing", "left disconnected"],
)
def test_a_late_profile_may_show_that_no_link_is_wanted_or_known(profile: Profile, trigger: Trigger) -> None:
    world = World(profile=None)
    world.start()
    world.loaded()
    world.wait(2.0)
    assert moves(read(world, 1, profile)) == [(State.RECOVERING, trigger, State.DISCONNECTED)]


@pytest.mark.parametrize(
    ("others", "trigger"),
    [
        ({}, Trigger.RESTORED),
        ({"endpoints": frozenset({str(HERE), str(THERE)})}, Trigger.RESTORED),
        ({"endpoints": frozenset({str(HERE)})}, Trigger.LEFT_DISCONNECTED),
        ({"is_certain": False}, Trigger.LEFT_DISCONNECTED),
    ],
    ids=["unknown", "there", "gone", "not read"],
)
def test_where_the_session_used_last_is_gone_or_cannot_be_read_the_wish_in_the_profile_counts(
    others: dict[str, Any], trigger: Trigger
) -> None:
    world = World(profile=replace(DEFAULT, recent=(str(THERE),), wanted=False))
    world.start()
    effects = world.loaded(stored(endpoint=str(HERE))._replace(**others))
    assert triggers(effects)[:1] == [trigger]


def test_a_session_that_was_left_disconnected_stays_so_whatever_the_profile_says() -> None:
    world = World(profile=None)
    world.start()
    world.loaded(stored(endpoint=str(HERE), wanted=False))
    assert triggers(world.wait(2.0)) == [Trigger.LEFT_DISCONNECTED]


def test_an_endpoint_that_is_named_meanwhile_waits_for_the_profile() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    failed(world, 1)
    world.wait(2.0)
    failed(world, 2)
    effects = world.tell(inputs.Connect(THERE))
    assert (triggers(effects), only(ReadProfile, effects)) == ([Trigger.CONNECT], [ReadProfile(3, "default")])
    failed(world, 3)
    assert triggers(world.wait(2.0)) == [Trigger.ATTEMPT_FAILED]
    assert opened_to(read(world, 4)) == [str(THERE)]


def test_a_reconnect_reads_it_at_once() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    failed(world, 1)
    world.wait(20.0)
    failed(world, 2)
    assert only(ReadProfile, world.tell(inputs.Reconnect())) == [ReadProfile(3, "default")]


def test_a_limit_that_is_set_ends_waiting_for_the_profile_too() -> None:
    world = World(Settings(keeps_session=False, give_up_after_s=20.0), profile=None)
    world.start(HERE)
    failed(world, 1)
    assert Trigger.GAVE_UP in triggers(world.wait(40.0))


def test_a_disk_that_is_away_is_told_beside_it() -> None:
    world = World(profile=None)
    world.start(HERE)
    effects = [*failed(world, 1), *world.load_failed(), *world.wait(2.0)]
    assert [code for code, _, _ in codes(effects)] == ["store_failed", "profile_not_readable"]


def test_a_session_that_is_slow_holds_up_no_link_once_the_profile_is_known() -> None:
    world = World()
    world.start(HERE)
    assert opened_to(world.wait(2.0)) == [str(HERE)]


def test_a_profile_that_does_not_count_is_not_waited_for_and_not_noted_in() -> None:
    world = World(Settings(uses_profile=False), profile=None)
    world.start(HERE)
    assert opened_to(world.loaded()) == [str(HERE)]
    assert only(NoteLink, world.link()) == []


WITHOUT_PROFILE = Settings(uses_profile=False, keeps_session=False)


def test_what_was_settled_in_it_at_the_start_does_not_hold_whatever_changes_beside_it() -> None:
    world = World(WITHOUT_PROFILE, profile=PINNED)
    world.start(HERE)
    assert triggers(world.link("two")) == [Trigger.ESTABLISHED]
    world.profile = replace(PINNED, favourite=True, recent=(str(THERE),), wanted=False)
    assert triggers(world.tell(inputs.ProfileChanged())) == []


def test_what_is_settled_for_it_afterwards_holds_all_the_same() -> None:
    world = World(WITHOUT_PROFILE)
    world.start(HERE)
    world.link("two")
    world.profile = PINNED
    assert triggers(world.tell(inputs.ProfileChanged())) == [Trigger.LINK_LOST]
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


def test_so_does_what_is_found_once_it_can_be_read() -> None:
    world = World(WITHOUT_PROFILE, profile=None)
    world.start(HERE)
    failed(world, 1)
    world.link("two")
    world.profile = PINNED
    assert triggers(world.tell(inputs.ProfileChanged())) == [Trigger.LINK_LOST]


def test_one_that_does_not_count_and_cannot_be_read_is_nothing_to_tell() -> None:
    world = World(WITHOUT_PROFILE, profile=None)
    world.start(HERE)
    assert codes([*failed(world, 1), *world.link("two"), *world.wait(60.0)]) == []
    assert world.core.status(world.now).store_ok


# A change while it runs


def connected(world: World) -> World:
    world.start(HERE)
    world.link("two")
    return world


def test_a_pin_that_is_set_while_a_link_is_in_use_is_enforced_at_once_also_while_a_request_keeps_it_busy() -> None:
    world = connected(World(ONE_OFF))
    world.submit("evaluate", code="1")
    world.profile = PINNED
    assert triggers(world.tell(inputs.ProfileChanged())) == [Trigger.LINK_LOST]
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


@pytest.mark.parametrize(
    "profile",
    [
        replace(DEFAULT, pin_image="two"),
        replace(DEFAULT, favourite=True),
        replace(DEFAULT, server_keys={str(THERE): "k" * 40}),
        replace(DEFAULT, allow_plaintext_token=True),
    ],
    ids=["pin of this image", "favourite", "key of another endpoint", "permission"],
)
def test_a_change_that_the_link_satisfies_leaves_it_alone(profile: Profile) -> None:
    world = connected(World(ONE_OFF))
    world.profile = profile
    assert (triggers(world.tell(inputs.ProfileChanged())), world.state) == ([], State.CONNECTED)


def test_a_change_leaves_a_link_alone_for_which_the_keyring_had_no_token() -> None:
    world = World(ONE_OFF, profile=replace(DEFAULT, uses_token=True))
    world.start(HERE)
    world.credential(None)
    world.link()
    world.profile = replace(DEFAULT, uses_token=True, favourite=True)
    assert triggers(world.tell(inputs.ProfileChanged())) == []


def test_a_token_that_is_settled_on_while_a_link_without_one_is_in_use_makes_another_necessary() -> None:
    world = connected(World(ONE_OFF))
    world.profile = replace(DEFAULT, uses_token=True)
    assert triggers(world.tell(inputs.ProfileChanged())) == [Trigger.LINK_LOST]


TWO = replace(DEFAULT, pin_image="two")


@pytest.mark.parametrize(
    ("before", "meanwhile", "outcome"),
    [
        (DEFAULT, [PINNED], Trigger.REJECTED),
        (PINNED, [DEFAULT], Trigger.ESTABLISHED),
        (PINNED, [TWO], Trigger.ESTABLISHED),
        (PINNED, [DEFAULT, PINNED], Trigger.REJECTED),
    ],
    ids=["set", "taken away", "set right", "taken away and set again"],
)
def test_the_pin_that_holds_is_the_one_of_the_moment_in_which_the_image_answers(
    before: Profile, meanwhile: list[Profile], outcome: Trigger
) -> None:
    world = World(ONE_OFF, profile=before)
    world.start(HERE)
    world.opened()
    for world.profile in meanwhile:
        world.tell(inputs.ProfileChanged())
        world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [outcome]


def test_what_kept_a_link_away_is_no_reason_any_more_once_it_is_there() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    failed(world, 1)
    world.wait(2.0)
    assert world.core.status(world.now).failure is FailureKind.PROFILE
    read(world, 2)
    world.link()
    status = world.core.status(world.now)
    assert (status.failure, status.last_error) == (None, None)


def test_an_image_that_is_not_the_pinned_one_is_why_there_is_no_link() -> None:
    world = World(ONE_OFF, profile=PINNED)
    world.start(HERE)
    world.opened()
    world.answer({"image_id": "two"})
    assert world.core.status(world.now).failure is FailureKind.DIFFERENT_IMAGE


def test_a_wish_that_the_profile_could_not_take_is_noted_once_it_is_read() -> None:
    world = World(profile=None)
    world.start(HERE)
    world.loaded()
    failed(world, 1)
    world.wait(2.0)
    assert only(NoteLink, world.tell(inputs.Disconnect())) == []
    world.tell(inputs.Reconnect())
    assert only(NoteLink, world.tell(inputs.Disconnect())) == []
    assert only(NoteLink, read(world, 2, replace(DEFAULT, recent=(str(HERE),)))) == [
        NoteLink("default", None, wanted=False)
    ]


def test_that_a_later_reading_fails_is_told_while_connecting_too() -> None:
    world = World(ONE_OFF)
    world.start(HERE)
    world.tell(inputs.Disconnect())
    world.profile = None
    world.tell(inputs.Connect(THERE))
    assert [code for code, _, _ in codes(failed(world, 2))] == ["profile_not_readable"]


def test_a_permission_that_is_taken_back_ends_the_link_that_rests_on_it() -> None:
    world = World(ONE_OFF, has_credentials=True, profile=replace(DEFAULT, allow_plaintext_token=True))
    world.start(FAR)
    world.credential("a token of some length")
    world.link()
    world.profile = DEFAULT
    assert triggers(world.tell(inputs.ProfileChanged())) == [Trigger.LINK_LOST]
    assert triggers(world.credential("a token of some length")) == [Trigger.REJECTED]


def test_a_change_that_cannot_be_read_changes_nothing_and_is_told_once() -> None:
    world = connected(World(ONE_OFF))
    world.profile = None
    world.tell(inputs.ProfileChanged())
    assert [code for code, _, _ in codes(failed(world, 2))] == ["profile_not_readable"]
    assert (world.state, world.core.status(world.now).store_ok) == (State.CONNECTED, False)
    world.tell(inputs.ProfileChanged())
    assert codes(failed(world, 3)) == []


def test_a_change_is_heard_of_only_while_it_runs() -> None:
    world = connected(World(ONE_OFF))
    world.tell(inputs.Stop())
    assert world.tell(inputs.ProfileChanged()) == []


def test_what_was_found_damaged_is_told() -> None:
    world = World(ONE_OFF, profile=None)
    world.start(HERE)
    effects = read(world, 1, DEFAULT, Notice(code=ProblemCode.DAMAGED_FILE, message="it is kept", hint="look"))
    assert [(event.code, event.message, event.hint) for event in told(Problem, effects)] == [
        ("damaged_file", "it is kept", "look")
    ]


def test_the_profile_is_read_again_at_the_next_restore() -> None:
    world = World(ONE_OFF)
    world.start(HERE)
    world.link("two")
    world.tell(inputs.Disconnect())
    world.profile = PINNED
    assert only(ReadProfile, world.tell(inputs.Reconnect())) == [ReadProfile(2, "default")]
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


def test_it_is_read_again_before_an_endpoint_is_linked_to_that_is_named() -> None:
    world = World(ONE_OFF)
    world.start(HERE)
    world.tell(inputs.Disconnect())
    world.profile = None
    assert opened_to(world.tell(inputs.Connect(THERE))) == []
    assert opened_to(read(world, 2, PINNED)) == [str(THERE)]
    world.opened()
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.REJECTED]


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


# The endpoints


def test_a_start_that_knows_of_no_endpoint_takes_the_profiles_first() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE), str(HERE))))
    world.start()
    assert opened_to(world.loaded()) == [str(THERE)]


def test_the_last_known_good_one_comes_before_the_profiles() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE),)))
    world.start()
    assert opened_to(world.loaded(stored(endpoint=str(HERE)))) == [str(HERE)]


def test_without_a_session_the_endpoint_that_was_linked_last_is_known_to_the_profile() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE),), recent=(str(FAR), str(HERE))))
    world.start()
    assert opened_to(world.loaded()) == [str(FAR)]


def test_without_a_session_the_wish_to_stay_disconnected_is_known_to_the_profile() -> None:
    world = World(profile=replace(DEFAULT, recent=(str(HERE),), wanted=False))
    world.start()
    assert triggers(world.loaded()) == [Trigger.LEFT_DISCONNECTED]


def test_a_session_of_its_own_decides_before_the_profile() -> None:
    world = World(profile=replace(DEFAULT, recent=(str(THERE),), wanted=False))
    world.start()
    assert opened_to(world.loaded(stored(endpoint=str(HERE)))) == [str(HERE)]


def test_the_wish_is_noted_in_the_profile_too() -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    world.link()
    assert only(NoteLink, world.tell(inputs.Disconnect())) == [NoteLink("default", None, wanted=False)]
    assert only(NoteLink, world.tell(inputs.Disconnect())) == []
    world.profile = replace(DEFAULT, recent=(str(HERE),))
    assert only(NoteLink, world.tell(inputs.Reconnect())) == [NoteLink("default", None, wanted=True)]


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
