"""Endpoints as they are stored: relative paths, other spellings, and those that came with a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, NoteLink, OpenLink, ReadCredential, Send
from stui_supervisor.core.restore import NO_ENDPOINT
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import AuthenticationFailed
from stui_supervisor.events import Problem, Transition
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.trust import Trust
from tests.support.core.world import DEFAULT, HERE, THERE, World, only, released, stored, told, triggers

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
RELATIVE = "ipc://stui.sock"
LOCALHOST = Endpoint.parse("tcp://localhost:5555")
PATH = Endpoint.parse("ipc:///run/stui")


def waiting(world: World) -> str:
    """Why it waits for a person; it does nothing else."""
    assert world.state is State.DISCONNECTED
    return world.core.status(world.now).last_error or ""


# Relative paths


def test_a_stored_relative_path_is_followed_by_nobody_and_told() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(str(THERE),)))
    world.start()
    effects = world.loaded(stored(endpoint=RELATIVE, image_id="Pharo"))
    assert (triggers(effects), only(OpenLink, effects)) == ([Trigger.NOTHING_TO_RESTORE], [])
    (problem,) = told(Problem, effects)
    (move,) = told(Transition, effects)
    assert (problem.code, problem.message in move.reason, "'ipc://stui.sock' is a relative path" in waiting(world)) == (
        "stored_endpoint",
        True,
        True,
    )
    assert only(OpenLink, world.wait(60.0)) == []


def test_one_of_the_profile_is_passed_over_and_told_where_there_is_no_other() -> None:
    world = World(profile=replace(DEFAULT, endpoints=(RELATIVE, str(THERE))))
    world.start()
    assert only(OpenLink, world.loaded()) == [OpenLink(1, THERE, 1.0)]
    alone = World(profile=replace(DEFAULT, endpoints=(RELATIVE,)))
    alone.start()
    assert triggers(alone.loaded()) == [Trigger.NOTHING_TO_RESTORE]
    assert RELATIVE in waiting(alone)
    nothing = World()
    nothing.start()
    nothing.loaded()
    assert waiting(nothing) == NO_ENDPOINT


def test_named_again_it_takes_over_the_token_the_pin_and_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = Endpoint.parse(f"ipc://{tmp_path.resolve()}/stui.sock")
    profile = replace(DEFAULT, uses_token=True, server_keys={RELATIVE: KEY}, recent=(RELATIVE, "ipc://other"))
    world = World(profile=profile)
    world.start()
    world.loaded(stored("work", endpoint=RELATIVE, image_id="Pharo"))
    (asked,) = only(ReadCredential, world.tell(inputs.Connect(named)))
    assert (asked, asked.endpoint.stored_as) == (ReadCredential(1, named, server_key=KEY), (RELATIVE,))
    assert (world.core.session.id, released([])) == ("work", [])


def test_a_pin_under_a_relative_path_holds_wherever_it_may_mean_the_endpoint() -> None:
    profile = replace(DEFAULT, server_keys={"ipc://./x/../run/stui": KEY, "ipc://stui": KEY})
    world = World(profile=profile)
    world.start()
    (asked,) = only(ReadCredential, world.loaded(stored(endpoint=str(PATH))))
    assert asked.server_key == KEY
    assert profile.server_key(Endpoint.parse("ipc:///run/other")) is None


# Other spellings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tcp://[0:0::1]:5555", "tcp://[::1]:5555"),
        ("tcp://image.example.:5555", "tcp://image.example:5555"),
        ("tcp://[::ffff:7f00:1]:5555", "tcp://127.0.0.1:5555"),
        ("ipc:///run//./stui", "ipc:///run/stui"),
    ],
)
def test_what_was_stored_under_another_spelling_is_found_and_linked_to_under_the_one(old: str, new: str) -> None:
    profile = replace(DEFAULT, uses_token=True, server_keys={old: KEY}, recent=(old,), endpoints=(old,))
    world = World(profile=profile)
    world.start()
    effects = world.loaded(stored(endpoint=old, dialect="envelope", backend_session="s-1", client_id="c-1"))
    (asked,) = only(ReadCredential, effects)
    assert (str(asked.endpoint), asked.endpoint.stored_as, asked.server_key) == (new, (old,), KEY)
    known = world.core.session.known(new)
    assert (known.dialect, known.is_elsewhere) == ("envelope", False)
    world.credential(None)
    effects = world.link()
    assert only(NoteLink, effects) == [NoteLink("default", new, stored_as=(old,))]
    linked = profile.linked_to(new)
    assert (linked.recent, linked.endpoints, linked.server_keys) == ((new,), (new,), {new: KEY})
    assert world.record.endpoint == new


def test_the_spelling_under_which_the_session_has_it_is_known_where_it_is_named_in_another() -> None:
    world = World(profile=replace(DEFAULT, uses_token=True))
    world.start(Endpoint.parse("tcp://[::1]:5555"))
    (asked,) = only(ReadCredential, world.loaded(stored(endpoint="tcp://[::0001]:5555")))
    assert asked.endpoint.stored_as == ("tcp://[::0001]:5555",)


def test_of_two_pins_of_one_endpoint_the_one_under_its_own_spelling_counts() -> None:
    one = Endpoint.parse("tcp://[::1]:1")
    profile = replace(DEFAULT, server_keys={"tcp://[::1]:1": KEY, "tcp://[0::1]:1": "another"})
    assert profile.server_key(one) == KEY
    assert profile.linked_to(str(one)).server_keys == {str(one): KEY}


# Endpoints that came with a file


def from_file(world: World) -> list[Problem]:
    world.start()
    return told(Problem, world.loaded(stored(endpoint=str(HERE), endpoint_from_file=True)))


@pytest.mark.parametrize("has_credentials", [True, False])
def test_an_endpoint_that_came_with_a_file_gets_no_token_and_that_is_told(has_credentials: bool) -> None:
    world = World(profile=replace(DEFAULT, uses_token=not has_credentials), has_credentials=has_credentials)
    world.start()
    effects = world.loaded(stored(endpoint=str(HERE), endpoint_from_file=True))
    assert (only(ReadCredential, effects), only(OpenLink, effects)) == ([], [OpenLink(1, HERE, 1.0)])
    assert [problem.code for problem in told(Problem, effects)] == ["endpoint_from_file"]
    effects = world.link()
    assert (only(NoteLink, effects), world.record.endpoint_from_file) == ([], True)
    world.lost()
    assert only(ReadCredential, world.wait(5.0)) == []


def test_once_it_is_named_it_gets_the_token_and_stays_named() -> None:
    world = World(has_credentials=True)
    from_file(world)
    assert len(only(ReadCredential, world.tell(inputs.Connect(HERE)))) == 1
    assert not world.record.endpoint_from_file


@pytest.mark.parametrize("is_late", [True, False])
def test_a_start_that_names_it_names_it(is_late: bool) -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    if is_late:
        world.wait(2.0)
    effects = world.loaded(stored(endpoint=str(HERE), endpoint_from_file=True))
    assert len(only(ReadCredential, effects)) == (not is_late)
    assert not world.record.endpoint_from_file


def test_naming_another_endpoint_names_not_this_one() -> None:
    world = World(has_credentials=True)
    from_file(world)
    world.tell(inputs.Connect(THERE))
    assert world.record.endpoint_from_file
    world.credential()
    world.link()
    assert (world.record.endpoint, world.record.endpoint_from_file) == (str(THERE), False)


@pytest.mark.parametrize(
    "settled", [{"endpoints": (str(HERE),)}, {"server_keys": {str(HERE): KEY}}, {"recent": (str(HERE),)}]
)
def test_what_the_profile_has_was_named(settled: dict[str, object]) -> None:
    world = World(profile=replace(DEFAULT, uses_token=True, **settled))  # type: ignore[arg-type]  # fields of it
    world.start()
    effects = world.loaded(stored(endpoint=str(HERE), endpoint_from_file=True))
    assert (len(only(ReadCredential, effects)), told(Problem, effects)) == (1, [])


def test_no_work_of_another_session_goes_to_an_endpoint_that_nobody_has_named() -> None:
    world = World()
    world.start()
    world.loaded(stored(endpoint=str(HERE), endpoint_from_file=True, image_id="theirs"))
    world.opened()
    effects = world.answer({"image_id": "mine"})
    assert (triggers(effects), only(Load, effects), only(Send, effects)) == ([Trigger.REJECTED], [], [])
    assert "came with an imported session, and another image answers there than that session's (mine)" in waiting(world)
    world.tell(inputs.Connect(HERE))
    world.opened()
    assert len(only(Load, world.answer({"image_id": "mine"}))) == 1


def test_an_imported_session_does_not_take_back_the_wish_for_no_link() -> None:
    world = World(profile=replace(DEFAULT, wanted=False))
    world.start()
    effects = world.loaded(stored(endpoint=str(HERE), endpoint_from_file=True))
    assert (triggers(effects), only(OpenLink, effects)) == ([Trigger.LEFT_DISCONNECTED], [])


# Where a token may go in the clear, and whose socket it is


def test_a_token_goes_to_localhost_only_where_that_is_loopback() -> None:
    world = World(has_credentials=True)
    world.start(LOCALHOST)
    world.loaded()
    assert only(OpenLink, world.credential()) == [OpenLink(1, LOCALHOST, 1.0, None, Trust(only_loopback=True))]
    effects = world.lost(Failure(FailureKind.TOKEN_IN_CLEAR, "localhost leads to 192.0.2.1 here"))
    assert triggers(effects) == [Trigger.REJECTED]
    assert isinstance(world.core.rejection, AuthenticationFailed)


@pytest.mark.parametrize("secret", [None, Secret("a token of some length")])
def test_without_a_token_or_where_the_profile_allows_it_localhost_is_any(secret: Secret | None) -> None:
    world = World(profile=replace(DEFAULT, uses_token=True, allow_plaintext_token=secret is not None))
    world.start(LOCALHOST)
    world.loaded()
    effects = world.tell(inputs.CredentialRead(1, secret, "keyring"))
    assert only(OpenLink, effects) == [OpenLink(1, LOCALHOST, 1.0)]


def test_the_owner_that_the_profile_names_goes_with_ipc_links_alone() -> None:
    world = World(profile=replace(DEFAULT, ipc_owner="smalltalk"))
    world.start(PATH)
    assert only(OpenLink, world.loaded()) == [OpenLink(1, PATH, 1.0, None, Trust(ipc_owner="smalltalk"))]
    effects = world.lost(Failure(FailureKind.IPC_OWNER, "it is mallory (4711)'s"))
    assert triggers(effects) == [Trigger.ATTEMPT_FAILED]
    assert waiting_for(world) == "the socket there is not shown to be a trusted user's (it is mallory (4711)'s)"
    assert only(OpenLink, world.tell(inputs.Connect(HERE))) == [OpenLink(2, HERE, 1.0)]


def waiting_for(world: World) -> str | None:
    return world.core.status(world.now).last_error
