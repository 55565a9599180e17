from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.links import is_link, is_there
from stui_supervisor.adapters.files.lock import LOCK_NAME, SessionLock
from stui_supervisor.adapters.files.private_files import refuse_file_above
from tests.support.files.stored_files import failing, posix


def test_what_is_there_and_what_is_certainly_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    paths = [os.fspath(path) for path in (file, tmp_path, tmp_path / "none", file / "below")]
    assert [is_there(path) for path in paths] == [True, True, False, False]
    assert not any(is_link(path) for path in paths)


@posix
def test_a_link_is_there_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert is_there(os.fspath(tmp_path / "link"))
    assert is_link(os.fspath(tmp_path / "link"))


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_what_cannot_be_looked_at_is_not_taken_for_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "lstat", failing(os.lstat, "here", number))
    path = os.fspath(tmp_path / "here")
    for ask in (is_there, is_link, lambda path: refuse_file_above(f"{path}{os.sep}below")):
        with pytest.raises(OSError, match=os.strerror(number)):
            ask(path)


@posix
def test_a_lock_that_cannot_be_looked_at_is_held_by_who_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.fspath(tmp_path / LOCK_NAME)
    lock = SessionLock(path)
    assert lock.take()
    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", failing(os.lstat, LOCK_NAME, errno.EIO))
        assert SessionLock(path).is_held()
    lock.give_back()
