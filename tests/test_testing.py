from __future__ import annotations

import pytest

from stui_supervisor.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.testing import MemoryDisk, MemoryStore

WORK = {"x": Section(b"1", 1, "me")}


def test_a_store_that_dies_leaves_its_sessions_to_others() -> None:
    disk = MemoryDisk()
    dying, other = MemoryStore(disk), MemoryStore(disk)
    session_id = dying.claim("default").session_id
    dying.save_context(session_id, WORK)
    dying.die()
    claimed = other.claim("default")
    assert (claimed.session_id, claimed.sections) == (session_id, WORK)


def test_a_disk_told_to_fail_fails_until_told_otherwise() -> None:
    store = MemoryStore()
    claimed = store.claim("default")
    store.disk.failure = StoreError("the disk is full", hint="make room")
    for call in (
        lambda: store.claim("default"),
        lambda: store.save_record(claimed.session_id, claimed.record),
        lambda: store.save_context(claimed.session_id, WORK),
    ):
        with pytest.raises(StoreError, match="the disk is full"):
            call()
    store.release(claimed.session_id)
    store.disk.failure = None
    assert store.claim("default").sections == {}
