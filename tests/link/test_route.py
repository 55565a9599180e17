from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.link.route import Destination, Route

A, B, C, D = (Endpoint("tcp", "127.0.0.1", port) for port in range(1, 5))
LIST = [A, B, C]
REST_S = 0.1


def route(first: Endpoint, *, named: Endpoint | None = None, failover: bool = True) -> Route:
    one = Route()
    one.name(named)
    one.plan(first, LIST, failover=failover)
    return one


def walk(one: Route, start: Endpoint, steps: int) -> list[Endpoint]:
    """Where failed attempts of no duration lead, each asking for the same rest."""
    now, at = 0.0, start
    path = [at]
    for _ in range(steps):
        at, now = one.failed(at, now=now, rests_until=now + REST_S)
        path.append(at)
    return path


@pytest.mark.parametrize(
    ("first", "path"),
    [
        (A, [A, B, C, A, B, C, A]),
        (B, [B, A, C, B, A, C, B]),
        (D, [D, A, B, C, D, A, B]),
    ],
    ids=["the profile's first", "one of its others", "the last-known-good one, elsewhere"],
)
def test_the_first_comes_first_then_the_others_in_order_and_round_again(first: Endpoint, path: list[Endpoint]) -> None:
    assert walk(route(first), first, 6) == path


def test_without_failover_it_is_always_the_first() -> None:
    one = route(A, failover=False)
    assert (walk(one, A, 2), one.has_others) == ([A, A, A], False)


def test_an_endpoint_that_was_named_and_is_not_in_the_profile_stands_alone() -> None:
    one = route(D, named=D)
    assert (walk(one, D, 2), one.has_others) == ([D, D, D], False)


def test_an_endpoint_of_the_profile_that_was_named_comes_first_and_the_others_follow() -> None:
    one = route(C, named=C)
    assert (walk(one, C, 3), one.has_others) == ([C, A, B, C], True)


def test_what_was_named_is_forgotten_once_a_round_begins_elsewhere() -> None:
    one = route(C, named=C)
    one.plan(A, LIST, failover=True)
    assert (one.named, one.first) == (None, A)
    one.plan(A, [B], failover=True)
    assert walk(one, A, 2) == [A, B, A]


def test_what_has_not_been_tried_in_this_round_comes_at_once() -> None:
    one = route(A)
    assert one.failed(A, now=10.0, rests_until=40.0) == Destination(B, 10.0)
    assert one.failed(B, now=11.0, rests_until=11.5) == Destination(C, 11.0)


def test_when_all_have_failed_the_one_whose_rest_ends_first_is_waited_for() -> None:
    one = route(A)
    one.failed(A, now=10.0, rests_until=40.0)
    one.failed(B, now=10.0, rests_until=10.5)
    assert one.failed(C, now=10.0, rests_until=11.0) == Destination(B, 10.5)


def test_of_two_that_have_rested_the_next_in_turn_comes() -> None:
    one = route(A)
    one.failed(A, now=10.0, rests_until=11.0)
    one.failed(B, now=10.0, rests_until=10.5)
    assert one.failed(C, now=20.0, rests_until=21.0) == Destination(A, 20.0)


def test_another_plan_keeps_the_rests_of_its_endpoints_and_forgets_the_others() -> None:
    one = route(A)
    one.failed(A, now=10.0, rests_until=40.0)
    one.failed(B, now=10.0, rests_until=math.inf)
    one.plan(B, (B, C), failover=True)
    one.plan(B, LIST, failover=True)
    assert one.away == (B,)
    assert one.failed(C, now=10.0, rests_until=30.0) == Destination(A, 10.0)


def test_what_is_forgiven_has_not_to_rest() -> None:
    one = route(A)
    one.failed(A, now=10.0, rests_until=40.0)
    one.failed(B, now=10.0, rests_until=40.0)
    one.forgive()
    assert one.failed(C, now=10.0, rests_until=40.0) == Destination(A, 10.0)


def test_an_endpoint_that_the_profile_has_lost_meanwhile_leads_to_those_it_has() -> None:
    assert route(A).failed(D, now=10.0, rests_until=10.5) == Destination(A, 10.0)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), min_size=60, max_size=60))
def test_nobody_is_tried_while_resting_nor_forgotten(failures: list[tuple[float, float]]) -> None:
    one, now, at = route(A), 0.0, A
    rests = dict.fromkeys(LIST, 0.0)
    tried: list[Endpoint] = []
    for rest_s, attempt_s in failures:
        now += attempt_s
        rests[at] = now + rest_s
        tried.append(at)
        at, begins = one.failed(at, now=now, rests_until=rests[at])
        assert begins == max(now, rests[at]) == max(now, min(rests.values()))
        now = begins
    assert set(tried[:3]) == set(LIST)
