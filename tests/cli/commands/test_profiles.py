"""``profiles``: what it keeps, changes, shows and refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.config import IMAGE_PIN_MAX_BYTES
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import SessionRecord
from tests.support.files.stored_files import contents, posix, with_header
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import Command

A, B = "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"
DEFAULTS: dict[str, Any] = {
    "name": "work",
    "endpoints": [],
    "failover": False,
    "pin_image": None,
    "notifications": None,
    "topics": [],
    "uses_token": False,
    "allow_plaintext_token": False,
    "server_keys": {},
    "ipc_owner": None,
    "favourite": False,
    "recent": [],
    "wanted": True,
}
OPTIONS = (
    "--failover",
    "--pin-image=one",
    f"--notifications={B}",
    "--topic=errors",
    "--topic=session-updates",
    "--allow-plaintext-token",
)


def stored(home: Path) -> dict[str, Profile]:
    return dict(FileProfileStore(home / "profiles.json").read_all()[0])


def keep(home: Path, profile: Profile) -> None:
    FileProfileStore(home / "profiles.json").change(profile.name, lambda _: profile)


def test_adding_a_profile_prints_what_is_settled_for_it_now(command: Command) -> None:
    ended = command("profiles", "add", "work", A, B, *OPTIONS, "--json")

    assert (ended.code, ended.err) == (0, "")
    assert ended.answer == {
        **DEFAULTS,
        "endpoints": [A, B],
        "failover": True,
        "pin_image": "one",
        "notifications": B,
        "topics": ["errors", "session-updates"],
        "allow_plaintext_token": True,
    }
    assert command("profiles", "show", "work", "--json").answer == ended.answer


def test_adding_it_again_changes_only_what_is_given(command: Command) -> None:
    before = command("profiles", "add", "work", A, *OPTIONS, "--json").answer

    after = command("profiles", "add", "work", "--no-failover", "--pin-image=two", "--json").answer

    assert after == {**before, "failover": False, "pin_image": "two"}


def test_an_empty_value_takes_away_what_was_settled(command: Command) -> None:
    command("profiles", "add", "work", *OPTIONS)
    options = ("--pin-image=", "--notifications=", "--topic=", "--no-failover", "--no-allow-plaintext-token")

    assert command("profiles", "add", "work", *options, "--json").answer == DEFAULTS


def test_an_endpoint_is_kept_in_its_normal_form_and_once(command: Command) -> None:
    ended = command("profiles", "add", "work", "TCP://127.0.0.1:05555", A, "--json")

    assert ended.answer["endpoints"] == [A]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("not an endpoint",), "has no scheme"),
        ((f"--pin-image={'x' * (IMAGE_PIN_MAX_BYTES + 1)}",), "the image's name is longer"),
        (("--notifications=nowhere",), "has no scheme"),
        (("--no-such-option",), "unrecognized arguments"),
        pytest.param(("--topic=\udcff",), r"'\udcff' cannot be a topic", marks=posix),
    ],
)
def test_what_cannot_be_is_a_usage_error_and_changes_nothing(
    words: tuple[str, ...], said: str, command: Command
) -> None:
    ended = command("profiles", "add", "work", *words, "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (2, "ConfigurationError")
    assert said in ended.answer["error"]["message"]
    assert not command.home.exists()


def test_only_the_name_is_asked_for_when_both_are_missing(command: Command) -> None:
    error = command("profiles", "add", "--json").answer["error"]

    assert error["message"] == "the following arguments are required: NAME"


def test_a_name_that_no_profile_can_have_is_a_usage_error(command: Command) -> None:
    ended = command("profiles", "add", "a/b", A)

    assert (ended.code, "cannot name a profile" in ended.err, command.home.exists()) == (2, True, False)


def test_the_list_has_favourites_first_each_with_its_endpoints(command: Command) -> None:
    keep(command.home, Profile(name="b"))
    keep(command.home, Profile(name="a", recent=(B, A)))
    keep(command.home, Profile(name="zz", endpoints=(A, B), failover=True, favourite=True, recent=(B,)))

    assert command("profiles", "list").out.splitlines() == [
        f"* zz  {A}, {B} (failover); recent: {B}",
        f"  a   recent: {B}, {A}",
        "  b   no endpoint yet",
    ]
    listed = command("profiles", "list", "--json").answer["profiles"]
    assert [(one["name"], one["favourite"], one["recent"]) for one in listed] == [
        ("zz", True, [B]),
        ("a", False, [B, A]),
        ("b", False, []),
    ]


def test_with_nothing_stored_the_list_is_empty_and_the_hint_says_how_to_add_one(command: Command) -> None:
    ended = command("profiles", "list")

    assert (ended.code, ended.out) == (0, "")
    assert "stui-supervisor profiles add" in ended.err
    assert command("profiles", "--json", "list").answer == {"profiles": []}
    assert not command.home.exists()


def test_a_person_sees_what_is_settled_line_by_line(command: Command) -> None:
    ended = command("profiles", "add", "work", A, B, "--pin-image=one")

    lines = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    assert lines == {
        "name": "work",
        "endpoints": f"{A}, {B}",
        "failover": "false",
        "pin_image": "one",
        "uses_token": "false",
        "allow_plaintext_token": "false",
        "favourite": "false",
        "wanted": "true",
    }


def test_a_profile_becomes_a_favourite_and_ceases_to_be_one(command: Command) -> None:
    command("profiles", "add", "work")

    assert command("profiles", "favourite", "work", "--json").answer == {**DEFAULTS, "favourite": True}
    assert command("profiles", "favourite", "work", "--off", "--json").answer == DEFAULTS


def test_forgetting_a_profile_leaves_its_sessions(command: Command) -> None:
    command("profiles", "add", "work", A)
    files = FileSessionStore(command.home / "sessions")
    session_id = files.claim("work").session_id
    files.save_record(session_id, SessionRecord(profile="work", endpoint=A))
    files.release(session_id)

    ended = command("profiles", "forget", "work", "--force")

    assert (ended.code, ended.out) == (0, "The profile work is forgotten; its sessions are not.\n")
    assert (stored(command.home), files.known_profiles()) == ({}, {"work"})
    assert "Its sessions and their work stay where they are" in " ".join(
        command("profiles", "forget", "--help").out.split()
    )


@pytest.mark.parametrize("action", ["show", "favourite", "forget"])
def test_a_profile_that_is_not_known_is_a_usage_error_which_names_the_known_ones(action: str, command: Command) -> None:
    command("profiles", "add", "work", A)
    command("profiles", "add", "play", A)

    ended = command("profiles", action, "wrok", "--json")

    assert (ended.code, ended.answer["error"]["message"]) == (2, "the profile 'wrok' is not known")
    assert ended.answer["error"]["hint"].startswith("known profiles: play, work; add one with: ")


@pytest.mark.parametrize("words", [("list",), ("show", "work"), ("add", "work", A), ("forget", "work")])
def test_without_a_disk_it_fails_and_says_so(words: tuple[str, ...], command: Command) -> None:
    command.home.write_text("a file is in the way")

    ended = command("profiles", *words, "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (1, "StoreError")
    assert ended.answer["error"]["hint"]


def test_a_later_versions_file_is_left_as_it_is(command: Command) -> None:
    command("profiles", "add", "work", A)
    path = command.home / "profiles.json"
    path.write_bytes(with_header(path.read_bytes(), major=2))
    before = contents(command.home)

    ended = command("profiles", "add", "work", B, "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (1, "StoreError")
    assert contents(command.home) == before


def test_a_damaged_file_stops_every_command_that_needs_it(command: Command) -> None:
    command("profiles", "add", "work", A)
    command("profiles", "add", "work", B)
    (command.home / "profiles.json").write_bytes(b"damaged")

    for words in (("show", "work"), ("add", "work", A), ("forget", "work"), ("favourite", "work")):
        ended = command("--home", str(command.home), "profiles", *words, "--json")
        assert (ended.code, ended.answer["error"]) == (
            1,
            {
                "type": "StoreError",
                "message": "profiles.json is damaged (its first line is not a header)",
                "hint": "put it back as it was, or decide what holds from now on with: "
                f"stui-supervisor --home {command.home} profiles confirm work",
            },
        )
    assert (command.home / "profiles.json").read_bytes() == b"damaged"


def test_a_person_decides_about_a_damaged_file_and_sees_what_holds_then(command: Command) -> None:
    command("profiles", "add", "work", A)
    command("profiles", "add", "work", B)
    (command.home / "profiles.json").write_bytes(b"damaged")

    ended = command("profiles", "confirm", "work", "--json")

    (decided,) = ended.answer["confirmed"]
    assert (ended.code, decided["name"], decided["endpoints"], decided["read_from"]) == (
        0,
        "work",
        [A],
        "profiles.backup.json",
    )
    assert command("profiles", "show", "work", "--json").answer["endpoints"] == [A]
    again = command("profiles", "confirm", "work")
    assert (again.code, again.out) == (0, "work was not in doubt; nothing is changed.\n")
    command("profiles", "confirm")
    again = command("profiles", "confirm", "work")
    assert (again.code, again.out) == (0, "Nothing was in doubt; nothing is changed.\n")


def test_what_may_be_missing_from_the_list_is_said(command: Command) -> None:
    command("profiles", "add", "work", A)
    (command.home / "profiles.json").write_bytes(b"damaged")

    ended = command("profiles", "list")

    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("There may be others: profiles.json is damaged")


def test_each_action_and_each_option_explains_itself(command: Command) -> None:
    said = command("profiles", "add", "--help").out

    assert all(word in said for word in ("ENDPOINT", *(option.partition("=")[0] for option in OPTIONS)))
    assert "at its next start, or when it reconnects" in " ".join(said.split())
    assert command("profiles").code == 2


# What other commands make of it


def test_a_request_of_a_profile_that_was_never_linked_goes_to_its_first_endpoint(command: Command) -> None:
    with BackendProcess() as backend:
        command("profiles", "add", "work", backend.endpoint)

        ended = command("eval", "3 + 4", "--profile", "work")

    assert (ended.code, ended.out, ended.err) == (0, "7\n", "")
    assert stored(command.home)["work"].recent == ()


def test_a_request_to_another_image_than_the_pinned_one_needs_a_person(command: Command) -> None:
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", image_id="two")) as backend:
        command("profiles", "add", "work", backend.endpoint, "--pin-image=one")

        ended = command("eval", "3 + 4", "--profile", "work", "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (4, "DifferentImage")


def test_the_status_of_a_profile_that_was_never_linked_is_disconnected(command: Command) -> None:
    command("profiles", "add", "work", A)

    ended = command("status", "--profile", "work", "--json")

    assert (ended.code, ended.answer["state"]) == (3, "disconnected")


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: modes")
def test_only_the_owner_can_read_the_profiles(command: Command) -> None:
    command("profiles", "add", "work", A)

    assert {path.stat().st_mode & 0o077 for path in (command.home, *command.home.iterdir())} == {0}


def test_server_keys_are_pinned_by_endpoint_and_taken_away_one_by_one(command: Command) -> None:
    first, second = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    command("profiles", "add", "work", "--server-key", f"tcp://LOCALHOST:5555={first}")
    both = command("profiles", "add", "work", "--server-key", f"{B}={second}", "--json")
    one = command("profiles", "add", "work", "--server-key", f"{B}=", "--json")
    assert both.answer["server_keys"] == {"tcp://localhost:5555": first, B: second}
    assert one.answer["server_keys"] == {"tcp://localhost:5555": first}


def test_a_pin_takes_the_place_of_one_that_was_stored_under_another_spelling(command: Command) -> None:
    old, new = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    keep(command.home, Profile(name="work", server_keys={"tcp://[0::1]:1": old, "ipc://x": old, B: old}))
    pinned = command("profiles", "add", "work", "--server-key", f"tcp://[::1]:1={new}", "--json")
    assert pinned.answer["server_keys"] == {"ipc://x": old, B: old, "tcp://[::1]:1": new}
    gone = command("profiles", "add", "work", "--server-key", "tcp://[0::1]:1=", "--server-key", "ipc://x=", "--json")
    assert gone.answer["server_keys"] == {B: old}


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: users")
def test_the_owner_of_an_ipc_socket_is_a_user_by_name_or_number_and_is_taken_back(command: Command) -> None:
    owners = [
        command("profiles", "add", "work", f"--ipc-owner={owner}", "--json").answer.get("ipc_owner", "refused")
        for owner in ("root", "4711", "nobody of this name", "")
    ]
    assert owners == ["root", "4711", "refused", None]


@pytest.mark.parametrize("word", [A, f"{A}=no key", "nowhere=x"])
def test_what_pins_no_key_is_refused_and_changes_nothing(word: str, command: Command) -> None:
    ended = command("profiles", "add", "work", "--server-key", word, "--json")
    assert (ended.code, ended.answer["error"]["type"]) == (2, "ConfigurationError")
    assert stored(command.home) == {}
