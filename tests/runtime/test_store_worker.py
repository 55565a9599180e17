from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from threading import Event as ThreadEvent

import pytest

from stui_supervisor.context.context import Section
from stui_supervisor.core.effects import Load, Release, Save, SaveSnapshot
from stui_supervisor.core.inputs import Input, Loaded, Saved, SnapshotFailed, StoreSilent
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.identity import Identity
from stui_supervisor.runtime import store_timers
from stui_supervisor.runtime.store_worker import StoreWorker
from stui_supervisor.session.records import ClaimedSession, SessionRecord
from stui_supervisor.testing import MemoryDisk, MemoryStore
from tests.support.programs.watching import until

LIMIT_S = 10.0
LOST = {"x": Section(b'"old"', 1, "other")}
FULL = StoreError("the disk is full", hint="make room")


async def answers(store: MemoryStore, *calls: SaveSnapshot | Release) -> list[Input]:
    fed = list[Input]()
    thread = StoreWorker(lambda: store, fed.append)
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


async def test_who_leaves_gives_a_session_back_after_whatever_is_saved_until_the_end() -> None:
    store = MemoryStore(MemoryDisk())
    record, session_id = SessionRecord(profile="default"), store.claim("default").session_id
    fed = list[Input]()
    thread = StoreWorker(lambda: store, fed.append)
    thread.leave("default")
    thread.do(Release(session_id))
    async with asyncio.timeout(LIMIT_S):
        await thread.drained()
    was_owned = store.disk.sessions[session_id].owner is store
    thread.do(Save(session_id, record, LOST))
    thread.close()
    session = store.disk.sessions[session_id]
    await until(lambda: session.owner is None)
    assert (was_owned, session.sections) == (True, LOST)


def _has(fed: list[Input], number: int) -> bool:
    return len(fed) >= number


class Slow(MemoryStore):
    """A store whose disk does nothing until it is let go."""

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__(disk)
        self.is_reached = ThreadEvent()
        self.let_go = ThreadEvent()

    def _wait(self) -> None:
        self.is_reached.set()
        self.let_go.wait(LIMIT_S)

    def claim(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        self._wait()
        return super().claim(profile, image)

    def save_context(self, session_id: str, sections: Mapping[str, Section]) -> int:
        self._wait()
        return super().save_context(session_id, sections)


async def test_a_disk_that_does_not_take_a_save_is_told_of_while_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_timers, "STORE_SILENT_S", 0.02)
    fed, store = list[Input](), Slow(MemoryDisk())
    session_id = MemoryStore.claim(store, "default").session_id
    thread = StoreWorker(lambda: store, fed.append)
    thread.do(Save(session_id, SessionRecord(profile="default"), LOST))
    await until(lambda: fed == [StoreSilent()])
    store.let_go.set()
    await until(lambda: fed[1:] == [Saved(session_id, MemoryStore.save_context(store, session_id, LOST))])
    assert (len(fed), thread._silence.is_waiting) == (2, False)  # and none is awaited
    thread.close()


async def test_a_session_that_is_claimed_after_the_end_is_given_back() -> None:
    disk, fed = MemoryDisk(), list[Input]()
    store = Slow(disk)
    thread = StoreWorker(lambda: store, fed.append)
    thread.do(Load(1, "default", None))
    await until(store.is_reached.is_set)
    thread.close()
    store.let_go.set()
    await until(lambda: disk.sessions)
    await until(lambda: [stored.owner for stored in disk.sessions.values()] == [None])
    assert fed == []


# Another supervisor of this process


def session_being_saved(disk: MemoryDisk, place: str) -> tuple[StoreWorker, Slow, str]:
    """A supervisor that leaves: its last save is under way, and nobody waits for the end of it any more."""
    store = Slow(disk)
    session_id = MemoryStore.claim(store, "default").session_id
    old = StoreWorker(lambda: store, lambda _: None, place)
    old.leave("default")
    old.do(Save(session_id, SessionRecord(profile="default"), LOST))
    old.do(Release(session_id))
    old.close()
    return old, store, session_id


async def test_a_claim_waits_for_the_last_save_of_a_supervisor_that_leaves_and_other_calls_do_not() -> None:
    disk, fed = MemoryDisk(), list[Input]()
    _, store, session_id = session_being_saved(disk, "/place")
    thread = StoreWorker(lambda: MemoryStore(disk), fed.append, "/place")
    thread.do(Load(1, "default", None))
    for number in range(1, 20):
        thread.do(SaveSnapshot("unclaimed", LOST))
        await until(partial(_has, fed, number))
    assert {type(answer) for answer in fed} == {SnapshotFailed}
    store.let_go.set()
    async with asyncio.timeout(LIMIT_S):
        await thread.drained()
    thread.close()
    assert isinstance(answer := fed[-1], Loaded)
    assert (answer.claimed.session_id, answer.claimed.sections) == (session_id, LOST)


@pytest.mark.parametrize(("place", "profile"), [("/place", "other"), ("/elsewhere", "default"), (None, "default")])
async def test_a_claim_of_another_profile_or_place_waits_for_nobody(place: str | None, profile: str) -> None:
    disk, fed = MemoryDisk(), list[Input]()
    _, store, session_id = session_being_saved(disk, "/place")
    thread = StoreWorker(lambda: MemoryStore(disk), fed.append, place)
    thread.do(Load(1, profile, None))
    async with asyncio.timeout(LIMIT_S):
        await thread.drained()
    thread.close()
    store.let_go.set()
    assert isinstance(answer := fed[-1], Loaded)
    assert answer.claimed.session_id != session_id


async def test_two_that_leave_do_not_wait_for_each_other() -> None:
    disk = MemoryDisk()
    answers = [list[Input](), list[Input]()]
    threads = [StoreWorker(lambda: MemoryStore(disk), fed.append, "/place") for fed in answers]
    for thread in threads:
        thread.leave("default")
    for thread in threads:
        thread.do(Load(1, "default", None))
    async with asyncio.timeout(LIMIT_S):
        for thread in threads:
            await thread.drained()
    for thread in threads:
        thread.close()
    assert [len(fed) for fed in answers] == [1, 1]


class Living(MemoryStore):
    """One that counts the signs of life."""

    def __init__(self) -> None:
        super().__init__(MemoryDisk())
        self.signs = 0

    def sign_of_life(self) -> None:
        self.signs += 1
        raise ZeroDivisionError("a mistake in the store")


async def test_a_process_that_has_a_session_shows_again_and_again_that_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_timers, "SIGN_OF_LIFE_S", 0.01)
    store, fed = Living(), list[Input]()
    thread = StoreWorker(lambda: store, fed.append)
    thread.do(Load(1, "default", None))
    await until(lambda: store.signs > 2)
    thread.close()
