"""``sessions``: what is listed, what comes back, and what is never touched."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.cli.main import main
from stui_supervisor.config import SECTIONS_MAX, SESSIONS_KEPT
from stui_supervisor.context.context import Section
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.records import SessionRecord
from tests.support.files.denied_writing import plain_account
from tests.support.files.stored_files import newest, posix, with_header
from tests.support.processes.command import Command

ENDPOINT = "tcp://127.0.0.1:5555"
LONG_AGO = datetime.now(UTC) - timedelta(days=40)


class Told:
    """Runs a command in this process and reads what it says."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys
        self.files = FileSessionStore(home / "sessions")

    def __call__(self, *words: str) -> Any:
        """The JSON answer of a command that succeeds."""
        code, out, _ = self.run("--json", *words)
        assert code == 0
        return json.loads(out)

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main(["--home", str(self._home), "sessions", *words])
        return code, *self._capsys.readouterr()

    def error(self, *words: str) -> tuple[int, str]:
        """Exit code and error text, without a traceback."""
        code, out, err = self.run(*words)
        assert (out, "Traceback" in err) == ("", False)
        return code, err

    def work(self, session_id: str) -> dict[str, Any]:
        """What the next start finds in the session."""
        claimed = self.files.claim_this(session_id)
        self.files.release(session_id)
        return {name: json.loads(part.value) for name, part in claimed.sections.items() if part.value is not None}


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(tmp_path / "home", capsys)


def leave(
    told: Told, *contexts: dict[str, int], profile: str = "default", image: str = "Pharo", at: datetime | None = None
) -> str:
    """A free session with these contexts, one saved after the other."""
    files = FileSessionStore(told._home / "sessions", (lambda: at) if at else lambda: datetime.now(UTC))
    session_id = files.claim(profile, identity_of(f"no image {datetime.now(UTC)}")).session_id
    files.save_record(session_id, SessionRecord(profile=profile, endpoint=ENDPOINT, image_id=image, client_id="c-1"))
    for number, sections in enumerate(contexts, start=1):
        files.save_context(session_id, {name: Section(b"%d" % value, number, "me") for name, value in sections.items()})
    files.release(session_id)
    return session_id


def test_with_nothing_stored_the_list_is_empty_and_makes_no_file(told: Told) -> None:
    code, out, err = told.run("list")
    assert (code, out) == (0, "")
    assert f"stui-supervisor --home {told._home} run" in err
    assert not told._home.exists()


def test_the_list_has_every_profile_and_the_newest_first(told: Told) -> None:
    older, newer = leave(told, {"a": 1}), leave(told, {"a": 1, "b": 2}, profile="work", image="Cuis")
    told.files.claim("work")
    answer = told("list")
    for session in answer["sessions"]:
        assert datetime.fromisoformat(session.pop("saved_at")).tzinfo is not None
    known = {"endpoint": ENDPOINT}
    assert answer["sessions"] == [
        {"session_id": newer, "profile": "work", "image_id": "Cuis", **known, "live_sections": 2, "live": True},
        {"session_id": older, "profile": "default", "image_id": "Pharo", **known, "live_sections": 1, "live": False},
    ]
    assert [session["session_id"] for session in told("list", "--profile", "work")["sessions"]] == [newer]
    assert [line.split()[0] for line in told.run("list")[1].splitlines()] == ["ID", newer, older]


def test_names_that_came_from_outside_leave_a_terminal_as_it_is(told: Told) -> None:
    session_id = leave(told, {"a\x1b[31mb": 1}, image="Pha\x1b]0;evil\x07ro\n")
    for words in (("list",), ("show", session_id)):
        out = told.run(*words)[1]
        assert all(character.isprintable() or character == "\n" for character in out)
        assert "evil" in out


def test_a_session_is_shown_with_its_sections_and_every_copy_of_them(told: Told) -> None:
    session_id = leave(told, {"a": 1}, {"a": 22, "b": 3})
    told.files.claim_this(session_id)
    told.files.save_snapshot(session_id, {"a": Section(b"7", 1, "other")})
    told.files.release(session_id)
    answer = told("show", session_id)
    assert (answer["session_id"], answer["live"]) == (session_id, False)
    assert answer["sections"] == [{"name": "a", "size_bytes": 2}, {"name": "b", "size_bytes": 1}]
    assert [(copy["name"], copy["live_sections"], copy["problem"]) for copy in answer["copies"]] == [
        ("context.2", 2, None),
        ("context.1", 1, None),
        ("snapshot.1", 1, None),
    ]
    assert {"context.2", "snapshot.1"} <= set(told.run("show", session_id)[1].split())


def test_a_damaged_copy_is_shown_as_such_and_cannot_be_restored(told: Told) -> None:
    session_id = leave(told, {"a": 1}, {"a": 2})
    damaged = told._home / "sessions" / session_id / "context.1.json"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert [copy["problem"] for copy in told("show", session_id)["copies"]] == [None, "its checksum does not match"]
    code, err = told.error("restore", session_id, "context.1")
    assert (code, "context.1" in err, told.work(session_id)) == (1, True, {"a": 2})


def test_an_older_context_comes_back_as_a_whole_and_what_was_current_is_a_snapshot(told: Told) -> None:
    session_id = leave(told, {"a": 1, "gone": 5}, {"a": 2, "later": 3})
    answer = told("restore", session_id, "context.1")
    assert answer == {"session_id": session_id, "restored": "context.1", "live_sections": 2}
    assert told.work(session_id) == {"a": 1, "gone": 5}
    told("restore", session_id, "snapshot.1")
    assert told.work(session_id) == {"a": 2, "gone": 5, "later": 3}


def test_what_is_restored_is_newer_than_every_copy_that_an_image_may_have(told: Told) -> None:
    session_id = leave(told, {"a": 1}, {"a": 2, "later": 3})
    told("restore", session_id, "context.1")
    sections = told.files.claim_this(session_id).sections
    assert {name: (section.value, section.counter) for name, section in sections.items()} == {
        "a": (b"1", 3),
        "later": (None, 3),
    }


def test_a_restored_session_is_the_one_that_the_next_start_gets(told: Told) -> None:
    older, newer = leave(told, {"a": 1}), leave(told, {"a": 2})
    told("restore", older)
    assert told.files.claim("default").session_id == older
    assert told.files.claim("default").session_id == newer


def test_a_session_that_lives_is_not_restored_and_not_changed(told: Told) -> None:
    session_id = leave(told, {"a": 1}, {"a": 2})
    owner = FileSessionStore(told._home / "sessions")
    owner.claim_this(session_id)
    code, err = told.error("restore", session_id, "context.1")
    owner.release(session_id)
    assert (code, "in use" in err, told.work(session_id)) == (1, True, {"a": 2})


def test_a_session_comes_through_a_file_unchanged_and_without_what_belongs_to_this_machine(
    told: Told, tmp_path: Path
) -> None:
    session_id = leave(told, {"a": 1, "b": 2})
    file = tmp_path / "session.json"
    told("export", session_id, str(file))
    assert "c-1" not in file.read_text(encoding="utf-8")
    again = told("import", str(file))
    assert (again["profile"], told.work(again["session_id"])) == ("default", {"a": 1, "b": 2})
    other = told("import", "--profile", "work", str(file))
    assert other["profile"] == "work"
    claimed = told.files.claim("work")
    assert (claimed.session_id, claimed.record.endpoint, claimed.record.image_id, claimed.record.client_id) == (
        other["session_id"],
        ENDPOINT,
        "Pharo",
        None,
    )


def test_a_dash_is_stdout_for_an_export_and_stdin_for_an_import(told: Told, command: Command) -> None:
    session_id = leave(told, {"a": 1})
    claimed = told.files.claim_this(session_id)
    told.files.save_context(session_id, {**claimed.sections, "b": Section('"größer\x9b道𝄞"'.encode(), 9, "me")})
    told.files.release(session_id)

    exported, as_json = (command("sessions", "export", session_id, "-", *more) for more in ((), ("--json",)))
    imported = command("sessions", "import", "-", "--json", stdin=exported.out)

    assert (exported.code, exported.err, exported.out.isascii(), exported.out.count("\n")) == (0, "", True, 1)
    assert as_json.answer["context"] == exported.answer["context"]
    assert told.work(imported.answer["session_id"]) == {"a": 1, "b": "größer\x9b道𝄞"}
    assert not Path("-").exists()


@posix
def test_an_exported_file_is_its_owners_alone_and_follows_no_link(told: Told, tmp_path: Path) -> None:
    session_id = leave(told, {"a": 1})
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    told("export", session_id, "--force", str(tmp_path / "link"))
    assert (tmp_path / "target").read_text() == "mine"
    assert stat.S_IMODE((tmp_path / "link").lstat().st_mode) == 0o600
    assert told.error("export", session_id, "/dev/null")[0] == 2
    code, said = told.error("export", session_id, str(tmp_path / "none" / "x"))
    assert (code, said.endswith("\n  name another file\n")) == (1, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"magic": "other"}, "not an exported session"),
        ({"major": 2}, "format 2"),
        ({"major": "1"}, "not an exported session"),
        ({"profile": "../x"}, "cannot name a profile"),
        ({"profile": None}, "cannot name a profile"),
        ({"endpoint": "http://x"}, "not supported"),
        ({"endpoint": 5}, "an endpoint is text"),
        ({"image_id": "x" * 300}, "image_id"),
        ({"context": []}, "no context"),
        ({"context": {"sections": []}}, "not a context"),
        ({"context": {"sections": {"": {}}}}, "wrong shape"),
        ({"context": {"sections": {"a": {"counter": -1, "writer": "me", "value": 1}}}}, "wrong shape"),
    ],
)
def test_a_file_that_is_no_exported_session_of_this_version_is_refused(
    told: Told, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = tmp_path / "session.json"
    told("export", leave(told, {"a": 1}), str(file))
    file.write_text(json.dumps({**json.loads(file.read_bytes()), **change}), encoding="utf-8")
    code, err = told.error("import", str(file))
    assert (code, said in err) == (2, True)
    assert len(told("list")["sessions"]) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}', b" " * 5_000_000])
def test_a_file_of_anything_else_is_refused(told: Told, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert told.error("import", str(tmp_path / "file"))[0] == 2
    assert told.error("import", str(tmp_path / "missing"))[0] == 2


def test_a_profile_that_cannot_be_gets_no_session(told: Told, tmp_path: Path) -> None:
    told("export", leave(told, {"a": 1}), str(tmp_path / "file"))
    assert told.error("import", str(tmp_path / "file"), "--profile", "../x")[0] == 2
    assert len(told("list")["sessions"]) == 1


def test_a_file_of_a_later_minor_is_imported_with_what_it_adds(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    told("export", leave(told, {"a": 1}), str(file))
    values = json.loads(file.read_bytes())
    values["context"] |= {"hue": 5}
    file.write_text(json.dumps({**values, "minor": 7, "more": [1]}), encoding="utf-8")
    session_id = told("import", str(file))["session_id"]
    stored = newest(told._home / "sessions" / session_id, "context").read_bytes()
    assert json.loads(stored.partition(b"\n")[2])["hue"] == 5


def test_pruning_spares_the_last_work_of_each_image_and_what_lives(told: Told) -> None:
    other = leave(told, {"a": 3}, image="Cuis", at=LONG_AGO - timedelta(days=3))
    live = leave(told, {"a": 0}, at=LONG_AGO - timedelta(days=2))
    old = leave(told, {"a": 1}, at=LONG_AGO - timedelta(days=1))
    last = [leave(told, {"a": 2}, at=LONG_AGO) for _ in range(SESSIONS_KEPT)]
    told.files.claim_this(live)
    assert told("prune", "--force") == {"removed": [old]}
    assert {session["session_id"] for session in told("list")["sessions"]} == {*last, live, other}
    assert told("prune") == {"removed": []}


def test_a_file_above_the_limits_is_refused_and_nothing_is_made(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    told("export", leave(told, {"a": 1}), str(file))
    values = json.loads(file.read_bytes())
    known = told("list")
    section = values["context"]["sections"]["a"]
    values["context"]["sections"] = {f"s{number}": section for number in range(SECTIONS_MAX + 1)}
    file.write_text(json.dumps(values), encoding="utf-8")
    code, error = told.error("import", str(file))
    assert (code, "10,001 sections, and 10,000 are allowed" in error) == (2, True)
    assert told("list") == known


def test_pruning_takes_the_last_work_of_each_image_when_a_person_says_so(told: Told) -> None:
    old = [leave(told, {"a": 1}, image=f"random {n}", at=LONG_AGO + timedelta(days=n)) for n in range(3)]
    code, out, err = told.run("prune")
    assert (code, out) == (0, "")
    assert "2 sessions as old hold the last work of an image" in err
    assert "prune --older-than 30 --also-last" in err
    assert told("prune", "--also-last", "--force") == {"removed": old[:2]}  # the last link stays


def test_pruning_goes_by_the_days_and_the_profile_that_are_named(told: Told) -> None:
    for profile in ("default", "work"):
        leave(told, {"a": 1}, profile=profile, at=LONG_AGO)
        for _ in range(SESSIONS_KEPT):
            leave(told, {"a": 2}, profile=profile, at=LONG_AGO + timedelta(days=20))
    assert told("prune", "--older-than", "50") == {"removed": []}
    assert len(told("prune", "--force", "--profile", "work")["removed"]) == 1
    assert len(told("prune", "--force")["removed"]) == 1


@pytest.mark.parametrize("action", ["list", "prune"])
def test_a_home_that_is_a_file_is_told_and_ends_with_1(told: Told, action: str) -> None:
    told._home.write_text("in the way")
    code, err = told.error(action)
    assert (code, "a file is where a directory should be" in err) == (1, True)


@posix
@pytest.mark.parametrize("action", ["list", "prune"])
def test_a_home_that_cannot_be_read_is_told_and_ends_with_1(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with plain_account() as root:
        told = Told(root / "home", capsys)
        leave(told, {"a": 1}, at=LONG_AGO)
        told._home.chmod(0)
        code, err = told.error(action)
    assert (code, "Permission denied" in err) == (1, True)


def test_a_session_of_a_later_version_is_told_of_and_left_as_it_is(told: Told, tmp_path: Path) -> None:
    session_id = leave(told, {"a": 1}, {"a": 2}, at=LONG_AGO)
    file = newest(told._home / "sessions" / session_id, "context")
    file.write_bytes(with_header(file.read_bytes(), major=2))
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    assert "later version" in told.run("list")[2]
    for words in (("show",), ("restore",), ("export", str(tmp_path / "x"))):
        code, err = told.error(words[0], session_id, *words[1:])
        assert (code, "later version" in err) == (1, True)
    assert told.run("prune")[0] == 0
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "ACTION"),
        (["fly"], "fly"),
        (["show"], "ID"),
        (["show", "../.."], "no session"),
        (["restore", "d12dbf94-7ecc-4736-9fba-e4dbd190dabf"], "no session"),
        (["prune", "--older-than", "soon"], "not a number of days"),
        (["prune", "--older-than", "nan"], "not a number of days"),
        (["prune", "--older-than=-1"], "not a number of days"),
        (["prune", "--older-than", "1e6"], "not a number of days from 0 to 100,000"),
    ],
)
def test_wrong_usage_ends_with_2(told: Told, words: list[str], said: str) -> None:
    code, err = told.error(*words)
    assert (code, said in err) == (2, True)


@pytest.mark.parametrize("action", ["show", "restore", "export", "import"])
def test_each_argument_explains_itself(action: str, command: Command) -> None:
    operands = command("sessions", action, "--help").out.partition("positional arguments:")[2].partition("\n\n")[0]

    assert operands
    assert all(len(line.split()) > 1 for line in operands.splitlines() if line)


@pytest.mark.parametrize("action", ["list", "show", "restore", "export", "import", "prune"])
def test_each_action_explains_itself_in_a_sentence_and_says_whose_sessions_it_sees(
    action: str, command: Command
) -> None:
    paragraphs = [" ".join(part.split()) for part in command("sessions", action, "--help").out.split("\n\n")]

    assert paragraphs[1][0].isupper()
    assert paragraphs[1].endswith(".")
    assert "for the command sessions: all" in paragraphs[-1]


def test_a_copy_that_the_session_has_not_is_wrong_usage(told: Told) -> None:
    session_id = leave(told, {"a": 1})
    for name in ("context.9", "endpoint.1", "../x"):
        assert told.error("restore", session_id, name)[0] == 2


def test_the_command_works_as_a_process(command: Command) -> None:
    assert command("sessions", "list", "--json").answer == {"sessions": []}


@posix
def test_a_session_behind_a_link_is_shown_exported_and_restored_and_one_that_leads_nowhere_is_told(
    told: Told, tmp_path: Path
) -> None:
    session_id = leave(told, {"a": 1})
    link, target = told._home / "sessions" / session_id, tmp_path / "moved"
    link.rename(target)
    link.symlink_to(target)
    assert [session["session_id"] for session in told("list")["sessions"]] == [session_id]
    assert told("show", session_id)["sections"] == [{"name": "a", "size_bytes": 1}]
    assert told("export", session_id, str(tmp_path / "file"))["session_id"] == session_id
    assert told("restore", session_id)["live_sections"] == 1
    target.rename(tmp_path / "not mounted")
    why = f"session {session_id} is left out: it is a link, and leads to nothing that is there"
    assert why in told.run("list")[2]
    for words in (("show", session_id), ("export", session_id, str(tmp_path / "other")), ("restore", session_id)):
        code, said = told.error(*words)
        assert (code, why in said) == (1, True)
