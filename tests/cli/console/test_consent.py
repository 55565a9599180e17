"""What removes or writes over asks first; where nobody can be asked it wants ``--force``."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import SESSIONS_KEPT
from stui_supervisor.context.context import Section
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import SessionRecord
from tests.support.processes.command import COMMAND, Command, Ended

if sys.platform != "win32":
    import pty

LONG_AGO = datetime.now(UTC) - timedelta(days=90)
DAY = timedelta(days=1)


def sessions(home: Path, count: int) -> list[str]:
    """So many sessions with work, the oldest first; all are old enough to go."""
    ids = []
    for number in range(count):
        files = FileSessionStore(home / "sessions", utc=lambda at=LONG_AGO + number * DAY: at)  # type: ignore[misc]
        claimed = files.claim_new("default")
        files.save_record(claimed.session_id, SessionRecord(profile="default"))
        files.save_context(claimed.session_id, {"work": Section(b"%d" % number, 1, "me")})
        files.release(claimed.session_id)
        ids.append(claimed.session_id)
    return ids


def stored(home: Path) -> set[str]:
    return {session.session_id for session in FileSessionStore(home / "sessions").read_newest()}


@pytest.fixture
def profiles(command: Command) -> FileProfileStore:
    command("profiles", "add", "work", "tcp://127.0.0.1:1")
    return FileProfileStore(command.home / "profiles.json")


def asked(command: Command, answer: str, *words: str) -> Ended:
    """Run it at a terminal, where a person answers."""
    person, program = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *words], stdin=program, stdout=subprocess.PIPE, stderr=program, env=command.environment()
    ) as process:
        os.close(program)
        said = b""
        while not said.endswith(b"[y/N] "):
            said += os.read(person, 1_024)
        os.write(person, answer.encode())
        assert process.stdout is not None
        out = process.stdout.read()
        process.wait()
    os.close(person)
    return Ended(process.returncode, out.decode(), said.decode())


def test_pruning_wants_force_where_nobody_can_be_asked_and_changes_nothing(command: Command) -> None:
    old, *kept = sessions(command.home, SESSIONS_KEPT + 1)
    for more in ((), ("--json",)):
        ended = command("sessions", "prune", *more)
        assert (ended.code, "this would remove 1 session" in ended.err + ended.out) == (2, True)
    assert "add --force" in ended.out
    assert stored(command.home) == {old, *kept}
    assert command("sessions", "prune", "--force", "--json").answer == {"removed": [old]}
    assert stored(command.home) == set(kept)


def test_nothing_is_asked_where_nothing_would_go(command: Command) -> None:
    sessions(command.home, SESSIONS_KEPT)
    assert command("sessions", "prune", "--json").answer == {"removed": []}


def test_a_dry_run_shows_what_would_go(command: Command) -> None:
    old, *kept = sessions(command.home, SESSIONS_KEPT + 1)
    ended = command("sessions", "prune", "--dry-run")
    assert (ended.code, ended.out, ended.err) == (0, f"{old}\n", "This would remove 1 session; nothing is changed.\n")
    assert command("sessions", "prune", "--dry-run", "--json").answer == {"would_remove": [old]}
    assert stored(command.home) == {old, *kept}


def test_an_export_writes_over_a_file_only_when_told_to(command: Command, tmp_path: Path) -> None:
    (session_id,) = sessions(command.home, 1)
    file = tmp_path / "mine"
    shown = command("sessions", "export", session_id, str(file), "--dry-run", "--json").answer
    assert (shown, file.exists()) == ({"session_id": session_id, "file": str(file), "exists": False}, False)
    file.write_text("mine")
    ended = command("sessions", "export", session_id, str(file))
    assert (ended.code, f"this would write over {file}" in ended.err, file.read_text()) == (2, True, "mine")
    assert "write over" in command("sessions", "export", session_id, str(file), "--dry-run").err
    assert file.read_text() == "mine"
    assert command("sessions", "export", session_id, str(file), "--force").code == 0
    assert "mine" not in file.read_text()


def test_a_profile_is_forgotten_only_when_told_to(command: Command, profiles: FileProfileStore) -> None:
    ended = command("profiles", "forget", "work")
    assert (ended.code, "this would forget what is settled for work" in ended.err) == (2, True)
    shown = command("profiles", "forget", "work", "--dry-run", "--json")
    assert (shown.code, shown.answer["endpoints"]) == (0, ["tcp://127.0.0.1:1"])
    assert profiles.read("work")[0].endpoints
    assert command("profiles", "forget", "work", "--force").code == 0
    assert profiles.read("work")[0] == Profile(name="work")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize(("answer", "is_yes"), [("y\n", True), ("Yes\n", True), ("\n", False), ("no\n", False)])
def test_at_a_terminal_a_person_is_asked(
    answer: str, *, is_yes: bool, command: Command, profiles: FileProfileStore
) -> None:
    ended = asked(command, answer, "profiles", "forget", "work")
    assert "This will forget what is settled for work. Is that right? [y/N] " in ended.err
    assert (ended.code, profiles.read("work")[0] == Profile(name="work")) == (0 if is_yes else 1, is_yes)


def test_force_and_a_dry_run_exclude_each_other(command: Command) -> None:
    assert command("sessions", "prune", "--force", "--dry-run").code == 2
