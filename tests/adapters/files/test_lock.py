from __future__ import annotations

from pathlib import Path

from stui_supervisor.adapters.files.lock import SessionLock


def test_only_one_has_it_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    one, other = SessionLock(path), SessionLock(path)
    assert (one.take(), other.take()) == (True, False)
    one.give_back()
    assert (other.take(), one.take()) == (True, False)
    other.give_back()


def test_asking_makes_no_file_and_leaves_the_lock_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    owner, asking = SessionLock(path), SessionLock(path)
    assert (asking.is_held(), list(tmp_path.iterdir())) == (False, [])
    assert owner.take()
    assert asking.is_held()
    owner.give_back()
    assert not asking.is_held()
    assert owner.take()
    owner.give_back()


def test_what_cannot_be_asked_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert not SessionLock(str(tmp_path / "lock")).is_held()
