"""Which session comes first, whatever the clocks of the processes that saved them say."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.links import UnsafeLink
from stui_supervisor.adapters.files.lock import SessionLock
from stui_supervisor.adapters.sessions.codec import StoredContext
from stui_supervisor.adapters.sessions.order import NAME
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import TURN_MAX
from stui_supervisor.errors import StoreError
from stui_supervisor.session.records import SessionRecord
from tests.support.files.stored_files import (
    EPOCH,
    NEW,
    NOTHING,
    OLD,
    RECORD,
    contents,
    newest,
    posix,
    stored,
    with_body,
    with_header,
)

DAY = timedelta(days=1)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def leave(root: Path, moment: datetime = EPOCH) -> str:
    """A process makes a session with work under this clock, and goes."""
    files = FileSessionStore(root, at(moment))
    session_id = files.claim_new("default").session_id
    files.save_record(session_id, RECORD)
    files.save_context(session_id, NEW)
    files.release(session_id)
    return session_id


def save(root: Path, session_id: str, moment: datetime = EPOCH) -> None:
    files = FileSessionStore(root, at(moment))
    files.claim_this(session_id)
    files.save_record(session_id, RECORD)
    files.release(session_id)


def first(root: Path) -> str:
    """The session that a start gets."""
    files = FileSessionStore(root)
    session_id = files.claim("default").session_id
    files.release(session_id)
    return session_id


def listed(root: Path) -> list[str]:
    return [session.session_id for session in FileSessionStore(root).read_newest()]


@pytest.mark.parametrize("clock", [-9_000 * DAY, -DAY, DAY, 9_000 * DAY])
def test_the_session_that_was_saved_last_is_the_newest_under_any_clock(tmp_path: Path, clock: timedelta) -> None:
    one, other = leave(tmp_path), leave(tmp_path, EPOCH + clock)
    assert (first(tmp_path), listed(tmp_path)) == (other, [other, one])
    save(tmp_path, one)
    assert (first(tmp_path), listed(tmp_path)) == (one, [one, other])


def test_processes_that_save_by_turns_are_in_the_order_of_their_last_saves(tmp_path: Path) -> None:
    ahead, behind = FileSessionStore(tmp_path, at(EPOCH + DAY)), FileSessionStore(tmp_path, at(EPOCH))
    one, other = ahead.claim_new("default").session_id, behind.claim_new("default").session_id
    for _ in range(3):
        ahead.save_context(one, NEW)
        behind.save_context(other, NEW)
    assert listed(tmp_path) == [other, one]
    ahead.save_context(one, NEW)
    assert listed(tmp_path) == [one, other]


def test_who_saves_again_and_again_writes_nothing_but_its_own_files(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, RECORD)
    before = (tmp_path / NAME).stat()
    for _ in range(3):
        files.save_record(session_id, RECORD)
        files.save_context(session_id, NEW)
    assert (tmp_path / NAME).stat() == before


def test_a_snapshot_takes_no_turn(tmp_path: Path) -> None:
    one, other = leave(tmp_path), leave(tmp_path)
    files = FileSessionStore(tmp_path)
    files.claim_this(one)
    files.save_snapshot(one, OLD)
    files.release(one)
    assert listed(tmp_path) == [other, one]


def remove(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    path.write_bytes(b"damaged")


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def believe_anything(path: Path) -> None:
    path.write_text(json.dumps({"turn": TURN_MAX * 10, "session": "nobody", "next": {"default": 7}}))


def go_back(path: Path) -> None:
    path.write_text(json.dumps({"turn": 1, "session": "nobody", "next": {}}))


HARMS = [remove, damage, replace_by_directory, believe_anything, go_back]


@pytest.mark.parametrize("harm", HARMS)
def test_the_order_is_put_together_again_from_the_sessions(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    one, other = leave(tmp_path), leave(tmp_path, EPOCH + DAY)
    files = FileSessionStore(tmp_path)
    assert files.claim("default").session_id == other
    harm(tmp_path / NAME)
    assert listed(tmp_path) == [other, one]
    save(tmp_path, one)
    assert listed(tmp_path) == [one, other]
    files.save_record(other, RECORD)
    assert listed(tmp_path) == [other, one] or harm is replace_by_directory  # two who cannot tell each other


def test_a_turn_is_taken_though_a_process_is_frozen_in_a_claim(tmp_path: Path) -> None:
    one, other = leave(tmp_path), leave(tmp_path, EPOCH + DAY)
    frozen = SessionLock(str(tmp_path / "claim.lock"))
    assert frozen.take()
    save(tmp_path, one)
    frozen.give_back()
    assert listed(tmp_path) == [one, other]


# Sessions of the version that knew no turns


def of_the_version_before(root: Path, moment: datetime) -> str:
    """A session as that version leaves one."""
    directory = stored(root, NEW)
    for path in directory.glob("*.json"):
        content = path.read_bytes()
        body = json.loads(content.partition(b"\n")[2])
        body.pop("turn", None)
        old = with_header(with_body(content, json.dumps(body).encode() + b"\n"), minor=0, time=moment.isoformat())
        header, _, rest = old.partition(b"\n")
        fields = json.loads(header)
        fields.pop("turn", None)
        path.write_bytes(with_header(json.dumps(fields).encode() + b"\n" + rest))
    (root / NAME).unlink()
    return directory.name


def test_of_earlier_sessions_the_time_decides_and_one_that_is_saved_now_comes_first(tmp_path: Path) -> None:
    ahead, newer, older = (of_the_version_before(tmp_path, EPOCH + days * DAY) for days in (40, 2, 1))
    assert listed(tmp_path) == [ahead, newer, older]
    assert first(tmp_path) == ahead
    save(tmp_path, older)
    assert listed(tmp_path) == [older, ahead, newer]
    assert first(tmp_path) == older


def test_a_session_that_the_version_before_saved_once_more_keeps_its_turn(tmp_path: Path) -> None:
    one, other = leave(tmp_path), leave(tmp_path)
    path = newest(tmp_path / other, "endpoint")
    header, _, body = path.read_bytes().partition(b"\n")
    seq = json.loads(header)["seq"] + 1  # what it does not know of a record it writes again, and its header has no turn
    again = with_header(path.read_bytes(), minor=0, seq=seq)
    (tmp_path / other / f"endpoint.{seq}.json").write_bytes(again)
    context = newest(tmp_path / other, "context")
    fields = json.loads(context.read_bytes().partition(b"\n")[0])
    fields.pop("turn")
    (tmp_path / other / "context.2.json").write_bytes(
        with_header(
            json.dumps({**fields, "seq": 2, "minor": 0}).encode() + b"\n" + context.read_bytes().partition(b"\n")[2]
        )
    )
    assert json.loads(body)["turn"] > 0
    assert listed(tmp_path) == [other, one]


# What a person chose


def test_the_next_start_goes_on_with_what_was_chosen_and_the_one_after_it_with_what_was_saved_last(
    tmp_path: Path,
) -> None:
    chosen, running = leave(tmp_path), leave(tmp_path)
    owner = FileSessionStore(tmp_path)
    assert owner.claim("default").session_id == running
    owner.choose("default", chosen)
    owner.save_context(running, NEW)
    owner.release(running)
    assert first(tmp_path) == chosen
    assert first(tmp_path) == running


def test_that_it_was_chosen_is_said_with_the_claim_and_only_then(tmp_path: Path) -> None:
    chosen, newest = leave(tmp_path), leave(tmp_path)
    FileSessionStore(tmp_path).choose("default", chosen)
    owner = FileSessionStore(tmp_path)
    claimed = [owner.claim("default") for _ in range(2)]
    assert [(one.session_id, one.is_chosen) for one in claimed] == [(chosen, True), (newest, False)]


def test_a_chosen_session_without_work_comes_first_as_well(tmp_path: Path) -> None:
    empty = stored(tmp_path, NOTHING).name
    work = leave(tmp_path)
    FileSessionStore(tmp_path).choose("default", empty)
    assert [first(tmp_path), first(tmp_path)] == [empty, work]


def test_the_last_choice_counts_and_each_profile_has_its_own(tmp_path: Path) -> None:
    one, two, three = (leave(tmp_path) for _ in range(3))
    files = FileSessionStore(tmp_path)
    for profile, session_id in (("default", one), ("default", two), ("other", one)):
        files.choose(profile, session_id)
    assert [first(tmp_path), first(tmp_path)] == [two, three]


def test_a_choice_that_is_taken_or_gone_waits_and_hinders_nobody(tmp_path: Path) -> None:
    chosen, newest_work = leave(tmp_path), leave(tmp_path)
    files = FileSessionStore(tmp_path)
    files.choose("default", chosen)
    owner = FileSessionStore(tmp_path)
    owner.claim_this(chosen)
    assert first(tmp_path) == newest_work
    owner.release(chosen)
    assert first(tmp_path) == chosen
    files.choose("default", chosen)
    shutil.rmtree(tmp_path / chosen)
    assert first(tmp_path) == newest_work


def test_what_is_imported_is_chosen_under_any_clock(tmp_path: Path) -> None:
    leave(tmp_path, EPOCH + 9_000 * DAY)
    files = FileSessionStore(tmp_path, at(EPOCH))
    session_id = files.begin_with(SessionRecord(profile="default"), StoredContext(OLD))
    assert first(tmp_path) == session_id


def test_a_choice_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    session_id = leave(tmp_path)
    replace_by_directory(tmp_path / NAME)
    with pytest.raises(Exception, match="cannot choose the session"):
        FileSessionStore(tmp_path).choose("default", session_id)


def test_the_order_is_read_by_its_owner_only_and_leaves_nothing_behind(tmp_path: Path) -> None:
    leave(tmp_path)
    leave(tmp_path)
    names = set(contents(tmp_path)) - {"claim.lock"}
    assert names == {NAME}
    assert os.name == "nt" or (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


# What is not to be replaced


def unreadable(place: Path) -> None:
    """A link to itself can be read by nobody, not even by root."""
    place.unlink()
    place.symlink_to(place.name)


def dangling(place: Path) -> None:
    place.unlink()
    place.symlink_to(place.with_name("not there"))


def leading_to_something_else(place: Path) -> None:
    other = place.with_name("notes.txt")
    other.write_bytes(b"of the user")
    place.unlink()
    place.symlink_to(other.name)


@posix
@pytest.mark.parametrize("harm", [unreadable, dangling, leading_to_something_else])
def test_a_link_that_is_of_no_use_stays_and_saves_go_on_without_it(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    one, other = leave(tmp_path), leave(tmp_path)
    place = tmp_path / NAME
    harm(place)
    leads_to = place.readlink()
    save(tmp_path, one)
    assert (listed(tmp_path), place.readlink()) == ([one, other], leads_to)
    with pytest.raises(StoreError, match=r"cannot choose the session .*\(it is a link, and leads ") as refused:
        FileSessionStore(tmp_path).choose("default", other)
    assert refused.value.hint == UnsafeLink("").hint
    assert (first(tmp_path), place.readlink()) == (one, leads_to)
    notes = tmp_path / "notes.txt"
    assert not notes.exists() or notes.read_bytes() == b"of the user"


@posix
def test_a_link_to_such_a_file_of_ours_is_written_through(tmp_path: Path) -> None:
    one, other = leave(tmp_path / "home"), leave(tmp_path / "home")
    place, target = tmp_path / "home" / NAME, tmp_path / "elsewhere"
    place.rename(target)
    place.symlink_to(target)
    save(tmp_path / "home", one)
    assert json.loads(target.read_bytes())["session"] == one
    FileSessionStore(tmp_path / "home").choose("default", other)
    assert first(tmp_path / "home") == other
    assert (place.readlink(), {path.name for path in tmp_path.iterdir()}) == (target, {"elsewhere", "home"})


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing is denied to root")
def test_a_file_that_cannot_be_read_keeps_what_was_chosen(tmp_path: Path) -> None:
    chosen, other = leave(tmp_path), leave(tmp_path)
    FileSessionStore(tmp_path).choose("another", chosen)
    before = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).chmod(0)
    save(tmp_path, other)
    with pytest.raises(StoreError, match="cannot choose the session"):
        FileSessionStore(tmp_path).choose("default", other)
    (tmp_path / NAME).chmod(0o600)
    assert (tmp_path / NAME).read_bytes() == before
