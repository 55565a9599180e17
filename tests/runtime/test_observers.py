from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import UTC, datetime, timedelta

import pytest

from stui_supervisor.config import EVENT_QUEUE_BYTES, EVENT_QUEUE_LENGTH
from stui_supervisor.errors import AuthenticationFailed, SupervisorError
from stui_supervisor.events import ContextSaved, Event, EventsDropped
from stui_supervisor.machine.states import State
from stui_supervisor.runtime.observers import EventStream, Observers

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int) -> ContextSaved:
    return ContextSaved(at=START + timedelta(seconds=number), bytes=number)


async def read(stream: EventStream) -> list[Event]:
    async with asyncio.timeout(5):
        return [one async for one in stream]


async def test_each_reader_gets_every_event_since_it_subscribed() -> None:
    observers = Observers()
    early = observers.subscribe()
    observers.tell(event(1))
    late = observers.subscribe()
    observers.tell(event(2))
    observers.close(SupervisorError("stopped"))
    assert (await read(early), await read(late)) == ([event(1), event(2)], [event(2)])


async def test_a_reader_that_waits_is_woken() -> None:
    observers = Observers()
    stream = observers.subscribe()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    observers.tell(event(1))
    assert await reading == event(1)


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    observers = Observers()
    stream = observers.subscribe()
    for number in range(EVENT_QUEUE_LENGTH + 3):
        observers.tell(event(number))
    observers.close(SupervisorError("stopped"))
    kept = [event(number) for number in range(3, EVENT_QUEUE_LENGTH + 3)]
    assert await read(stream) == [EventsDropped(at=event(2).at, count=3), *kept]


async def test_a_slow_reader_holds_no_more_than_its_bytes() -> None:
    observers = Observers()
    stream = observers.subscribe()
    for number in range(6):
        observers.tell(event(number), EVENT_QUEUE_BYTES // 3)
    observers.tell(event(6), EVENT_QUEUE_BYTES * 2)  # what is larger than all is told all the same
    assert await anext(stream) == EventsDropped(at=event(5).at, count=6)
    observers.tell(event(7), EVENT_QUEUE_BYTES)
    observers.close(SupervisorError("stopped"))
    assert await read(stream) == [EventsDropped(at=event(6).at, count=1), event(7)]


async def test_the_count_of_what_was_lost_is_exact_however_many_and_begins_anew_when_it_was_told() -> None:
    stream = EventStream()
    many = 12 * EVENT_QUEUE_LENGTH + 7
    for number in range(EVENT_QUEUE_LENGTH + many):
        stream.put(event(number))
    assert await anext(stream) == EventsDropped(at=event(many - 1).at, count=many)
    assert await anext(stream) == event(many)
    for number in range(3):
        stream.put(event(number))  # for one of them there is room now
    assert await anext(stream) == EventsDropped(at=event(many + 2).at, count=2)
    assert await anext(stream) == event(many + 3)


async def test_what_fits_exactly_is_kept_and_one_byte_more_is_not() -> None:
    stream = EventStream()
    stream.put(event(1), EVENT_QUEUE_BYTES - 1)
    stream.put(event(2), 1)
    assert await anext(stream) == event(1)
    stream.put(event(3), EVENT_QUEUE_BYTES - 1)
    assert await anext(stream) == event(2)
    stream.put(event(4), 2)
    assert await anext(stream) == EventsDropped(at=event(3).at, count=1)
    assert await anext(stream) == event(4)


async def test_what_was_read_out_of_several_makes_room_for_as_much() -> None:
    stream = EventStream()
    half = EVENT_QUEUE_BYTES // 2
    stream.put(event(0), half)
    for number in range(1, 9):
        stream.put(event(number), half)
        assert await anext(stream) == event(number - 1)


async def test_a_reader_that_has_read_waits_for_the_next() -> None:
    stream = EventStream()
    stream.put(event(1))
    assert await anext(stream) == event(1)
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    assert not reading.done()
    stream.put(event(2))
    assert await reading == event(2)


async def test_a_stream_of_before_the_run_hears_it_unless_it_was_told_of_the_end() -> None:
    observers = Observers(between_runs=True)
    told, untold = observers.subscribe(), observers.subscribe()
    assert await read(told) == []
    observers.begin()
    during = observers.subscribe()
    readings = [asyncio.create_task(anext(stream)) for stream in (untold, during)]
    await asyncio.sleep(0)
    assert not any(reading.done() for reading in readings)
    observers.tell(event(0))
    assert [await reading for reading in readings] == [event(0)] * 2
    observers.tell(event(1))
    observers.close(SupervisorError("stopped"))
    observers.tell(event(2))
    assert [await read(stream) for stream in (told, untold, during)] == [[], [event(1)], [event(1)]]


async def test_who_may_not_read_a_stream_takes_nothing_from_it() -> None:
    refused = SupervisorError("elsewhere")
    is_elsewhere = True

    def check() -> None:
        if is_elsewhere:
            raise refused

    observers = Observers(check)
    stream = observers.subscribe()
    observers.tell(event(1))
    with pytest.raises(SupervisorError, match="elsewhere"):
        await anext(stream)
    is_elsewhere = False
    assert await anext(stream) == event(1)


async def test_nobody_has_to_look_at_a_wait_that_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    observers = Observers()
    waits = [observers.wait({State.CONNECTED})]
    observers.entered(State.DISCONNECTED, AuthenticationFailed("no"))
    assert waits.pop().done()
    await asyncio.sleep(0)  # what is to be called when it is done lets go of it
    gc.collect()
    assert caplog.records == []


async def test_what_was_read_makes_room() -> None:
    observers = Observers()
    stream = observers.subscribe()
    for number in range(9):
        observers.tell(event(number), EVENT_QUEUE_BYTES)
        assert await anext(stream) == event(number)


async def test_a_reader_that_went_away_in_the_middle_of_a_wait_loses_nothing() -> None:
    observers = Observers()
    stream = observers.subscribe()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    observers.tell(event(1))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await anext(stream) == event(1)


async def test_a_stream_that_ended_stays_so() -> None:
    observers = Observers()
    stream = observers.subscribe()
    observers.close(SupervisorError("stopped"))
    assert await read(stream) == await read(stream) == []


async def test_whoever_waits_for_a_state_gets_the_one_that_came_first() -> None:
    observers = Observers()
    both = observers.wait({State.CONNECTED, State.RECOVERING})
    other = observers.wait({State.DEGRADED})
    observers.entered(State.CONNECTING, None)
    assert not both.done()
    observers.entered(State.RECOVERING, None)
    observers.entered(State.CONNECTED, None)
    assert await both is State.RECOVERING
    assert not other.done()
    other.cancel()


async def test_a_rejection_ends_every_wait_except_for_the_state_it_leads_to() -> None:
    observers = Observers()
    for_link, for_end = observers.wait({State.CONNECTED}), observers.wait({State.DISCONNECTED})
    rejection = AuthenticationFailed("no")
    observers.entered(State.DISCONNECTED, rejection)
    with pytest.raises(AuthenticationFailed):
        await for_link
    assert await for_end is State.DISCONNECTED


async def test_the_end_reaches_every_wait() -> None:
    observers = Observers()
    waiting = observers.wait({State.CONNECTED})
    observers.close(SupervisorError("stopped"))
    with pytest.raises(SupervisorError, match="stopped"):
        await waiting


async def test_a_wait_that_was_given_up_is_forgotten() -> None:
    observers = Observers()
    waiting = observers.wait({State.CONNECTED})
    waiting.cancel()
    await asyncio.sleep(0)
    observers.entered(State.CONNECTED, None)
    assert dict(observers._waiting) == {}


async def test_a_wait_that_nobody_has_any_more_is_forgotten() -> None:
    observers = Observers()
    observers.wait({State.CONNECTED})
    gc.collect()
    assert dict(observers._waiting) == {}


async def test_a_wait_that_has_begun_is_kept_though_nobody_keeps_its_task() -> None:
    observers, heard = Observers(), list[State]()

    async def listen() -> None:
        heard.append(await observers.awaited(observers.wait({State.CONNECTED})))

    asyncio.create_task(listen())  # noqa: RUF006  # on purpose
    await asyncio.sleep(0)
    gc.collect()
    observers.entered(State.CONNECTED, None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == [State.CONNECTED]
    assert not observers._awaited


async def test_a_stream_that_nobody_reads_any_more_is_collected_and_costs_nothing() -> None:
    observers = Observers()
    kept = observers.subscribe()
    abandoned = [weakref.ref(observers.subscribe()) for _ in range(100)]
    observers.tell(event(1))
    gc.collect()
    assert [stream() for stream in abandoned] == [None] * 100
    assert len(observers._streams) == 1
    assert await anext(kept) == event(1)


async def test_a_stream_is_kept_for_as_long_as_somebody_waits_for_it() -> None:
    observers = Observers()
    waiting = asyncio.create_task(read(observers.subscribe()))
    await asyncio.sleep(0)
    gc.collect()
    observers.tell(event(1))
    observers.close(SupervisorError("stopped"))
    assert await waiting == [event(1)]


async def test_the_end_reaches_every_stream_that_lives() -> None:
    observers = Observers()
    streams = [observers.subscribe() for _ in range(3)]
    waiting = [asyncio.create_task(read(stream)) for stream in streams]
    await asyncio.sleep(0)
    observers.close(SupervisorError("stopped"))
    assert await asyncio.gather(*waiting) == [[], [], []]
