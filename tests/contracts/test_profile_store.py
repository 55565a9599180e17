"""What every profile store does: the file and the one in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.ports import ProfileStore
from stui_supervisor.profile import Profile
from stui_supervisor.testing import MemoryProfiles

Process = Callable[[], ProfileStore]
A, B = "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"


@pytest.fixture(params=["file", "memory"])
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Process:
    """Each call is a new process on the same disk."""
    profiles = MemoryProfiles()
    return lambda: FileProfileStore(tmp_path / "profiles.json") if request.param == "file" else profiles


def test_a_profile_that_nobody_has_set_up_has_the_defaults(process: Process) -> None:
    assert process().read("work") == (Profile(name="work"), ())


def test_an_endpoint_that_was_noted_is_the_most_recent_one_of_its_profile_alone(process: Process) -> None:
    for endpoint in (A, B, A):
        process().note_link("work", endpoint, wanted=True)
    assert process().read("work") == (Profile(name="work", recent=(A, B)), ())
    assert process().read("play") == (Profile(name="play"), ())


def test_noting_an_endpoint_changes_nothing_else(process: Process) -> None:
    store = process()
    store.note_link("work", A, wanted=True)
    before, _ = store.read("work")
    store.note_link("work", B, wanted=True)
    assert store.read("work")[0] == replace(before, recent=(B, A))


def test_the_wish_is_noted_alone_or_with_an_endpoint(process: Process) -> None:
    process().note_link("work", A, wanted=True)
    process().note_link("work", None, wanted=False)
    assert process().read("work") == (Profile(name="work", recent=(A,), wanted=False), ())
    process().note_link("work", B, wanted=True)
    assert process().read("work") == (Profile(name="work", recent=(B, A)), ())


def test_a_change_shows_in_the_signature(process: Process) -> None:
    store = process()
    before = store.signature()
    assert store.signature() == before
    process().note_link("work", A, wanted=True)
    assert store.signature() != before
