"""The backup of the profiles is what they were before the last change, and nothing else is ever put over it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.errors import StoreError
from stui_supervisor.profile import Profile

FILE, BACKUP = "profiles.json", "profiles.backup.json"
ONE = Profile(name="work", pin_image="one")
TWO = replace(ONE, pin_image="two")


def put(profile: Profile) -> Callable[[Profile | None], Profile]:
    return lambda _: profile


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Holds TWO, and ONE as the backup."""
    for profile in (ONE, TWO):
        FileProfileStore(tmp_path / FILE).change("work", put(profile))
    return tmp_path


def test_a_change_makes_what_was_there_the_backup(home: Path) -> None:
    before = (home / FILE).read_bytes()
    FileProfileStore(home / FILE).change("work", put(ONE))
    assert (home / BACKUP).read_bytes() == before


def damage(path: Path) -> None:
    path.write_bytes(b"damaged")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [damage, remove])
def test_a_change_where_only_the_backup_is_whole_leaves_the_backup_as_it_is(
    home: Path, harm: Callable[[Path], None]
) -> None:
    harm(home / FILE)
    backup = home / BACKUP
    before = (backup.read_bytes(), backup.stat().st_ino, backup.stat().st_mtime_ns)
    with suppress(StoreError):  # what cannot be known need not be changed
        FileProfileStore(home / FILE).change("work", lambda known: replace(known or ONE, pin_image="three"))
    assert (backup.read_bytes(), backup.stat().st_ino, backup.stat().st_mtime_ns) == before
