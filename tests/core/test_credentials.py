"""What a profile asks of an attempt: a token, an encrypted link, both or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, Effect, OpenLink, ReadCredential, Send
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import AuthenticationFailed, KeyRefused
from stui_supervisor.events import AttemptScheduled, Problem
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import CurveKeys, fingerprint
from stui_supervisor.security.secret import Secret
from tests.support.core.world import DEFAULT, FAR, HERE, RESET, THERE, World, only, stored, told, triggers

TOKEN = Secret("a token of some length")
SERVER = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
KEYS = CurveKeys(SERVER, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", Secret("the secret one"))
KEY_REFUSED = Failure(FailureKind.KEY_REFUSED, "the backend does not have the pinned key")


def started(endpoint: Endpoint = HERE, **settled: Any) -> tuple[World, list[Effect]]:
    """A core whose first attempt has begun, under a profile like this."""
    world = World(profile=replace(DEFAULT, **settled))
    world.start(endpoint)
    return world, world.loaded(stored())


def read(world: World, token: Secret | None, curve: CurveKeys | None = None) -> list[Effect]:
    return world.tell(inputs.CredentialRead(world.core.link, token, "keyring", curve))


def asked_and_opened(effects: Sequence[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, ReadCredential | OpenLink)]


def next_attempt(world: World) -> list[Effect]:
    """Let time pass until it has begun, with the keys of its link."""
    effects = world.wait_for_deadline()
    while not only(ReadCredential, effects):
        effects = world.wait_for_deadline()
    return read(world, None, KEYS)


@pytest.mark.parametrize(
    ("settled", "wanted"),
    [
        ({}, OpenLink(1, HERE, 1.0)),
        ({"server_keys": {str(THERE): SERVER}}, OpenLink(1, HERE, 1.0)),
        ({"uses_token": True}, ReadCredential(1, HERE)),
        ({"server_keys": {str(HERE): SERVER}}, ReadCredential(1, HERE, with_token=False, server_key=SERVER)),
        ({"uses_token": True, "server_keys": {str(HERE): SERVER}}, ReadCredential(1, HERE, server_key=SERVER)),
    ],
)
def test_the_keyring_is_asked_for_what_the_profile_says_and_for_nothing_else(
    settled: dict[str, Any], wanted: Effect
) -> None:
    assert asked_and_opened(started(**settled)[1]) == [wanted]


def test_a_token_from_the_keyring_travels_and_its_source_is_in_the_status() -> None:
    world, _ = started(uses_token=True)
    assert only(OpenLink, read(world, TOKEN)) == [OpenLink(1, HERE, 1.0)]
    world.opened()
    assert world.asked().parameters == {"auth_token": TOKEN.reveal()}
    assert world.core.status(world.now).credential_source == "keyring"


def test_a_keyring_without_the_token_that_the_profile_uses_is_told_once_until_it_has_one() -> None:
    world, _ = started(uses_token=True)
    effects = read(world, None)
    assert (only(OpenLink, effects), [problem.code for problem in told(Problem, effects)]) == (
        [OpenLink(1, HERE, 1.0)],
        ["no_token"],
    )
    codes = []
    for token in (None, TOKEN, None):
        world.lost()
        world.wait_for_deadline()
        codes += [problem.code for problem in told(Problem, read(world, token))]
    assert codes == ["no_token"]


def test_a_pinned_key_opens_an_encrypted_link() -> None:
    world, _ = started(server_keys={str(HERE): SERVER})
    assert only(OpenLink, read(world, None, KEYS)) == [OpenLink(1, HERE, 1.0, KEYS)]
    assert world.core.status(world.now).credential_source is None


def test_over_a_network_a_token_travels_on_an_encrypted_link() -> None:
    world, _ = started(FAR, uses_token=True, server_keys={str(FAR): SERVER})
    assert only(OpenLink, read(world, TOKEN, KEYS)) == [OpenLink(1, FAR, 1.0, KEYS)]


def test_over_a_network_a_token_travels_in_the_clear_only_where_the_profile_allows_it() -> None:
    refusing, _ = started(FAR, uses_token=True)
    effects = read(refusing, TOKEN)
    assert (triggers(effects), only(OpenLink, effects), only(Send, effects)) == ([Trigger.REJECTED], [], [])
    assert isinstance(refusing.core.rejection, AuthenticationFailed)
    allowing, _ = started(FAR, uses_token=True, allow_plaintext_token=True)
    assert only(OpenLink, read(allowing, TOKEN)) == [OpenLink(1, FAR, 1.0)]


def test_keys_and_tokens_of_an_attempt_are_not_those_of_the_next() -> None:
    world, _ = started(uses_token=True, server_keys={str(HERE): SERVER})
    read(world, TOKEN, KEYS)
    world.lost()
    world.wait_for_deadline()
    assert only(OpenLink, read(world, None)) == [OpenLink(2, HERE, 1.0)]


# Refused keys


def test_the_third_refused_handshake_in_a_row_rejects_and_names_the_pinned_key() -> None:
    world, _ = started(server_keys={str(HERE): SERVER})
    read(world, None, KEYS)
    for _ in range(2):
        effects = world.lost(KEY_REFUSED)
        (scheduled,) = told(AttemptScheduled, effects)
        assert scheduled.failure == f"the keys or the encryption of the two ends do not match ({KEY_REFUSED.message})"
        next_attempt(world)
    assert triggers(world.lost(KEY_REFUSED)) == [Trigger.REJECTED]
    assert isinstance(world.core.rejection, KeyRefused)
    assert fingerprint(SERVER) in world.core.rejection.message
    assert (world.state, world.core.status(world.now).next_attempt_in_s) == (State.DISCONNECTED, None)


def test_another_failure_between_them_does_not_make_a_refusal_less_of_one() -> None:
    world, _ = started(server_keys={str(HERE): SERVER})
    read(world, None, KEYS)
    for failure in (KEY_REFUSED, RESET, KEY_REFUSED, RESET):
        assert Trigger.REJECTED not in triggers(world.lost(failure))
        next_attempt(world)
    assert triggers(world.lost(KEY_REFUSED)) == [Trigger.REJECTED]


@pytest.mark.parametrize("change", [inputs.Reconnect(), inputs.Connect(HERE)])
def test_what_the_user_does_begins_the_row_anew(change: inputs.Input) -> None:
    world, _ = started(server_keys={str(HERE): SERVER})
    read(world, None, KEYS)
    for _ in range(2):
        world.lost(KEY_REFUSED)
        world.tell(change)
        read(world, None, KEYS)
    world.lost(KEY_REFUSED)
    assert world.core.rejection is None


def test_a_link_that_came_up_begins_the_row_anew() -> None:
    world, _ = started(server_keys={str(HERE): SERVER})
    read(world, None, KEYS)
    for _ in range(3):
        for _ in range(2):
            world.lost(KEY_REFUSED)
            next_attempt(world)
        world.opened()
        world.lost()
        next_attempt(world)
    assert world.core.rejection is None


def test_after_a_rejection_a_reconnect_tries_three_times_again() -> None:
    world, _ = started(server_keys={str(HERE): SERVER})
    read(world, None, KEYS)
    for _ in range(2):
        world.lost(KEY_REFUSED)
        next_attempt(world)
    world.lost(KEY_REFUSED)
    effects = world.tell(inputs.Reconnect())
    assert only(ReadCredential, effects) == [ReadCredential(4, HERE, with_token=False, server_key=SERVER)]
    read(world, None, KEYS)
    assert triggers(world.lost(KEY_REFUSED)) == [Trigger.ATTEMPT_FAILED]


# A profile that changes


@pytest.mark.parametrize(
    "settled", [{"server_keys": {str(HERE): SERVER}}, {"uses_token": True}], ids=["pinned key", "token"]
)
@pytest.mark.parametrize("place", ["opening", "handshake", "connected"])
def test_a_profile_that_asks_for_more_than_a_link_has_replaces_it(settled: dict[str, Any], place: str) -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored())
    if place != "opening":
        world.opened()
    if place == "connected":
        world.shake_hands()
    world.profile = Profile(name="default", **settled)
    effects = world.tell(inputs.ProfileChanged())
    assert (len(only(CloseLink, effects)), len(only(ReadCredential, effects))) == (1, 1)
    assert world.state is (State.RECOVERING if place == "connected" else State.CONNECTING)


def test_a_profile_that_asks_for_no_more_leaves_the_link_alone() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored())
    world.link()
    world.profile = Profile(name="default", server_keys={str(THERE): SERVER})
    effects = world.tell(inputs.ProfileChanged())
    assert (only(CloseLink, effects), world.state) == ([], State.CONNECTED)
