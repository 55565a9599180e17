from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from threading import Event as ThreadEvent
from typing import Any, get_args

import pytest

from stui_supervisor.config import JOURNAL_ALIVE_S, SLEEP_LOOK_S, STOP_TIMEOUT_S, Settings
from stui_supervisor.context.context import Section
from stui_supervisor.core import effects, inputs
from stui_supervisor.errors import OutcomeUnknown, StoreError
from stui_supervisor.events import (
    AttemptScheduled,
    ContextSaved,
    MachineWoke,
    NetworkMoved,
    Problem,
    RequestFinished,
    Transition,
)
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import Outcome, State
from stui_supervisor.peer.identity import Identity
from stui_supervisor.ports import Link
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import ClaimedSession, Notice, SessionRecord
from stui_supervisor.testing import MemoryDisk, MemoryStore
from stui_supervisor.wire.dialects import Dialect, Operation, encode
from tests.support.core.world import request
from tests.support.programs.driver_life import ENDPOINT, life
from tests.support.programs.watching import entering, next_of, own_threads, queued, until

NOTHING = inputs.Cancel(0)  # no request has this number


class Broken:
    """A store that fails in a way no store may."""

    def claim(self, _profile: str, _image: Identity | None = None) -> ClaimedSession:
        raise ZeroDivisionError("a mistake in the store")

    def claim_new(self, _profile: str, _image: Identity | None = None) -> ClaimedSession:
        raise AssertionError("nothing was lost")

    def save_record(self, _session_id: str, _record: SessionRecord) -> None:
        raise AssertionError("nothing was claimed")

    def save_context(self, _session_id: str, _sections: Mapping[str, Section]) -> int:
        raise AssertionError("nothing was claimed")

    def save_snapshot(self, _session_id: str, _sections: Mapping[str, Section]) -> None:
        raise AssertionError("nothing was claimed")

    def sign_of_life(self) -> None:
        raise ZeroDivisionError("a mistake in the store")

    def release(self, _session_id: str) -> None:
        raise AssertionError("nothing was claimed")


class Hanging(MemoryStore):
    """A store whose disk answers nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = ThreadEvent()

    def claim(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        self.let_go.wait(30)
        return super().claim(profile, image)


async def test_a_link_is_made_used_and_closed() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.core.session.context["x"] = 1
        await one.driver.save()
        assert isinstance(await next_of(one.stream, ContextSaved), ContextSaved)
        await one.end()
        assert (one.core.state, one.given_back) == (State.DISCONNECTED, ["all"])
        (stored,) = one.disk.sessions.values()
        assert (stored.record.endpoint, stored.owner) == (str(ENDPOINT), None)
        assert stored.sections["x"].value == b"1"
    assert own_threads() == []


async def test_every_effect_is_carried_out() -> None:
    async with life() as one:
        assert set(one.driver._performers) == set(get_args(effects.Effect))


# The timer


async def test_all_that_comes_in_one_turn_of_the_loop_arms_the_timer_once() -> None:
    async with life() as one:
        await one.rest()
        before = one.core.armings
        for _ in range(3):
            one.driver.feed(NOTHING)
        assert one.core.armings == before
        for _ in range(3):
            await asyncio.sleep(0)
        assert one.core.armings == before + 1


async def test_whoever_waits_for_a_reply_goes_on_before_the_timer_is_armed() -> None:
    async with life() as one:
        await one.rest()
        before = one.core.armings
        one.driver.feed(NOTHING)  # the timer is armed for it after this turn, when the reply is on its way
        await one.driver.submit(request(parameters={"code": "3 + 4"}, now=one.driver.now()))
        assert one.core.armings == before + 1
        await asyncio.sleep(0)
        assert one.core.armings == before + 2


@pytest.mark.parametrize("keeps", [True, False], ids=["something to save", "nothing to wait for"])
async def test_the_end_and_what_is_told_after_it_leave_no_timer_behind(keeps: bool) -> None:
    async with life(settings=Settings(keeps_session=keeps), has_journal=keeps) as one:
        await one.rest()
        assert one.has_timer
        await one.end()
        assert not one.has_timer
        one.core.session.context["x"] = 1
        one.driver.feed(inputs.CredentialRead(one.core.link, None, "keyring"))
        await asyncio.sleep(0)
        assert not one.has_timer


async def test_a_driver_that_has_ended_is_woken_by_nothing_though_its_core_has_started_again() -> None:
    async with life() as one:
        await one.rest()
        await one.end()
        one.core.handle(inputs.Start(ENDPOINT), one.driver.now())  # as the next driver does
        one.driver.feed(inputs.CredentialRead(1, None, "keyring"))
        await asyncio.sleep(0)
        assert not one.has_timer
        one.core.handle(inputs.Stop(), one.driver.now())


async def test_a_deadline_before_the_one_that_is_armed_is_armed_instead() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        await until(lambda: one.driver._timer.armed_for > time.monotonic() + SLEEP_LOOK_S / 2)
        one.peer.answer = lambda _: None
        asked = request(now=one.driver.now(), timeout=0.05)
        ending = one.driver.submit(asked)
        await asyncio.sleep(0)
        assert one.driver._timer.armed_for == asked.deadline
        with pytest.raises(OutcomeUnknown):
            await ending


async def test_the_journal_hears_every_event_under_the_number_of_its_link() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.peer.links[-1].lose(Failure(FailureKind.RESET))
        await entering(one.stream, State.CONNECTED)
        await one.end()
        moves = [(event.to_state, beside.link) for event, beside in one.diary.events if isinstance(event, Transition)]
        assert moves == [
            (State.RESTORING, 0),
            (State.CONNECTING, 1),
            (State.CONNECTED, 1),
            (State.RECOVERING, 1),
            (State.CONNECTED, 2),
            (State.DISCONNECTED, 2),
        ]
        assert (one.diary.begun, one.diary.closed) == (["default"], 1)


async def test_the_journal_hears_what_was_true_while_an_event_happened() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        await one.end()
        besides = {event.to_state: beside for event, beside in one.diary.events if isinstance(event, Transition)}
        (session,) = one.disk.sessions
        assert [besides[state].session for state in (State.RESTORING, State.CONNECTED)] == [None, session]
        assert besides[State.RESTORING].image_id is besides[State.RESTORING].boot_id is None
        reply = one.image(encode(Dialect.COMMAND, Operation("ping", {}), message_id="m", at=one.clock.utc()))
        ping = json.loads(reply or b"")["result"]
        assert besides[State.CONNECTED][3:] == (ping["image_id"], ping["boot_id"])
        times = [beside.elapsed_s for beside in besides.values()]
        assert times == sorted(times)


async def test_the_journal_hears_that_the_program_lives_for_as_long_as_a_link_is_wanted() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        for lived in (1, 2):
            one.driver._timer.ring()
            one.driver._timer.ring()
            assert one.diary.lived == lived
            one.clock.hurries_s += JOURNAL_ALIVE_S
        await one.end()
        one.driver._timer.ring()
        assert one.diary.lived == 2


async def test_a_link_that_cannot_be_made_is_a_failed_attempt_at_once() -> None:
    def broken(*_: object) -> Link:
        raise OSError("no sockets are left")

    async with life(start=False) as one:
        one.driver._link._make_link = broken
        began = time.monotonic()
        one.driver.feed(inputs.Start(ENDPOINT))
        told = await next_of(one.stream, AttemptScheduled)
        assert "no sockets are left" in told.failure
        assert time.monotonic() - began < SLEEP_LOOK_S / 2


async def test_what_an_older_link_says_is_dropped() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.driver.feed(inputs.Reconnect())
        await entering(one.stream, State.CONNECTED)
        one.driver.feed(inputs.Lost(1, Failure(FailureKind.RESET)))
        one.driver.feed(inputs.Opened(1))
        one.driver.feed(inputs.Received(1, b"token", b"{}"))
        one.driver.feed(inputs.NotTaken(1, b"token"))
        assert one.core.state is State.CONNECTED
        assert queued(one.stream) == []


async def test_an_input_that_comes_while_another_is_handled_waits_its_turn() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.core.session.context["x"] = 1  # feeds from outside the loop's own handling
        one.driver.feed(inputs.Disconnect())
        one.driver.feed(inputs.Connect(ENDPOINT))
        assert one.core.state is State.CONNECTING
        await entering(one.stream, State.CONNECTED)


async def test_a_store_that_fails_in_an_unheard_of_way_costs_a_warning() -> None:
    async with life(Broken()) as one:
        problem = await next_of(one.stream, Problem)
        assert (problem.code, problem.message) == (
            "store_failed",
            "the session store failed: ZeroDivisionError: a mistake in the store",
        )
        await entering(one.stream, State.CONNECTED)
        with pytest.raises(StoreError):
            await one.driver.save()


async def test_a_disk_that_hangs_delays_the_start_by_no_more_than_allowed_and_is_taken_up_later() -> None:
    store = Hanging()
    try:
        async with life(store, Settings(restore_timeout_s=0.05)) as one:
            assert (await next_of(one.stream, Problem)).code == "store_slow"
            await entering(one.stream, State.CONNECTED)
            assert not one.core.status(one.driver.now()).store_ok
            one.core.session.context["x"] = 1
            store.let_go.set()
            await until(lambda: one.core.session.id is not None)
            await one.driver.save()
            (stored,) = store.disk.sessions.values()
            assert one.core.status(one.driver.now()).store_ok
            assert (stored.record.endpoint, stored.sections["x"].value) == (str(ENDPOINT), b"1")
    finally:
        store.let_go.set()


async def test_a_disk_that_hangs_does_not_hold_up_the_end() -> None:
    store = Hanging()
    try:
        async with life(store, Settings(restore_timeout_s=0.05)) as one:
            await entering(one.stream, State.CONNECTED)
            saving = asyncio.create_task(one.driver.save())
            await asyncio.sleep(0)
            began = time.monotonic()
            await one.end()
            assert time.monotonic() - began < STOP_TIMEOUT_S + 0.2
            with pytest.raises(StoreError, match="stopped"):
                await saving
            assert one.given_back == ["all"]
    finally:
        store.let_go.set()


async def test_work_that_a_disk_refused_until_the_end_is_told() -> None:
    disk = MemoryDisk()
    async with life(MemoryStore(disk)) as one:
        await entering(one.stream, State.CONNECTED)
        disk.failure = StoreError("the disk is full", hint="make room")
        one.core.session.context["x"] = 1
        await one.end()
        told = [event.code for event in queued(one.stream) if isinstance(event, Problem)]
        assert (told, one.core.status(one.driver.now()).store_ok) == (["store_failed", "not_saved"], False)


async def test_work_that_a_disk_did_not_take_until_the_end_is_told() -> None:
    store = Hanging()
    try:
        async with life(store, Settings(restore_timeout_s=0.05)) as one:
            await entering(one.stream, State.CONNECTED)
            one.core.session.context["x"] = 1
            await one.end()
            told = [event.code for event in queued(one.stream) if isinstance(event, Problem)]
            assert (told, one.core.status(one.driver.now()).store_ok) == (["not_saved"], False)
    finally:
        store.let_go.set()


async def test_a_session_that_is_claimed_too_late_is_given_back() -> None:
    async with life() as one:
        one.driver.feed(inputs.Stop())  # while the store still answers
        await one.driver.close()
        assert [stored.owner for stored in one.disk.sessions.values()] in ([], [None])


async def test_a_disk_that_takes_a_save_only_late_is_told_of_once_and_is_right_again() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        await one.driver.save()
        one.core.session.context["x"] = 1
        for _ in range(2):
            one.driver.feed(inputs.StoreSilent())
        told = [event.code for event in queued(one.stream) if isinstance(event, Problem)]
        assert (told, one.core.status(one.driver.now()).store_ok) == (["store_failed"], False)
        await one.driver.save()
        assert one.core.status(one.driver.now()).store_ok
        one.driver.feed(inputs.StoreSilent(is_over=True))  # nothing is missing
        assert len([event for event in queued(one.stream) if isinstance(event, Problem)]) == len(told)


async def test_a_link_that_takes_nothing_more_is_a_lost_link() -> None:
    async with life(settings=Settings(ping_interval_s=0.02)) as one:
        await entering(one.stream, State.CONNECTED)
        one.peer.links[-1].close()  # it says nothing, and takes nothing any more: the next ping tells
        await entering(one.stream, State.RECOVERING)
        await entering(one.stream, State.CONNECTED)
        assert len(one.peer.links) == 2


# What raises where nothing may


@pytest.fixture
async def told() -> list[dict[str, Any]]:
    """What the event loop is told of mistakes."""
    contexts = list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: contexts.append(context))
    return contexts


@pytest.mark.parametrize("method", ["open", "send", "look"])
async def test_a_link_that_raises_is_a_failed_attempt_until_it_does_so_no_more(
    method: str, told: list[dict[str, Any]]
) -> None:
    async with life(start=False) as one:
        one.peer.faults.add(method)
        one.driver.feed(inputs.Start(ENDPOINT))
        failed = await entering(one.stream, State.RECOVERING)
        ended = "no connection could be made" if method == "open" else "the connection ended"
        assert failed.reason == f"{ended} (cannot {method})"
        one.peer.faults.clear()
        await entering(one.stream, State.CONNECTED)
    assert told == []


async def test_a_link_that_raises_where_a_request_is_sent_ends_and_so_does_the_request(
    told: list[dict[str, Any]],
) -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.peer.faults.add("send")
        ending = one.driver.submit(request(now=one.driver.now()))
        assert (await next_of(one.stream, RequestFinished)).outcome is Outcome.OUTCOME_UNKNOWN
        with pytest.raises(OutcomeUnknown, match="cannot send"):
            await ending
        one.peer.faults.clear()
        await entering(one.stream, State.CONNECTED)
        assert one.image.asked("evaluate") == []
    assert told == []


async def test_a_link_that_raises_where_it_should_knock_is_lost(told: list[dict[str, Any]]) -> None:
    settings = Settings(heartbeat_interval_s=0.05, silent_after_s=0.15, dead_after_s=10.0, path_look_s=0.02)
    async with life(settings=settings, start=False) as one:
        one.peer.faults.add("knock")
        one.peer.has_kernel = True
        one.driver.feed(inputs.Start(ENDPOINT))
        assert (await entering(one.stream, State.RECOVERING)).reason == "the connection ended (cannot knock)"
    assert told == []


async def test_a_link_that_raises_where_it_is_closed_is_told_and_makes_room_for_the_next(
    told: list[dict[str, Any]],
) -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.peer.faults.add("close")
        one.driver.feed(inputs.Reconnect())
        await entering(one.stream, State.CONNECTED)
        assert len(one.peer.links) == 2
        (mistake,) = told
        assert (mistake["message"], str(mistake["exception"])) == ("CloseLink was not carried out", "cannot close")
        await one.end()
        assert one.core.state is State.DISCONNECTED
    assert len(told) == 2


async def test_an_effect_that_cannot_be_carried_out_is_told_and_takes_none_of_the_later_ones_along(
    told: list[dict[str, Any]],
) -> None:
    async with life() as one:
        one.diary.is_broken = True
        await entering(one.stream, State.CONNECTED)
        ending = one.driver.submit(request(parameters={"code": "3 + 4"}, now=one.driver.now()))
        assert (await ending).result["result"] == "7"
        assert (await next_of(one.stream, RequestFinished)).outcome is Outcome.REPLIED
    assert {(mistake["message"], str(mistake["exception"])) for mistake in told} == {
        ("Announce was not carried out", "cannot write")
    }


async def test_a_mistake_in_the_core_reaches_who_caused_it_and_the_driver_goes_on() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.core.mistake = NOTHING
        with pytest.raises(ZeroDivisionError):
            one.driver.feed(NOTHING)
        ending = one.driver.submit(request(parameters={"code": "3 + 4"}, now=one.driver.now()))
        assert (await ending).result["result"] == "7"


async def test_a_disk_that_fails_while_saving_ends_the_wait_for_it() -> None:
    async with life(settings=Settings(save_retry_s=0.05)) as one:
        await entering(one.stream, State.CONNECTED)
        await one.driver.save()
        one.disk.failure = StoreError("the disk is full", hint="make room")
        one.core.session.context["x"] = 1
        with pytest.raises(StoreError, match="the disk is full"):
            await one.driver.save()
        assert (await next_of(one.stream, Problem)).hint == "make room"
        one.disk.failure = None
        await next_of(one.stream, ContextSaved)
        await one.driver.save()


async def test_a_log_that_cannot_be_written_is_told_to_the_user_once() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.diary.problem = Notice(code=ProblemCode.JOURNAL_UNWRITABLE, message="no room", hint="make some")
        told = await next_of(one.stream, Problem)
        assert (told.code, told.message, told.hint) == ("journal_unwritable", "no room", "make some")
        one.driver._timer.ring()
        assert queued(one.stream) == []


# Waking and moving


@pytest.mark.parametrize("is_used", [False, True])
async def test_a_sleep_is_noticed_soon_after_waking_or_with_a_request_and_the_image_is_asked(is_used: bool) -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        asked = len(one.image.asked("ping"))
        one.clock.slept_s = 28_800.0
        if is_used:
            answer = one.driver.submit(request(parameters={"code": "3 + 4"}, now=one.driver.now()))
            assert one.asides
            await answer
            await next_of(one.stream, RequestFinished)
        assert one.driver._timer.armed_for - one.clock.monotonic() <= SLEEP_LOOK_S
        await until(lambda: one.asides)
        assert one.asides == [MachineWoke(at=one.asides[0].at, slept_s=28_800.0)]
        assert (len(one.image.asked("ping")), queued(one.stream)) == (asked + 1, [])


async def test_a_program_that_ends_right_after_waking_has_noticed_the_sleep_before_its_last_push() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.clock.slept_s = 28_800.0
        one.driver.leave()
        assert [woke.slept_s for woke in one.asides if isinstance(woke, MachineWoke)] == [28_800.0]


async def test_what_is_slept_while_no_link_is_wanted_is_nothing() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        one.driver.feed(inputs.Disconnect())
        await until(lambda: not one.driver._timer.is_armed)
        one.clock.slept_s = 28_800.0
        one.driver.feed(inputs.Connect(ENDPOINT))
        one.driver._timer.ring()
        assert one.asides == []
        one.clock.slept_s += 60.0
        one.driver._timer.ring()
        assert one.asides == [MachineWoke(at=one.asides[0].at, slept_s=60.0)]


async def test_a_changed_network_is_told_to_the_journal_alone_and_to_the_image_by_a_ping() -> None:
    async with life() as one:
        await entering(one.stream, State.CONNECTED)
        asked = len(one.image.asked("ping"))
        one.network.change()
        assert one.asides == [NetworkMoved(at=one.asides[0].at)]
        assert (len(one.image.asked("ping")), queued(one.stream)) == (asked + 1, [])
        await one.end()
        assert one.network._changed is None
