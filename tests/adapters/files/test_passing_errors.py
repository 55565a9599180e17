"""A disk that refuses one call, and gives what was asked for at the next try."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.links import UnsafeLink
from stui_supervisor.adapters.files.passing_errors import may_pass, patiently
from stui_supervisor.adapters.sessions.reader import has_record
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import CLAIMS_PUT_OFF, DISK_TRIES
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.identity import identity_of
from tests.support.files.intercepted import Refusing, intercepted
from tests.support.files.stored_files import NEW, OLD, RECORD, codes_of, failing, newest, posix, stored

DELETED = {**NEW, "d": Section(None, 2, "me")}


def home(root: Path) -> str:
    """Work of another image, and then a session that was disconnected, in which a section was deleted last."""
    stored(root, OLD)
    record = replace(RECORD, endpoint="tcp://127.0.0.1:2", wanted=False, image_id="two")
    return stored(root, {**OLD, "d": OLD["x"]}, DELETED, record=record).name


@posix
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_start_gets_what_it_would_have_got_whichever_call_is_refused_once(number: int, tmp_path: Path) -> None:
    latest = home(tmp_path)
    noting = Refusing()
    with intercepted(noting):
        files = FileSessionStore(tmp_path)
        files.release(files.claim("default").session_id)
    others: list[str] = []
    for nth, name in enumerate(noting.seen, start=1):
        if (number, name) == (errno.EACCES, "flock"):
            continue  # so a system says that another process has the lock
        files = FileSessionStore(tmp_path)
        with intercepted(Refusing(nth, number)):
            try:
                claimed = files.claim("default")
            except StoreError:
                continue  # it is asked again later, and nothing was decided
        if (claimed.session_id, claimed.record.wanted, claimed.sections) != (latest, False, DELETED):
            others.append(name)
        files.release(claimed.session_id)
    assert len(noting.seen) > 20
    assert others == []


@posix
def test_a_session_that_stays_out_of_reach_is_told_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = home(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", failing(os.listdir, latest, errno.EIO))
        files = FileSessionStore(tmp_path)
        for _ in range(CLAIMS_PUT_OFF):
            with pytest.raises(StoreError, match=os.strerror(errno.EIO)):
                files.claim("default")
        claimed = files.claim("default")
        assert claimed.sections == OLD
        assert not claimed.is_certain
        assert codes_of(claimed.notices) == ["unusable_file"]
        assert latest in claimed.notices[0].message
        assert list(files.left_out()) == [latest]
        files.release(claimed.session_id)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert claimed.sections == DELETED
    assert claimed.is_certain


def test_a_session_whose_newest_record_is_damaged_may_be_of_another_wish(tmp_path: Path) -> None:
    newest(tmp_path / home(tmp_path), "endpoint").write_bytes(b"damaged")
    assert not FileSessionStore(tmp_path).claim("default").is_certain


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"damaged"), lambda path: path.chmod(0)])
def test_work_whose_record_is_lost_is_of_its_image_still(spoil: Callable[[Path], object], tmp_path: Path) -> None:
    for path in (tmp_path / home(tmp_path)).glob("endpoint.*"):
        spoil(path)
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default", identity_of("two"))
    assert (claimed.sections, claimed.record.image) == (DELETED, identity_of("two"))
    assert FileSessionStore(tmp_path).claim("default", identity_of("three")).fresh


def test_work_from_before_its_image_was_known_says_later_whose_it_is(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_context(session_id, OLD)
    files.save_record(session_id, RECORD)
    files.release(session_id)
    files = FileSessionStore(tmp_path)  # an earlier version has said it nowhere
    assert files.claim("default").sections == OLD
    files.save_record(session_id, replace(RECORD, image_id="one"))
    before = len(list((tmp_path / session_id).glob("context.*")))
    files.save_record(session_id, replace(RECORD, image_id="one"))
    assert len(list((tmp_path / session_id).glob("context.*"))) == before
    files.release(session_id)
    for path in (tmp_path / session_id).glob("endpoint.*"):
        path.write_bytes(b"damaged")
    assert FileSessionStore(tmp_path).claim("default").record.image == identity_of("one")


def test_a_session_that_cannot_be_listed_may_have_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / home(tmp_path)
    assert has_record(os.fspath(directory))
    assert not has_record(os.fspath(tmp_path / "none"))
    monkeypatch.setattr(os, "listdir", failing(os.listdir, directory.name, errno.EIO))
    assert has_record(os.fspath(directory))


def test_a_call_is_repeated_while_it_may_pass_and_no_longer() -> None:
    calls: list[int] = []

    def call() -> int:
        calls.append(1)
        if len(calls) < DISK_TRIES:
            raise OSError(errno.EIO, "no")
        return len(calls)

    assert patiently(call, lambda _: False) == DISK_TRIES
    calls.clear()
    assert patiently(lambda: calls.append(1), lambda _: len(calls) < 2) is None
    assert len(calls) == 2


@pytest.mark.parametrize("error", [FileNotFoundError(), NotADirectoryError(), UnsafeLink("leads elsewhere")])
def test_what_is_final_is_not_asked_again(error: OSError) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        patiently(call, lambda _: False)
    assert len(calls) == 1
    assert not may_pass(error)


def test_what_stays_is_raised_or_given_as_it_is() -> None:
    def refuse() -> None:
        raise OSError(errno.EIO, "for good")

    with pytest.raises(OSError, match="for good"):
        patiently(refuse, lambda _: False)
    assert patiently(lambda: "in trouble", lambda _: True) == "in trouble"
