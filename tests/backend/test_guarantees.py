from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.guarantees import Promises
from stui_supervisor.config import BACKEND_KEY_MAX_LENGTH, BACKEND_KEYS_KEPT

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def refusal(promises: Promises, **parameters: Any) -> Kind:
    with pytest.raises(Refusal) as caught:
        promises.admit(parameters, NOW)
    return caught.value.kind


def test_a_request_that_asks_for_nothing_runs() -> None:
    assert Promises().admit({"code": "1"}, NOW) is False


@pytest.mark.parametrize("deadline", ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00.001Z", "2027-01-15T09:30:00+01:00"])
def test_a_request_runs_until_its_deadline(deadline: str) -> None:
    assert Promises().admit({"deadline": deadline}, NOW) is False


@pytest.mark.parametrize("deadline", ["2027-01-15T07:59:59.999Z", "2027-01-15T08:30:00+01:00"])
def test_a_request_whose_deadline_has_passed_is_refused(deadline: str) -> None:
    assert refusal(Promises(), deadline=deadline) is Kind.EXPIRED


@pytest.mark.parametrize("deadline", ["soon", "", 7, True, [], "2027-01-15T08:00:00"])
def test_a_deadline_that_is_none_is_refused(deadline: Any) -> None:
    assert refusal(Promises(), deadline=deadline) is Kind.INVALID_PARAMETERS


def test_a_key_runs_once() -> None:
    promises = Promises()
    assert promises.admit({"idempotency_key": "k1"}, NOW) is True
    assert refusal(promises, idempotency_key="k1") is Kind.REPEATED
    assert promises.admit({"idempotency_key": "k2"}, NOW) is True


def test_a_key_that_came_too_late_may_come_again() -> None:
    promises = Promises()
    assert refusal(promises, idempotency_key="k1", deadline="2027-01-15T07:00:00Z") is Kind.EXPIRED
    assert promises.admit({"idempotency_key": "k1"}, NOW) is True


@pytest.mark.parametrize("key", [7, [], {}, True])
def test_a_key_that_is_no_text_is_refused(key: Any) -> None:
    assert refusal(Promises(), idempotency_key=key) is Kind.INVALID_PARAMETERS


def test_a_key_is_known_after_a_restart() -> None:
    promises = Promises()
    promises.remember(["k1"])
    assert refusal(promises, idempotency_key="k1") is Kind.REPEATED


def test_only_so_many_keys_are_remembered_the_newest() -> None:
    promises = Promises()
    for number in range(BACKEND_KEYS_KEPT + 5):
        promises.admit({"idempotency_key": str(number)}, NOW)
    assert promises.keys == [str(number) for number in range(5, BACKEND_KEYS_KEPT + 5)]


def test_a_long_key_runs_once_too_and_takes_no_more_memory_than_a_short_one() -> None:
    promises = Promises()
    long = "k" * 1_000_000
    assert promises.admit({"idempotency_key": long}, NOW) is True
    assert refusal(promises, idempotency_key=long) is Kind.REPEATED
    assert promises.admit({"idempotency_key": long + "k"}, NOW) is True
    promises.remember([long, "k" * BACKEND_KEY_MAX_LENGTH])
    assert [len(key) for key in promises.keys] == [64, 64, BACKEND_KEY_MAX_LENGTH]
    restarted = Promises()
    restarted.remember(promises.keys)
    assert refusal(restarted, idempotency_key=long) is Kind.REPEATED
