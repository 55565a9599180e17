"""What every session store does: the files and the one in memory."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.ports import SessionStore
from stui_supervisor.session.records import SessionRecord
from stui_supervisor.testing import MemoryDisk, MemoryStore

Process = Callable[[], SessionStore]
WORK = {"workspaces": Section(b'[{"name":"Main"}]', 3, "me"), "gone": Section(None, 2, "me")}
RECORD = SessionRecord(
    profile="default",
    endpoint="tcp://127.0.0.1:5555",
    wanted=False,
    dialect="command",
    image_id="Pharo 12.0",
    session=BackendSession("s-1"),
    client_id="c-1",
    status={"state": "connected"},
    extra={"later": [1]},
)


@pytest.fixture(params=["files", "memory"])
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Process:
    """Each call is a new process on the same disk; it lives as long as the test."""
    disk = MemoryDisk()
    alive: list[SessionStore] = []

    def start() -> SessionStore:
        alive.append(FileSessionStore(tmp_path / "sessions") if request.param == "files" else MemoryStore(disk))
        return alive[-1]

    return start


def leave(store: SessionStore, record: SessionRecord = RECORD, work: dict[str, Section] | None = None) -> str:
    """Let the process store a new session and go."""
    session_id = store.claim("nobody's").session_id
    store.save_record(session_id, record)
    if work is not None:
        store.save_context(session_id, work)
    store.release(session_id)
    return session_id


def test_the_first_claim_is_a_fresh_empty_session(process: Process) -> None:
    claimed = process().claim("default")
    assert (claimed.record, claimed.sections, claimed.fresh) == (SessionRecord(profile="default"), {}, True)


def test_what_was_saved_is_claimed_by_the_next_process(process: Process) -> None:
    session_id = leave(process(), work=WORK)
    claimed = process().claim("default")
    assert (claimed.session_id, claimed.record, dict(claimed.sections)) == (session_id, RECORD, WORK)
    assert (claimed.fresh, claimed.notices) == (False, ())


def test_saving_reports_how_much_was_stored(process: Process) -> None:
    store = process()
    session_id = store.claim("default").session_id
    small = store.save_context(session_id, {})
    assert store.save_context(session_id, WORK) > small


def test_a_second_process_gets_a_session_of_its_own_at_the_same_endpoint(process: Process) -> None:
    leave(process(), work=WORK)
    first, second = process().claim("default"), process().claim("default")
    assert second.session_id != first.session_id
    assert (second.sections, second.fresh) == ({}, True)
    assert second.record == SessionRecord(
        profile="default", endpoint=RECORD.endpoint, wanted=RECORD.wanted, dialect=RECORD.dialect
    )


def test_what_a_store_owns_stays_owned_at_its_next_claim(process: Process) -> None:
    leave(process(), work=WORK)
    store = process()
    first, second = store.claim("default"), store.claim("default")
    assert second.session_id != first.session_id
    store.save_context(first.session_id, WORK)
    store.save_context(second.session_id, {})


def test_a_released_session_is_free_again_and_only_that_one(process: Process) -> None:
    one, other = process(), process()
    first = one.claim("default")
    one.save_context(first.session_id, WORK)
    second = one.claim("default")
    one.save_context(second.session_id, WORK)
    one.release(first.session_id)
    assert other.claim("default").session_id == first.session_id
    assert other.claim("default").fresh


def test_releasing_what_is_not_owned_does_nothing(process: Process) -> None:
    owner, stranger = process(), process()
    session_id = owner.claim("default").session_id
    stranger.release(session_id)
    stranger.release("no such session")
    owner.save_context(session_id, WORK)
    owner.release(session_id)
    owner.release(session_id)


def test_the_newest_session_with_work_in_it_comes_before_newer_empty_ones(process: Process) -> None:
    store = process()
    older = leave(store, work=WORK)
    newer = leave(store, work=WORK)
    emptied = leave(store, work={"gone": Section(None, 2, "me")})
    empty = leave(store)
    order = [process().claim("default").session_id for _ in range(4)]
    assert order == [newer, older, empty, emptied]


def test_a_start_goes_where_the_last_link_was_and_stays_away_where_that_was_the_last_wish(process: Process) -> None:
    leave(process(), work=WORK)
    two = replace(RECORD, endpoint="tcp://127.0.0.1:2", image_id="two", wanted=True)
    last = leave(process(), two)
    store = process()
    claimed = store.claim("default")
    assert (claimed.session_id, claimed.record.endpoint, claimed.record.wanted) == (last, two.endpoint, True)
    assert process().claim("default").sections == WORK  # who comes while that one is in use goes on with the work
    store.save_record(last, replace(two, wanted=False))
    store.release(last)
    assert process().claim("default").record.wanted is False


def test_saving_again_makes_a_session_the_newest(process: Process) -> None:
    store = process()
    ids = [leave(store, work=WORK) for _ in range(2)]
    owner = process()
    newest, older = owner.claim("default").session_id, owner.claim("default").session_id
    assert [older, newest] == ids
    owner.save_record(older, RECORD)
    owner.release(newest)
    owner.release(older)
    assert process().claim("default").session_id == older


def test_sessions_of_other_profiles_are_not_touched(process: Process) -> None:
    leave(process(), replace(RECORD, profile="other"), WORK)
    assert process().claim("default").record == SessionRecord(profile="default")


def test_a_claim_for_an_image_gets_only_sessions_of_that_image(process: Process) -> None:
    store = process()
    of_one = leave(store, replace(RECORD, image_id="one"), WORK)
    leave(store, replace(RECORD, image_id="two"), WORK)
    leave(store, replace(RECORD, image_id=None), WORK)
    assert process().claim("default", identity_of("one")).session_id == of_one
    fresh = process().claim("default", identity_of("three"))
    assert (fresh.fresh, fresh.record.image_id, fresh.record.endpoint) == (True, "three", RECORD.endpoint)


def test_who_comes_back_to_an_image_gets_what_he_had_there_whatever_others_have_left_since(process: Process) -> None:
    one, two, three = process(), process(), process()
    mine, theirs = (leave(store, replace(RECORD, image_id="one"), WORK) for store in (one, two))
    image = identity_of("one")
    assert three.claim("default", image).session_id == theirs
    three.release(theirs)
    assert one.claim("default", image).session_id == mine


def test_saving_into_a_session_that_is_not_owned_is_refused(process: Process) -> None:
    owner, stranger = process(), process()
    session_id = owner.claim("default").session_id
    owner.save_record(session_id, RECORD)
    for refused in (
        lambda: stranger.save_record(session_id, replace(RECORD, endpoint="tcp://127.0.0.1:1")),
        lambda: stranger.save_context(session_id, WORK),
        lambda: stranger.save_snapshot(session_id, WORK),
    ):
        with pytest.raises(StoreError, match="not owned"):
            refused()
    owner.release(session_id)
    claimed = process().claim("default")
    assert (claimed.record, claimed.sections) == (RECORD, {})


def test_a_stored_context_does_not_follow_later_changes_of_the_mapping(process: Process) -> None:
    store = process()
    session_id = store.claim("default").session_id
    sections = dict(WORK)
    store.save_context(session_id, sections)
    sections.clear()
    store.release(session_id)
    assert dict(process().claim("default").sections) == WORK


def test_a_snapshot_is_no_work_and_makes_no_session_newer(process: Process) -> None:
    store = process()
    older = leave(store)
    newer = leave(store)
    owner = process()
    assert [owner.claim("default").session_id for _ in range(2)] == [newer, older]
    owner.save_snapshot(older, WORK)
    owner.release(older)
    owner.release(newer)
    first, second = (process().claim("default") for _ in range(2))
    assert [(first.session_id, first.sections), (second.session_id, second.sections)] == [(newer, {}), (older, {})]


class Processes(RuleBasedStateMachine):
    """Two processes claim, save and release as they like; a model knows what each session must hold."""

    disk_path: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.stores = self.make_stores()
        self.owned: list[set[str]] = [set(), set()]
        self.stored: dict[str, dict[str, Section]] = {}
        self.numbers = itertools.count(1)

    def make_stores(self) -> list[SessionStore]:
        disk = MemoryDisk()
        return [MemoryStore(disk), MemoryStore(disk)]

    @rule(who=st.integers(0, 1))
    def claim(self, who: int) -> None:
        claimed = self.stores[who].claim("default")
        assert claimed.session_id not in self.owned[0] | self.owned[1]
        assert dict(claimed.sections) == self.stored.get(claimed.session_id, {})
        self.owned[who].add(claimed.session_id)
        self.stored.setdefault(claimed.session_id, {})

    @precondition(lambda self: any(self.owned))
    @rule(choice=st.integers(0, 9), with_work=st.booleans())
    def save(self, choice: int, *, with_work: bool) -> None:
        who, session_id = self.pick(choice)
        number = next(self.numbers)
        sections = {"x": Section(b"%d" % number if with_work else None, number, f"writer {who}")}
        self.stores[who].save_context(session_id, sections)
        self.stored[session_id] = sections

    @precondition(lambda self: any(self.owned))
    @rule(choice=st.integers(0, 9))
    def save_record(self, choice: int) -> None:
        who, session_id = self.pick(choice)
        self.stores[who].save_record(session_id, RECORD)

    @precondition(lambda self: any(self.owned))
    @rule(choice=st.integers(0, 9))
    def release(self, choice: int) -> None:
        who, session_id = self.pick(choice)
        self.stores[who].release(session_id)
        self.owned[who].remove(session_id)

    def pick(self, choice: int) -> tuple[int, str]:
        owned = [(who, session_id) for who in (0, 1) for session_id in sorted(self.owned[who])]
        return owned[choice % len(owned)]

    @invariant()
    def no_session_has_two_owners(self) -> None:
        assert not self.owned[0] & self.owned[1]


class ProcessesOnFiles(Processes):
    """The same on real files."""

    def make_stores(self) -> list[SessionStore]:
        self.disk_path = tempfile.mkdtemp()
        return [FileSessionStore(self.disk_path), FileSessionStore(self.disk_path)]

    def teardown(self) -> None:
        for store, owned in zip(self.stores, self.owned, strict=True):
            for session_id in owned:
                store.release(session_id)
        if self.disk_path is not None:
            shutil.rmtree(self.disk_path)


TestProcessesInMemory = Processes.TestCase
TestProcessesInMemory.settings = settings(max_examples=50, deadline=None)
TestProcessesOnFiles = ProcessesOnFiles.TestCase
TestProcessesOnFiles.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
