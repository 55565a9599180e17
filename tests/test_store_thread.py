from __future__ import annotations

import asyncio

from stui_supervisor.context import Section
from stui_supervisor.effects import NoteLink, ReadProfile, Release, SaveSnapshot
from stui_supervisor.errors import StoreError
from stui_supervisor.inputs import Input, ProfileFailed, ProfileRead, SnapshotFailed
from stui_supervisor.profile import Profile
from stui_supervisor.store_thread import StoreThread
from stui_supervisor.testing import MemoryDisk, MemoryProfiles, MemoryStore

LIMIT_S = 10.0
LOST = {"x": Section(b'"old"', 1, "other")}
FULL = StoreError("the disk is full", hint="make room")


async def answers(
    store: MemoryStore, *calls: SaveSnapshot | Release | ReadProfile | NoteLink, profiles: MemoryProfiles | None = None
) -> list[Input]:
    fed, kept = list[Input](), profiles or MemoryProfiles()
    thread = StoreThread(lambda: store, lambda: kept, fed.append)
    for call in calls:
        thread.do(call)
    async with asyncio.timeout(LIMIT_S):
        await thread.drained()
    thread.close()
    return fed


async def test_a_snapshot_that_is_kept_has_no_answer() -> None:
    store = MemoryStore(MemoryDisk())
    session_id = store.claim("default").session_id
    assert await answers(store, SaveSnapshot(session_id, LOST), Release(session_id)) == []
    assert store.disk.sessions[session_id].snapshots == [LOST]


async def test_a_snapshot_that_fails_is_answered_with_the_reason() -> None:
    store = MemoryStore(MemoryDisk())
    session_id = store.claim("default").session_id
    store.disk.failure = FULL
    assert await answers(store, SaveSnapshot(session_id, LOST)) == [SnapshotFailed(FULL, session_id, LOST)]
    assert store.disk.sessions[session_id].snapshots == []


async def test_a_profile_is_read_without_opening_a_session_store_and_noting_a_link_has_no_answer() -> None:
    def no_store() -> MemoryStore:
        raise AssertionError("nobody asked for a session")

    fed, profiles = list[Input](), MemoryProfiles()
    thread = StoreThread(no_store, lambda: profiles, fed.append)
    for call in (ReadProfile(1, "work"), NoteLink("work", "a"), ReadProfile(2, "work")):
        thread.do(call)
    async with asyncio.timeout(LIMIT_S):
        await thread.drained()
    thread.close()
    linked = Profile(name="work", recent=("a",))
    assert fed == [ProfileRead(1, Profile(name="work"), ()), ProfileRead(2, linked, ())]


async def test_a_profile_that_cannot_be_read_is_answered_and_a_link_that_cannot_be_noted_is_not() -> None:
    profiles = MemoryProfiles(failure=FULL)
    calls = (ReadProfile(1, "work"), NoteLink("work", "a"))
    assert await answers(MemoryStore(), *calls, profiles=profiles) == [ProfileFailed(1, FULL)]
