from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.guarantees import Guarantees
from stui_supervisor.backend.settings import KEY_MAX_LENGTH, KEYS_KEPT

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def refusal(guarantees: Guarantees, **parameters: Any) -> Kind:
    with pytest.raises(Refusal) as caught:
        guarantees.admit(parameters, NOW)
    return caught.value.kind


def test_a_request_that_asks_for_nothing_runs() -> None:
    assert Guarantees().admit({"code": "1"}, NOW) is False


@pytest.mark.parametrize("deadline", ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00.001Z", "2027-01-15T09:30:00+01:00"])
def test_a_request_runs_until_its_deadline(deadline: str) -> None:
    assert Guarantees().admit({"deadline": deadline}, NOW) is False


@pytest.mark.parametrize("deadline", ["2027-01-15T07:59:59.999Z", "2027-01-15T08:30:00+01:00"])
def test_a_request_whose_deadline_has_passed_is_refused(deadline: str) -> None:
    assert refusal(Guarantees(), deadline=deadline) is Kind.EXPIRED


@pytest.mark.parametrize("deadline", ["soon", "", 7, True, [], "2027-01-15T08:00:00"])
def test_a_deadline_that_is_none_is_refused(deadline: Any) -> None:
    assert refusal(Guarantees(), deadline=deadline) is Kind.INVALID_PARAMETERS


def test_a_key_runs_once() -> None:
    guarantees = Guarantees()
    assert guarantees.admit({"idempotency_key": "k1"}, NOW) is True
    assert refusal(guarantees, idempotency_key="k1") is Kind.REPEATED
    assert guarantees.admit({"idempotency_key": "k2"}, NOW) is True


def test_a_key_that_came_too_late_may_come_again() -> None:
    guarantees = Guarantees()
    assert refusal(guarantees, idempotency_key="k1", deadline="2027-01-15T07:00:00Z") is Kind.EXPIRED
    assert guarantees.admit({"idempotency_key": "k1"}, NOW) is True


@pytest.mark.parametrize("key", [7, [], {}, True])
def test_a_key_that_is_no_text_is_refused(key: Any) -> None:
    assert refusal(Guarantees(), idempotency_key=key) is Kind.INVALID_PARAMETERS


def test_a_key_is_known_after_a_restart() -> None:
    guarantees = Guarantees()
    guarantees.remember(["k1"])
    assert refusal(guarantees, idempotency_key="k1") is Kind.REPEATED


def test_only_so_many_keys_are_remembered_the_newest() -> None:
    guarantees = Guarantees()
    for number in range(KEYS_KEPT + 5):
        guarantees.admit({"idempotency_key": str(number)}, NOW)
    assert guarantees.keys == [str(number) for number in range(5, KEYS_KEPT + 5)]


def test_a_long_key_runs_once_too_and_takes_no_more_memory_than_a_short_one() -> None:
    guarantees = Guarantees()
    long = "k" * 1_000_000
    assert guarantees.admit({"idempotency_key": long}, NOW) is True
    assert refusal(guarantees, idempotency_key=long) is Kind.REPEATED
    assert guarantees.admit({"idempotency_key": long + "k"}, NOW) is True
    guarantees.remember([long, "k" * KEY_MAX_LENGTH])
    assert [len(key) for key in guarantees.keys] == [64, 64, KEY_MAX_LENGTH]
    restarted = Guarantees()
    restarted.remember(guarantees.keys)
    assert refusal(restarted, idempotency_key=long) is Kind.REPEATED
