from __future__ import annotations

from math import inf

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.errors import NotSent, OutcomeUnknown
from stui_supervisor.requests.request import Ended, Purpose, Request
from stui_supervisor.requests.request_queue import RequestQueue
from tests.support.core.world import request

NOW = 1_000.0
OUR_OWN = pytest.mark.parametrize("purpose", [Purpose.HANDSHAKE, Purpose.PING])


def outbox(*, linked: bool = True, queue_length: int = 256) -> RequestQueue:
    box = RequestQueue(Settings(queue_length=queue_length))
    if linked:
        box.link_up()
    return box


def queued(*requests: Request, linked: bool = True) -> RequestQueue:
    box = outbox(linked=linked)
    for one in requests:
        assert box.submit(one) is None
    return box


def send(box: RequestQueue, token: bytes = b"t", now: float = NOW) -> Request:
    """The next request goes out."""
    taken = box.take(now)
    assert taken is not None
    box.sent(token, now, Purpose.REQUEST, taken)
    return taken


def ends(ended: list[Ended]) -> list[tuple[int, type[Exception]]]:
    return [(one.request.number, type(one.error)) for one in ended]


# The order


def test_requests_go_out_in_the_order_in_which_they_came() -> None:
    box = queued(request(1), request(2), request(3))
    order = []
    for count in range(3):
        order.append(send(box, bytes([count])).number)
        assert box.landed(bytes([count])) is not None
    assert (order, box.take(NOW)) == ([1, 2, 3], None)


def test_one_message_is_in_flight_at_a_time() -> None:
    box = queued(request(1), request(2))
    send(box)
    assert box.take(NOW) is None


@OUR_OWN
def test_a_message_of_our_own_takes_the_one_place(purpose: Purpose) -> None:
    box = queued(request(1))
    box.sent(b"own", NOW, purpose)
    assert (box.take(NOW), len(box)) == (None, 1)
    assert box.landed(b"own") is not None
    assert send(box).number == 1


def test_nothing_goes_out_without_a_link() -> None:
    box = queued(request(1), linked=False)
    assert box.take(NOW) is None
    box.link_up()
    assert send(box).number == 1


def test_those_that_somebody_waits_for_are_counted() -> None:
    box = queued(request(1), request(2))
    counts = [len(box)]
    send(box)
    counts.append(len(box))
    box.cancel(1)
    counts.append(len(box))
    box.cancel(2)
    assert [*counts, len(box)] == [2, 2, 1, 0]


def test_a_full_queue_takes_no_more_and_says_so() -> None:
    box = outbox(linked=False, queue_length=2)
    refused = [box.submit(request(number)) for number in (1, 2, 3)]
    assert refused[:2] == [None, None]
    assert refused[2] is not None
    assert str(refused[2].error) == "2 requests are waiting already: wait for some of them, then repeat it"


def test_the_queue_takes_256_beside_the_one_in_flight() -> None:
    box = queued(request(0))
    send(box)
    assert [box.submit(request(number)) for number in range(1, 257)] == [None] * 256
    assert isinstance(box.submit(request(257)), Ended)


# Replies


def test_a_reply_lands_once() -> None:
    box = queued(request(1))
    send(box, b"t")
    flight = box.landed(b"t")
    assert flight is not None
    assert (flight.request is not None, box.landed(b"t")) == (True, None)


def test_a_reply_to_something_else_does_not_land() -> None:
    box = queued(request(1))
    send(box, b"t")
    assert (box.landed(b"other"), box.take(NOW)) == (None, None)


def test_a_late_reply_to_a_request_that_was_given_up_frees_its_place_for_the_next() -> None:
    box = queued(request(1), request(2))
    send(box, b"t")
    box.cancel(1)
    assert box.take(NOW) is None
    flight = box.landed(b"t")
    assert flight is not None
    assert flight.request is None
    assert send(box).number == 2


def test_either_of_two_questions_of_a_handshake_may_be_answered() -> None:
    box = outbox(linked=False)
    box.sent(b"first", NOW, Purpose.HANDSHAKE, size=900_000)
    box.sent(b"second", NOW + 5.0, Purpose.HANDSHAKE, size=60)
    flight = box.landed(b"first")
    assert flight is not None
    assert (flight.sent_at, flight.size, box.landed(b"second")) == (NOW + 5.0, 900_060, None)


# Deadlines


def test_a_request_that_waited_too_long_ends_unsent() -> None:
    box = queued(request(1, timeout=3.0), request(2, timeout=2.0))
    box.sent(b"own", NOW, Purpose.PING)
    assert box.next_deadline() == NOW + 2.0
    assert ends(box.expire(NOW + 1.9)) == []
    assert ends(box.expire(NOW + 2.0)) == [(2, NotSent)]
    assert ends(box.expire(NOW + 3.0)) == [(1, NotSent)]
    assert box.next_deadline() == inf


def test_a_request_that_waited_too_long_says_what_kept_it() -> None:
    (ended,) = queued(request(1, timeout=2.0)).expire(NOW + 2.0, "nothing listens there")
    assert str(ended.error) == (
        "its time was over before it could be sent (nothing listens there): repeating it is safe"
    )


def test_a_request_that_was_sent_and_waited_too_long_is_of_unknown_outcome_and_keeps_the_place() -> None:
    box = queued(request(1, timeout=2.0), request(2))
    send(box)
    assert box.next_deadline() == NOW + 2.0
    (ended,) = box.expire(NOW + 2.0)
    assert ends([ended]) == [(1, OutcomeUnknown)]
    assert str(ended.error) == ("its time was over before the reply came: look at the image before repeating it")
    assert (box.take(NOW + 2.0), box.next_deadline(), box.expire(NOW + 9.0)) == (None, inf, [])


def test_a_request_whose_time_is_over_is_not_sent_any_more() -> None:
    box = queued(request(1, timeout=2.0), request(2))
    assert box.take(NOW + 2.0) is None
    assert ends(box.expire(NOW + 2.0)) == [(1, NotSent)]
    assert send(box, now=NOW + 2.0).number == 2


def test_a_request_without_a_timeout_waits_five_seconds_for_a_link_and_then_as_long_as_it_lives() -> None:
    box = queued(request(1), linked=False)
    assert box.next_deadline() == NOW + 5.0
    box.link_up()
    assert (box.next_deadline(), box.expire(NOW + 3_600.0)) == (inf, [])
    box.link_down(NOW + 10.0, reason="lost", keep_waiting=True)
    assert box.next_deadline() == NOW + 15.0
    assert ends(box.expire(NOW + 15.0)) == [(1, NotSent)]


def test_a_request_with_a_timeout_waits_for_a_link_as_long_as_that() -> None:
    box = queued(request(1, timeout=60.0), linked=False)
    assert (box.next_deadline(), box.expire(NOW + 59.0)) == (NOW + 60.0, [])


def test_all_that_is_due_ends_at_once() -> None:
    box = queued(*[request(number, timeout=1.0) for number in (1, 2, 3)])
    send(box)
    assert ends(box.expire(NOW + 1.0)) == [(2, NotSent), (3, NotSent), (1, OutcomeUnknown)]


# Giving up


def test_a_cancelled_request_that_waited_is_never_delivered() -> None:
    box = queued(request(1), request(2))
    ended = box.cancel(1)
    assert ended is not None
    assert str(ended.error) == "it was cancelled before it could be sent: repeating it is safe"
    assert send(box).number == 2


def test_a_cancelled_request_that_was_sent_is_of_unknown_outcome() -> None:
    box = queued(request(1))
    send(box)
    ended = box.cancel(1)
    assert ended is not None
    assert ends([ended]) == [(1, OutcomeUnknown)]
    assert box.cancel(1) is None


def test_cancelling_what_is_not_there_is_nothing() -> None:
    assert queued(request(1)).cancel(2) is None


# Losing the link


def test_what_was_in_flight_when_the_link_was_lost_is_of_unknown_outcome_and_the_rest_waits() -> None:
    box = queued(request(1), request(2))
    send(box)
    (ended,) = box.link_down(NOW, reason="reset", keep_waiting=True)
    assert ends([ended]) == [(1, OutcomeUnknown)]
    assert str(ended.error) == "the link ended before the reply: reset: look at the image before repeating it"
    box.link_up()
    assert send(box).number == 2


def test_nothing_goes_out_after_the_link_was_lost() -> None:
    box = queued(request(1))
    box.link_down(NOW, reason="reset", keep_waiting=True)
    assert box.take(NOW) is None


def test_attempts_that_fail_do_not_make_the_wait_for_a_link_longer() -> None:
    box = queued(request(1), linked=False)
    box.link_down(NOW + 4.0, reason="refused", keep_waiting=True)
    assert box.next_deadline() == NOW + 5.0


def test_a_repeatable_request_goes_out_again_before_those_behind_it() -> None:
    box = queued(request(1, "ping"), request(2))
    send(box)
    assert box.link_down(NOW, reason="reset", keep_waiting=True) == []
    box.link_up()
    assert send(box).number == 1


def test_a_repeatable_request_is_repeated_within_its_timeout_only() -> None:
    box = queued(request(1, "ping", timeout=2.0))
    send(box)
    box.link_down(NOW + 1.0, reason="reset", keep_waiting=True)
    assert ends(box.expire(NOW + 2.0)) == [(1, OutcomeUnknown)]


def test_a_repeatable_request_that_loses_its_link_three_times_may_be_the_cause_and_is_not_sent_again() -> None:
    box = queued(request(1, "ping"))
    ended: list[Ended] = []
    for _ in range(3):
        assert ended == []
        box.link_up()
        send(box)
        ended = box.link_down(NOW, reason="reset", keep_waiting=True)
    assert ends(ended) == [(1, OutcomeUnknown)]


def test_a_message_that_was_not_taken_does_not_count_as_sent() -> None:
    box = queued(request(1))
    send(box)
    box.put_back(b"t")
    assert ends(box.link_down(NOW, reason="stopped", keep_waiting=False)) == [(1, NotSent)]


def test_a_repeatable_request_that_was_sent_once_never_counts_as_unsent() -> None:
    boxes = [queued(request(1, "ping")) for _ in range(2)]
    for box in boxes:
        send(box)
        box.link_down(NOW, reason="reset", keep_waiting=True)
    cancelled = boxes[0].cancel(1)
    assert cancelled is not None
    assert ends([cancelled]) == [(1, OutcomeUnknown)]
    assert ends(boxes[1].link_down(NOW, reason="stopped", keep_waiting=False)) == [(1, OutcomeUnknown)]


def test_a_repeatable_request_that_nobody_waits_for_is_not_repeated() -> None:
    box = queued(request(1, "ping"))
    send(box)
    box.cancel(1)
    assert box.link_down(NOW, reason="reset", keep_waiting=True) == []
    box.link_up()
    assert box.take(NOW) is None


def test_without_hope_for_another_link_everything_ends() -> None:
    box = queued(request(1, "ping"), request(2), request(3, timeout=60.0))
    send(box)
    ended = box.link_down(NOW, reason="the user disconnected", keep_waiting=False)
    assert ends(ended) == [(1, OutcomeUnknown), (2, NotSent), (3, NotSent)]
    assert (len(box), box.next_deadline()) == (0, inf)


@OUR_OWN
def test_a_message_of_our_own_ends_with_its_link(purpose: Purpose) -> None:
    box = outbox()
    box.sent(b"own", NOW, purpose)
    assert box.link_down(NOW, reason="reset", keep_waiting=True) == []
    assert (box.flight, box.landed(b"own")) == (None, None)


def test_a_message_that_the_link_did_not_take_waits_again_in_front() -> None:
    box = queued(request(1), request(2))
    send(box, b"t")
    box.put_back(b"t")
    assert send(box, b"u").number == 1


def test_a_message_that_is_not_in_flight_is_not_put_back() -> None:
    box = queued(request(1))
    send(box, b"t")
    box.put_back(b"other")
    assert (box.take(NOW), len(box)) == (None, 1)


def test_a_request_that_was_cancelled_and_not_taken_is_not_put_back() -> None:
    box = queued(request(1))
    send(box, b"t")
    box.cancel(1)
    box.put_back(b"t")
    assert (box.take(NOW), len(box)) == (None, 0)


def test_what_ends_for_a_trouble_says_so_and_of_which_kind_only_where_it_was_not_sent() -> None:
    box = queued(request(1, timeout=1.0), request(2, timeout=1.0))
    send(box)
    unsent, sent = box.expire(NOW + 2, "nobody listens", "refused")
    assert (unsent.error.failure, sent.error.failure) == ("refused", None)
    assert "(nobody listens)" in str(unsent.error)


def test_only_what_has_waited_over_the_end_of_a_link_has_outlived_its_process() -> None:
    box = queued(request(1))
    assert [one.has_outlived_process for one in box._waiting] == [False]
    box.link_down(NOW, reason="gone", keep_waiting=True)
    box.submit(request(2))
    box.link_up()
    box.submit(request(3))
    assert [one.has_outlived_process for one in box._waiting] == [True, True, False]


def test_what_comes_after_the_end_of_all_hope_for_a_link_has_outlived_no_process() -> None:
    box = queued()
    box.link_down(NOW, reason="another endpoint", keep_waiting=False)
    box.submit(request(1))
    assert [one.has_outlived_process for one in box._waiting] == [False]
