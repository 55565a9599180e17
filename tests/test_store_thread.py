from __future__ import annotations

import asyncio

from stui_supervisor.context import Section
from stui_supervisor.effects import Release, SaveSnapshot
from stui_supervisor.errors import StoreError
from stui_supervisor.inputs import Input, SnapshotFailed
from stui_supervisor.store_thread import StoreThread
from stui_supervisor.testing import MemoryDisk, MemoryStore

LIMIT_S = 10.0
LOST = {"x": Section(b'"old"', 1, "other")}
FULL = StoreError("the disk is full", hint="make room")


async def answers(store: MemoryStore, *calls: SaveSnapshot | Release) -> list[Input]:
    fed = list[Input]()
    thread = StoreThread(lambda: store, fed.append)
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
