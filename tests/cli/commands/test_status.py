"""``status``: what it says of a link when nobody, somebody or a dead process keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.events import Status
from stui_supervisor.session.records import SessionRecord
from tests.support.processes.command import Command

NAMES = [field.name for field in fields(Status)]
ENDPOINT = "tcp://127.0.0.1:5555"
SINCE = "2026-01-02T03:04:05+00:00"


def known(state: str, **more: Any) -> dict[str, Any]:
    return {"state": state, "since": SINCE, "profile": "default", "endpoint": ENDPOINT, "pid": 4711, **more}


@contextmanager
def owned(home: Path, status: dict[str, Any], profile: str = "default") -> Iterator[None]:
    """A session as a running supervisor keeps it."""
    files = FileSessionStore(home / "sessions")
    session_id = files.claim(profile).session_id
    files.save_record(session_id, SessionRecord(profile=profile, endpoint=ENDPOINT, status=status))
    try:
        yield
    finally:
        files.release(session_id)


def leave(home: Path, status: dict[str, Any], profile: str = "default") -> None:
    """A session as a supervisor that has ended left it."""
    with owned(home, status, profile):
        pass


def test_with_nothing_stored_the_link_is_disconnected_and_the_hint_says_how_to_connect(command: Command) -> None:
    ended = command("status", "--json")

    assert ended.code == 3
    assert list(ended.answer) == NAMES
    assert (ended.answer["state"], ended.answer["profile"], ended.answer["pid"]) == ("disconnected", "default", None)
    assert "stui-supervisor run" in ended.err


def test_asking_for_the_status_makes_no_file(command: Command) -> None:
    command("status")

    assert not command.home.exists()


@pytest.mark.parametrize("state", ["connected", "degraded"])
def test_a_link_that_a_running_supervisor_holds_ends_with_0(state: str, command: Command) -> None:
    with owned(command.home, known(state, rtt_ms=1.5)):
        ended = command("status", "--json")

    assert (ended.code, ended.err) == (0, "")
    assert list(ended.answer) == NAMES
    assert {name: ended.answer[name] for name in known(state)} == known(state)
    assert ended.answer["rtt_ms"] == 1.5


@pytest.mark.parametrize("state", ["restoring", "connecting", "recovering", "disconnected"])
def test_a_running_supervisor_without_a_link_ends_with_3(state: str, command: Command) -> None:
    with owned(command.home, known(state)):
        ended = command("status", "--json")

    assert (ended.code, ended.answer["state"], ended.err) == (3, state, "")


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "ended"])
def test_a_backend_that_refused_the_link_ends_with_4_and_prints_no_name_of_its_own(
    is_running: bool, command: Command
) -> None:
    status = known("disconnected", last_error="the token was refused", rejected=True)
    with owned(command.home, status):
        during = command("status", "--json")
    ended = during if is_running else command("status", "--json")

    assert (ended.code, list(ended.answer), ended.answer["last_error"]) == (4, NAMES, "the token was refused")


def test_a_refusal_that_was_overcome_is_forgotten(command: Command) -> None:
    with owned(command.home, known("connected", rejected=False)):
        assert command("status").code == 0
    leave(command.home, known("disconnected", rejected=False))

    assert command("status").code == 3


def test_a_supervisor_that_died_without_stopping_is_told_from_one_that_stopped(command: Command) -> None:
    leave(command.home, known("connected", rtt_ms=1.5, attempt=3))

    ended = command("status", "--json")

    assert ended.code == 3
    assert ended.answer["state"] == "disconnected"
    told, lived_at = ended.answer["last_error"].split("; it is last known to have lived at ")
    assert told == "the last run (process 4711) ended without stopping while connected, since 2026-01-02 03:04:05 UTC"
    assert lived_at == datetime.fromisoformat(ended.answer["since"]).strftime(
        "%Y-%m-%d %H:%M:%S UTC (it shows that every 60 s)"
    )
    assert timedelta() <= datetime.now(UTC) - datetime.fromisoformat(ended.answer["since"]) < timedelta(minutes=1)
    assert (ended.answer["pid"], ended.answer["rtt_ms"], ended.answer["attempt"]) == (None, None, 0)
    assert "No supervisor runs" in ended.err


def test_after_a_stop_the_last_known_truth_is_shown_with_a_note(command: Command) -> None:
    leave(command.home, known("disconnected", last_error=None))

    ended = command("status")

    assert ended.code == 3
    lines = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    assert lines["state"] == "disconnected"
    assert lines["endpoint"] == ENDPOINT
    assert "last_error" not in lines
    assert "No supervisor runs" in ended.err


@pytest.mark.parametrize(("written", "shown"), [(30.0, True), (0.0, False), ("soon", False), (None, False)])
def test_a_wait_for_the_next_attempt_is_told_as_what_is_left_of_it(written: Any, shown: bool, command: Command) -> None:
    with owned(command.home, known("recovering", attempt=3, next_attempt_in_s=written)):
        ended = command("status", "--json")

    assert ended.answer["attempt"] == 3
    left = ended.answer["next_attempt_in_s"]
    assert 20.0 < left < 30.0 if shown else left is None


def test_a_person_sees_a_measured_time_with_one_decimal_and_a_program_all_of_it(command: Command) -> None:
    with owned(command.home, known("connected", rtt_ms=0.9792800001378055)):
        plain, as_json = command("status"), command("status", "--json")

    lines = dict(line.split(maxsplit=1) for line in plain.out.splitlines())
    assert (lines["rtt_ms"], as_json.answer["rtt_ms"]) == ("1.0", 0.9792800001378055)


def test_a_profile_that_nobody_used_is_a_usage_error_which_lists_the_known_ones(command: Command) -> None:
    leave(command.home, known("disconnected"), profile="work")

    ended = command("status", "--profile", "play", "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (2, "ConfigurationError")
    assert "work" in ended.answer["error"]["hint"]


def test_a_stored_status_that_makes_no_sense_is_shown_as_disconnected(command: Command) -> None:
    leave(command.home, {"state": "flying", "unknown": 1})

    ended = command("status", "--json")

    assert (ended.code, list(ended.answer), ended.answer["state"]) == (3, NAMES, "disconnected")


def test_a_pipe_gets_no_colour(command: Command) -> None:
    leave(command.home, known("connected"))

    assert "\x1b" not in command("status").out


def test_what_was_stored_and_cannot_be_used_is_not_said_to_be_nothing(command: Command) -> None:
    leave(command.home, known("disconnected"))
    for file in command.home.glob("sessions/*/*.json"):
        file.write_bytes(b"damaged")

    ended = command("status")

    assert (ended.code, "Nothing is stored" in ended.err) == (3, False)
    assert f"damaged, in {command.home / 'sessions'}; the next start sets it aside." in ended.err
