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
from stui_supervisor.runtime.observers import Audience, EventStream

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int) -> ContextSaved:
    return ContextSaved(at=START + timedelta(seconds=number), bytes=number)


async def read(stream: EventStream) -> list[Event]:
    async with asyncio.timeout(5):
        return [one async for one in stream]


async def test_each_reader_gets_every_event_since_it_subscribed() -> None:
    audience = Audience()
    early = audience.subscribe()
    audience.tell(event(1))
    late = audience.subscribe()
    audience.tell(event(2))
    audience.close(SupervisorError("stopped"))
    assert (await read(early), await read(late)) == ([event(1), event(2)], [event(2)])


async def test_a_reader_that_waits_is_woken() -> None:
    audience = Audience()
    stream = audience.subscribe()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    audience.tell(event(1))
    assert await reading == event(1)


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    audience = Audience()
    stream = audience.subscribe()
    for number in range(EVENT_QUEUE_LENGTH + 3):
        audience.tell(event(number))
    audience.close(SupervisorError("stopped"))
    kept = [event(number) for number in range(3, EVENT_QUEUE_LENGTH + 3)]
    assert await read(stream) == [EventsDropped(at=event(2).at, count=3), *kept]


async def test_a_slow_reader_holds_no_more_than_its_bytes() -> None:
    audience = Audience()
    stream = audience.subscribe()
    for number in range(6):
        audience.tell(event(number), EVENT_QUEUE_BYTES // 3)
    audience.tell(event(6), EVENT_QUEUE_BYTES * 2)  # what is larger than all is told all the same
    assert await anext(stream) == EventsDropped(at=event(5).at, count=6)
    audience.tell(event(7), EVENT_QUEUE_BYTES)
    audience.close(SupervisorError("stopped"))
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
    audience = Audience(between_runs=True)
    told, untold = audience.subscribe(), audience.subscribe()
    assert await read(told) == []
    audience.begin()
    during = audience.subscribe()
    readings = [asyncio.create_task(anext(stream)) for stream in (untold, during)]
    await asyncio.sleep(0)
    assert not any(reading.done() for reading in readings)
    audience.tell(event(0))
    assert [await reading for reading in readings] == [event(0)] * 2
    audience.tell(event(1))
    audience.close(SupervisorError("stopped"))
    audience.tell(event(2))
    assert [await read(stream) for stream in (told, untold, during)] == [[], [event(1)], [event(1)]]


async def test_who_may_not_read_a_stream_takes_nothing_from_it() -> None:
    refused = SupervisorError("elsewhere")
    is_elsewhere = True

    def check() -> None:
        if is_elsewhere:
            raise refused

    audience = Audience(check)
    stream = audience.subscribe()
    audience.tell(event(1))
    with pytest.raises(SupervisorError, match="elsewhere"):
        await anext(stream)
    is_elsewhere = False
    assert await anext(stream) == event(1)


async def test_nobody_has_to_look_at_a_wait_that_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    audience = Audience()
    waits = [audience.wait({State.CONNECTED})]
    audience.entered(State.DISCONNECTED, AuthenticationFailed("no"))
    assert waits.pop().done()
    await asyncio.sleep(0)  # what is to be called when it is done lets go of it
    gc.collect()
    assert caplog.records == []


async def test_what_was_read_makes_room() -> None:
    audience = Audience()
    stream = audience.subscribe()
    for number in range(9):
        audience.tell(event(number), EVENT_QUEUE_BYTES)
        assert await anext(stream) == event(number)


async def test_a_reader_that_went_away_in_the_middle_of_a_wait_loses_nothing() -> None:
    audience = Audience()
    stream = audience.subscribe()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    audience.tell(event(1))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await anext(stream) == event(1)


async def test_a_stream_that_ended_stays_so() -> None:
    audience = Audience()
    stream = audience.subscribe()
    audience.close(SupervisorError("stopped"))
    assert await read(stream) == await read(stream) == []


async def test_whoever_waits_for_a_state_gets_the_one_that_came_first() -> None:
    audience = Audience()
    both = audience.wait({State.CONNECTED, State.RECOVERING})
    other = audience.wait({State.DEGRADED})
    audience.entered(State.CONNECTING, None)
    assert not both.done()
    audience.entered(State.RECOVERING, None)
    audience.entered(State.CONNECTED, None)
    assert await both is State.RECOVERING
    assert not other.done()
    other.cancel()


async def test_a_rejection_ends_every_wait_except_for_the_state_it_leads_to() -> None:
    audience = Audience()
    for_link, for_end = audience.wait({State.CONNECTED}), audience.wait({State.DISCONNECTED})
    rejection = AuthenticationFailed("no")
    audience.entered(State.DISCONNECTED, rejection)
    with pytest.raises(AuthenticationFailed):
        await for_link
    assert await for_end is State.DISCONNECTED


async def test_the_end_reaches_every_wait() -> None:
    audience = Audience()
    waiting = audience.wait({State.CONNECTED})
    audience.close(SupervisorError("stopped"))
    with pytest.raises(SupervisorError, match="stopped"):
        await waiting


async def test_a_wait_that_was_given_up_is_forgotten() -> None:
    audience = Audience()
    waiting = audience.wait({State.CONNECTED})
    waiting.cancel()
    await asyncio.sleep(0)
    audience.entered(State.CONNECTED, None)
    assert dict(audience._waiting) == {}


async def test_a_wait_that_nobody_has_any_more_is_forgotten() -> None:
    audience = Audience()
    audience.wait({State.CONNECTED})
    gc.collect()
    assert dict(audience._waiting) == {}


async def test_a_wait_that_has_begun_is_kept_though_nobody_keeps_its_task() -> None:
    audience, heard = Audience(), list[State]()

    async def listen() -> None:
        heard.append(await audience.awaited(audience.wait({State.CONNECTED})))

    asyncio.create_task(listen())  # noqa: RUF006  # on purpose
    await asyncio.sleep(0)
    gc.collect()
    audience.entered(State.CONNECTED, None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == [State.CONNECTED]
    assert not audience._awaited


async def test_a_stream_that_nobody_reads_any_more_is_collected_and_costs_nothing() -> None:
    audience = Audience()
    kept = audience.subscribe()
    abandoned = [weakref.ref(audience.subscribe()) for _ in range(100)]
    audience.tell(event(1))
    gc.collect()
    assert [stream() for stream in abandoned] == [None] * 100
    assert len(audience._streams) == 1
    assert await anext(kept) == event(1)


async def test_a_stream_is_kept_for_as_long_as_somebody_waits_for_it() -> None:
    audience = Audience()
    waiting = asyncio.create_task(read(audience.subscribe()))
    await asyncio.sleep(0)
    gc.collect()
    audience.tell(event(1))
    audience.close(SupervisorError("stopped"))
    assert await waiting == [event(1)]


async def test_the_end_reaches_every_stream_that_lives() -> None:
    audience = Audience()
    streams = [audience.subscribe() for _ in range(3)]
    waiting = [asyncio.create_task(read(stream)) for stream in streams]
    await asyncio.sleep(0)
    audience.close(SupervisorError("stopped"))
    assert await asyncio.gather(*waiting) == [[], [], []]
