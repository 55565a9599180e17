from __future__ import annotations

import asyncio
import dataclasses
import gc
import os
import sys
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import (
    BackendError,
    ConfigurationError,
    ContextSaved,
    Endpoint,
    EventsDropped,
    NotSent,
    Outcome,
    OutcomeUnknown,
    RequestFinished,
    Settings,
    State,
    StoreError,
    Supervisor,
    SupervisorError,
    Transition,
    Trigger,
)
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.security.secret import Secret
from stui_supervisor.testing import FakePeer, MemoryCredentials, Reach
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.scenes import ENDPOINT, SETTINGS, STOPPED, scene
from tests.support.programs.watching import LIMIT_S, entering, next_of, queued, until

EVALUATE = ("evaluate", {"code": "3 + 4"})


@pytest.mark.parametrize("settings", [{}, {"journal": False}, "fast", BackendSettings(), Settings, False])
def test_settings_of_another_type_are_refused_at_once(settings: Any) -> None:
    with pytest.raises(ConfigurationError, match="settings are of type") as caught:
        Supervisor(ENDPOINT, settings=settings)
    assert caught.value.hint == "give a stui_supervisor.Settings, or leave it out"


# Waiting for a state


async def test_a_state_that_was_passed_through_after_the_call_is_not_missed(tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    passing = [supervisor.wait_for(state) for state in (State.RESTORING, State.CONNECTING, State.CONNECTED)]
    async with supervisor:
        assert await passing[2] is State.CONNECTED
        assert [await passing[0], await passing[1]] == [State.RESTORING, State.CONNECTING]


async def test_a_wait_that_became_a_task_before_the_transition_does_not_miss_it(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        waiting = asyncio.create_task(there.supervisor.wait_for(State.RECOVERING))
        await there.supervisor.reconnect()  # passes RECOVERING before the task has run at all
        assert await waiting is State.RECOVERING


async def test_of_several_states_the_first_that_came_counts(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        waiting = there.supervisor.wait_for(State.DISCONNECTED, State.RECOVERING)
        await there.supervisor.reconnect()
        await there.supervisor.disconnect()
        assert await waiting is State.RECOVERING


async def test_a_stop_ends_a_wait(tmp_path: Path) -> None:
    async with scene(State.CONNECTING, tmp_path) as there:
        waiting = asyncio.create_task(there.supervisor.wait_for(State.CONNECTED))
        for_the_end = asyncio.create_task(there.supervisor.wait_for(State.DISCONNECTED))
        await there.supervisor.stop()
        with pytest.raises(SupervisorError, match="stopped"):
            await waiting
        assert await for_the_end is State.DISCONNECTED


async def test_a_wait_that_begins_while_a_run_ends_is_not_for_the_link_that_ends(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.supervisor.context["work"] = 1
        there.image.silent = True
        stop = asyncio.create_task(there.supervisor.stop())
        await asyncio.sleep(0)
        assert there.supervisor.state is State.CONNECTED
        with pytest.raises(SupervisorError, match="stopped"):
            await there.supervisor.wait_for(State.CONNECTED)
        await stop


async def test_a_wait_nobody_awaited_leaves_no_complaint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with scene(State.CONNECTING, tmp_path) as there:
        waiting = there.supervisor.wait_for(State.CONNECTED, timeout=0.001)
        with pytest.raises(TimeoutError, match="still connecting"):
            await waiting
        given_up = asyncio.create_task(there.supervisor.wait_for(State.CONNECTED))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
    gc.collect()
    assert caplog.records == []


@pytest.mark.parametrize("name", [State.CONNECTING, STOPPED])
async def test_a_wait_that_is_given_up_before_it_has_begun_leaves_nothing(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(name, tmp_path) as there:
        tasks = [asyncio.create_task(there.supervisor.wait_for(State.CONNECTED)) for _ in range(10)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        tasks.clear()
        del task
        gc.collect()
        assert dict(there.supervisor._lifecycle.observers._waiting) == {}
        begun = there.supervisor.wait_for(State.RECOVERING)
        await there.supervisor.stop()
        begun.close()  # a coroutine that was kept, and never ran
    gc.collect()
    assert caplog.records == []


# Events


async def test_events_tell_the_whole_life(tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = [1]
        await supervisor.request(*EVALUATE)
    events = [event async for event in stream]
    moves = [(event.from_state, event.trigger, event.to_state) for event in events if isinstance(event, Transition)]
    assert moves == [
        (State.DISCONNECTED, Trigger.RESTORE, State.RESTORING),
        (State.RESTORING, Trigger.RESTORED, State.CONNECTING),
        (State.CONNECTING, Trigger.ESTABLISHED, State.CONNECTED),
        (State.CONNECTED, Trigger.STOP, State.DISCONNECTED),
    ]
    (finished,) = (event for event in events if isinstance(event, RequestFinished))
    assert (finished.command, finished.outcome) == ("evaluate", Outcome.REPLIED)
    assert any(isinstance(event, ContextSaved) for event in events)
    assert all(event.at.tzinfo is not None for event in events)
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert all(dataclasses.is_dataclass(event) for event in events)


async def test_a_slow_reader_blocks_nobody_and_is_told_what_it_lost(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stream = there.supervisor.events()
        for _ in range(1_100):
            await there.supervisor.request("ping")
        first = await anext(stream)
        assert isinstance(first, EventsDropped)
        assert first.count == 1_100 - 1_000 + len([e for e in queued(stream) if not isinstance(e, RequestFinished)])


async def test_a_stream_that_was_taken_after_the_stop_ends_when_it_is_read_unless_it_is_started_before(
    tmp_path: Path,
) -> None:
    async with scene(STOPPED, tmp_path) as there:
        read, kept = there.supervisor.events(), there.supervisor.events()
        async with asyncio.timeout(LIMIT_S):
            assert [event async for event in read] == []
        await there.supervisor.start()
        late = there.supervisor.events()
        await entering(late, State.CONNECTED)
        await entering(kept, State.CONNECTED)
        async with asyncio.timeout(LIMIT_S):
            assert [event async for event in read] == []  # an iterator that has ended stays so
        assert queued(read) == []


# Requests


async def test_a_reply_is_the_result_and_an_error_an_exception(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        assert (await there.supervisor.request(*EVALUATE))["result"] == "7"
        with pytest.raises(BackendError) as caught:
            await there.supervisor.request("evaluate", {"code": "3 zork: 4"})
        assert (caught.value.error_type, bool(caught.value.message)) == ("EvaluationError", True)


@pytest.mark.parametrize(("result", "expected"), [("[1]", {"result": [1]}), ("null", {"result": None}), ("{}", {})])
async def test_a_result_that_is_no_object_comes_in_one(
    result: str, expected: dict[str, object], tmp_path: Path
) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.peer.answer = lambda _body: b'{"status": "success", "result": ' + result.encode() + b"}"
        assert await there.supervisor.request("inspect") == expected


async def test_an_error_inside_a_result_is_returned_as_it_came(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.peer.answer = lambda _body: b'{"status": "success", "result": {"has_error": true}}'
        assert await there.supervisor.request(*EVALUATE) == {"has_error": True}


async def test_requests_are_sent_one_at_a_time_in_the_order_of_the_calls(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        replies = await asyncio.gather(
            *(there.supervisor.request("evaluate", {"code": f"{number}"}) for number in range(100))
        )
        assert [reply["result"] for reply in replies] == [str(number) for number in range(100)]
        assert there.image.asked("evaluate") == [{"code": f"{number}"} for number in range(100)]


async def test_the_queue_holds_256_and_refuses_one_more_at_once(tmp_path: Path) -> None:
    async with scene(State.CONNECTING, tmp_path) as there:
        waiting = [asyncio.create_task(there.supervisor.request(*EVALUATE)) for _ in range(256)]
        await until(lambda: there.supervisor.status().waiting_requests == 256)
        with pytest.raises(NotSent, match="256"):
            await there.supervisor.request(*EVALUATE)
        await there.supervisor.stop()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert Counter(type(error) for error in ended) == {NotSent: 256}


async def test_a_request_that_runs_out_of_time_says_whether_it_was_sent(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.image.silent = True
        sent = asyncio.create_task(there.supervisor.request(*EVALUATE, timeout=0.05))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(there.supervisor.request(*EVALUATE, timeout=0.05))
        ended = await asyncio.gather(sent, waiting, return_exceptions=True)
        assert [type(error) for error in ended] == [OutcomeUnknown, NotSent]
        assert len(there.image.asked("evaluate")) == 1


async def test_a_cancelled_request_that_waits_is_never_delivered_and_the_ledger_says_so(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stream = there.supervisor.events()
        there.image.silent = True
        sent = asyncio.create_task(there.supervisor.request("evaluate", {"code": "1"}))
        waiting = asyncio.create_task(there.supervisor.request("evaluate", {"code": "2"}))
        await until(lambda: there.supervisor.status().waiting_requests == 2)
        for task, outcome in ((waiting, Outcome.NOT_SENT), (sent, Outcome.OUTCOME_UNKNOWN)):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await next_of(stream, RequestFinished)).outcome is outcome
        assert there.supervisor.status().waiting_requests == 0
        assert there.image.asked("evaluate") == [{"code": "1"}]


@pytest.mark.parametrize("name", [State.DEGRADED, State.DISCONNECTED, STOPPED])
async def test_an_error_of_a_request_names_it_and_each_request_has_a_name_of_its_own(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        stream = there.supervisor.events()
        named = []
        for _ in range(2):
            with pytest.raises(NotSent) as caught:
                await there.supervisor.request("evaluate", {"code": "1"}, timeout=0.01)
            named.append(caught.value.request_id)
            if name != STOPPED:
                assert (await next_of(stream, RequestFinished)).request_id == named[-1]
        assert None not in named
        assert len(set(named)) == 2


async def test_a_reply_is_told_under_the_name_that_the_image_was_given(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stream = there.supervisor.events()
        await there.supervisor.request(*EVALUATE)
        finished = await next_of(stream, RequestFinished)
        assert finished.request_id in {message.id for message in there.image.executed}


async def test_a_link_that_breaks_tells_the_sent_from_the_waiting(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.image.silent = True
        once = asyncio.create_task(there.supervisor.request("evaluate", {"code": "1"}))
        waiting = asyncio.create_task(there.supervisor.request("evaluate", {"code": "2"}))
        await until(lambda: there.supervisor.status().waiting_requests == 2)
        there.peer.vanish()
        with pytest.raises(OutcomeUnknown):
            await once
        there.image.silent, there.peer.reach = False, Reach.LISTENS
        assert (await waiting)["result"] == "2"
        assert there.image.asked("evaluate") == [{"code": "1"}, {"code": "2"}]


async def test_a_repeatable_request_is_sent_again_on_the_next_link(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.image.silent = True
        asking = asyncio.create_task(there.supervisor.request("get_session_statistics"))
        await until(lambda: there.image.asked("get_session_statistics"))
        there.image.silent = False
        await there.supervisor.reconnect()
        assert (await asking)["total_sessions"] == 1
        assert len(there.image.asked("get_session_statistics")) == 2


@pytest.mark.parametrize("end", ["disconnect", "stop", "connect"])
async def test_what_ends_the_wish_for_the_link_ends_its_requests(end: str, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.image.silent = True
        sent = asyncio.create_task(there.supervisor.request("evaluate", {"code": "1"}, repeatable=True))
        waiting = asyncio.create_task(there.supervisor.request("evaluate", {"code": "2"}))
        await until(lambda: there.supervisor.status().waiting_requests == 2)
        match end:
            case "disconnect":
                await there.supervisor.disconnect()
            case "stop":
                await there.supervisor.stop()
            case _:
                await there.supervisor.connect("tcp://127.0.0.1:6666")
        ended = await asyncio.gather(sent, waiting, return_exceptions=True)
        assert [type(error) for error in ended] == [OutcomeUnknown, NotSent]


@pytest.mark.parametrize("seconds", [2.5e11, sys.maxsize, 1e300, 10**400, float("inf"), True])
async def test_a_request_may_have_any_time(seconds: float, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        assert (await there.supervisor.request(*EVALUATE, timeout=seconds))["result"] == "7"


@pytest.mark.parametrize("seconds", [0, -0.0, -1, float("nan"), float("-inf"), -(10**400), "5", [1]])
async def test_a_timeout_that_is_none_is_the_callers_mistake(seconds: float, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        with pytest.raises(ConfigurationError, match="a timeout of"):
            await there.supervisor.request(*EVALUATE, timeout=seconds)
        assert there.image.asked("evaluate") == []


@pytest.mark.parametrize("repeatable", ["no", 0, 1, []])
async def test_whether_a_request_may_be_repeated_is_said_with_true_or_false(repeatable: Any, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        with pytest.raises(ConfigurationError, match="repeatable is"):
            await there.supervisor.request(*EVALUATE, repeatable=repeatable)
        assert there.image.asked("evaluate") == []


async def test_what_the_caller_does_to_its_parameters_after_the_call_changes_nothing(tmp_path: Path) -> None:
    image, credentials = EmbeddedImage(), MemoryCredentials()
    credentials.tokens[ENDPOINT] = Secret("that of the profile")
    given = {"auth_token": "that of the caller"}
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(image), credentials=credentials) as supervisor:
        waiting = asyncio.create_task(supervisor.request("ping", given))
        await asyncio.sleep(0)
        given.clear()
        await waiting
    assert [asked["auth_token"] for asked in image.asked("ping")] == ["that of the profile", "that of the caller"]


# The context and the rest


async def test_a_section_set_before_the_start_wins_over_the_stored_one(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.supervisor.context.update({"mine": "stored", "kept": 1})
    again = Supervisor(home=tmp_path, link=there.peer, settings=SETTINGS)
    again.context["mine"] = "new"
    async with again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"mine": "new", "kept": 1}


@pytest.mark.parametrize("given", ["home", None])
async def test_a_relative_home_is_below_where_the_program_was_when_it_named_it(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("STUI_SUPERVISOR_HOME", "home" if given is None else "another")
    monkeypatch.chdir(tmp_path)
    supervisor = Supervisor(ENDPOINT, home=given, link=FakePeer(EmbeddedImage()), settings=SETTINGS)
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("STUI_SUPERVISOR_HOME")
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        await supervisor.save()
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "home"]  # noqa: PTH208  # instant
    assert os.listdir(tmp_path / "elsewhere") == []  # noqa: PTH208  # instant


async def test_a_change_is_on_disk_within_250_ms_by_itself(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stream = there.supervisor.events()
        loop = asyncio.get_running_loop()
        began = loop.time()
        there.supervisor.context["workspaces"] = [1]
        await next_of(stream, ContextSaved)
        assert loop.time() - began < 0.5  # 250 ms, and a disk that others use too


async def test_without_a_session_nothing_is_kept_and_saving_says_so(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path, Settings(keeps_session=False, journal=False)) as there:
        with pytest.raises(StoreError):
            await there.supervisor.save()
        assert there.image.asked("create_session") == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # nothing waits any more


async def test_an_endpoint_may_be_text_or_checked_already(tmp_path: Path) -> None:
    peer = FakePeer(EmbeddedImage())
    async with Supervisor(Endpoint.parse(ENDPOINT), home=tmp_path, link=peer) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.status().endpoint == ENDPOINT


async def test_a_link_factory_that_fails_is_a_failed_attempt(tmp_path: Path) -> None:
    def broken(*_: object) -> FakePeer:
        raise RuntimeError("no such device")

    async with Supervisor(ENDPOINT, home=tmp_path, link=broken) as supervisor:  # type: ignore[arg-type]  # on purpose
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        assert supervisor.status().last_error == "no connection could be made (no such device)"


async def test_a_second_use_of_the_same_object_continues_the_first(tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    for number in range(3):
        stream = supervisor.events()
        async with supervisor:
            await entering(stream, State.CONNECTED)
            supervisor.context[f"run {number}"] = number
    assert dict(supervisor.context) == {"run 0": 0, "run 1": 1, "run 2": 2}


async def test_a_stream_that_the_program_has_dropped_is_collected_and_stop_ends_the_others(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        dropped = weakref.ref(there.supervisor.events())
        kept = there.supervisor.events()
        waiting = asyncio.create_task(anext(there.supervisor.events()))
        gc.collect()
        assert dropped() is None
        await there.supervisor.stop()
        async with asyncio.timeout(LIMIT_S):
            assert isinstance(await waiting, Transition)
            ends = [event async for event in kept if isinstance(event, Transition)]
        assert [end.trigger for end in ends] == [Trigger.STOP]


async def test_parameters_that_change_while_the_request_waits_are_not_sent(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.image.silent = True
        first = asyncio.create_task(there.supervisor.request("evaluate", {"code": "0"}))
        await until(lambda: there.image.asked("evaluate"))
        parameters = {"code": "1"}
        second = asyncio.create_task(there.supervisor.request("evaluate", parameters))
        await until(lambda: there.supervisor.status().waiting_requests == 2)
        parameters["code"] = "2"
        there.image.silent = False
        await there.supervisor.reconnect()
        assert (await second)["result"] == "1"
        with pytest.raises(OutcomeUnknown):
            await first


async def test_disconnect_returns_with_the_wish_on_disk_and_without_a_disk_too(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        await there.supervisor.disconnect()
        (stored,) = FileSessionStore(tmp_path / "sessions").read_newest()
        assert stored.record.wanted is False
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sessions").write_text("")  # in the way
    async with scene(State.CONNECTED, tmp_path / "other") as there:
        await there.supervisor.disconnect()
        assert there.supervisor.state is State.DISCONNECTED
