from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.failures import FAILURES, Failure, FailureKind
from stui_supervisor.link.backoff import Backoff

# The longest wait in seconds while an outage is young (here, elsewhere), and in an old one.
CURVES = {
    "refused": (0.1, 0.5, 5.0),
    "unreachable": (0.5, 0.5, 5.0),
    "name_not_found": (1.0, 1.0, 10.0),
    "name_service": (0.5, 0.5, 5.0),
    "timeout": (0.1, 0.5, 5.0),
    "not_zeromq": (0.5, 1.0, 5.0),
    "no_connection": (0.1, 0.5, 5.0),
    "no_handshake": (0.5, 1.0, 5.0),
    "other_socket": (0.5, 1.0, 30.0),
    "other_mechanism": (0.5, 1.0, 30.0),
    "ipc_owner": (1.0, 1.0, 30.0),
    "reset": (0.1, 0.5, 5.0),
    "silent": (0.1, 0.5, 5.0),
    "frozen": (0.5, 0.5, 5.0),
    "protocol_error": (1.0, 1.0, 30.0),
    "profile_not_readable": (2.0, 2.0, 30.0),
    "credential_not_readable": (2.0, 2.0, 30.0),
    "key_refused": (0.5, 1.0, 5.0),
    "different_image": (1.0, 1.0, 30.0),
    "image_not_named": (1.0, 1.0, 30.0),
    "image_not_imported": (1.0, 1.0, 30.0),
    "image_not_identified": (1.0, 1.0, 30.0),
}
PLACES = pytest.mark.parametrize("is_local", [True, False], ids=["here", "elsewhere"])
KINDS = pytest.mark.parametrize("kind", [FailureKind(name) for name in CURVES])


class Highest(Random):
    """A generator whose every draw is the highest possible: it shows the curve itself."""

    def random(self) -> float:
        return 1.0


def backoff(rng: Random | None = None) -> Backoff:
    return Backoff(Settings(), rng or Highest())


def waits(one: Backoff, kind: FailureKind, moments: Sequence[float], *, is_local: bool = True) -> list[float]:
    return [one.next_wait(Failure(kind), is_local=is_local, now=now) for now in moments]


def test_every_kind_of_failure_that_is_tried_again_has_its_curve() -> None:
    assert {kind.value: each.curve for kind, each in FAILURES.items() if each.curve} == CURVES


@pytest.mark.parametrize("kind", [kind for kind, each in FAILURES.items() if each.curve is None])
def test_what_is_not_tried_again_has_no_wait(kind: FailureKind) -> None:
    with pytest.raises(AssertionError, match="is not tried again"):
        waits(backoff(), kind, [0.0])


@PLACES
@KINDS
def test_a_young_outage_is_tried_at_its_quick_pace(kind: FailureKind, is_local: bool) -> None:
    local_s, remote_s, _ = CURVES[kind.value]
    seen = waits(backoff(), kind, [100.0 + second for second in range(30)], is_local=is_local)
    assert seen == [local_s if is_local else remote_s] * 30


@PLACES
@KINDS
def test_an_old_outage_is_tried_ever_more_slowly_up_to_its_limit(kind: FailureKind, is_local: bool) -> None:
    local_s, remote_s, cap_s = CURVES[kind.value]
    quick = local_s if is_local else remote_s
    seen = waits(backoff(), kind, [100.0, *[130.0 + second for second in range(8)]], is_local=is_local)
    assert seen[1:] == [min(cap_s, quick * 2**step) for step in range(1, 9)]
    assert seen[-1] == cap_s


@pytest.mark.parametrize(("is_local", "promised_s"), [(True, 0.2), (False, 0.5)])
def test_a_refusal_is_at_most_this_far_from_the_next_attempt(is_local: bool, promised_s: float) -> None:
    rng = Random(1)  # noqa: S311 - not for secrets
    seen = waits(backoff(rng), FailureKind.REFUSED, [second / 100 for second in range(3_000)], is_local=is_local)
    assert 0.0 <= min(seen) <= max(seen) <= promised_s


@pytest.mark.parametrize("moment", [0.0, 1_000.0])
def test_the_jitter_is_full_and_even(moment: float) -> None:
    rng = Random(2)  # noqa: S311 - not for secrets
    one = backoff(rng)
    waits(one, FailureKind.REFUSED, [0.0, *[1_000.0] * (8 if moment else 0)])
    longest = 5.0 if moment else 0.1
    seen = waits(one, FailureKind.REFUSED, [moment] * 4_000)
    tenths = [sum(1 for wait in seen if part <= wait * 10 / longest < part + 1) for part in range(10)]
    assert sum(tenths) == 4_000
    assert 320 < min(tenths) <= max(tenths) < 480


def test_one_seed_gives_the_same_waits_and_another_gives_others() -> None:
    runs = [waits(backoff(Random(seed)), FailureKind.RESET, range(100)) for seed in (3, 3, 4)]  # noqa: S311 - not for secrets
    assert runs[0] == runs[1] != runs[2]


def test_the_waits_come_from_the_generator_that_was_given_and_from_no_other() -> None:
    rng, same = Random(5), Random(5)  # noqa: S311 - not for secrets
    assert waits(backoff(rng), FailureKind.TIMEOUT, [0.0]) == [same.uniform(0.0, 0.1)]
    assert rng.getstate() == same.getstate()


def test_an_outage_begins_with_its_first_failure() -> None:
    one = backoff()
    assert one.outage_s(7.0) == 0.0
    waits(one, FailureKind.REFUSED, [10.0, 12.0])
    assert one.outage_s(15.0) == 5.0


def test_attempts_are_numbered_within_an_outage() -> None:
    one = backoff()
    numbers = [one.attempt]
    for _ in range(2):
        one.begin_attempt()
        numbers.append(one.attempt)
    one.reset()
    assert [*numbers, one.attempt] == [0, 1, 2, 0]


def test_an_attempt_may_take_a_second_and_longer_when_the_outage_is_old() -> None:
    one = backoff()
    young = [one.attempt_timeout()]
    waits(one, FailureKind.TIMEOUT, [0.0, 29.0])
    young.append(one.attempt_timeout())
    old = []
    for _ in range(4):
        waits(one, FailureKind.TIMEOUT, [30.0])
        old.append(one.attempt_timeout())
    assert (young, old) == ([1.0, 1.0], [2.0, 4.0, 5.0, 5.0])


def test_an_attempt_may_take_longer_once_a_handshake_was_not_over_in_time() -> None:
    one = backoff()
    took = []
    for second in range(4):
        waits(one, FailureKind.NOT_ZEROMQ, [float(second)])
        took.append(one.attempt_timeout())
    assert took == [2.0, 4.0, 5.0, 5.0]


def test_a_reset_forgets_how_old_and_how_slow_the_outage_was() -> None:
    one = backoff()
    waits(one, FailureKind.REFUSED, [0.0, 40.0, 41.0, 42.0])
    one.reset()
    assert (one.outage_s(50.0), one.attempt_timeout()) == (0.0, 1.0)
    assert waits(one, FailureKind.REFUSED, [50.0]) == [0.1]


def test_a_very_long_outage_overflows_nothing() -> None:
    seen = waits(backoff(), FailureKind.REFUSED, [0.0, *[86_400.0 + second for second in range(20_000)]])
    assert seen[-1] == 5.0


def test_where_there_may_never_be_anybody_the_wait_is_any_up_to_the_longest() -> None:
    assert backoff().idle_wait(30.0) == 30.0
    one = backoff(Random(1))  # noqa: S311  # jitter
    drawn = sorted(one.idle_wait(30.0) for _ in range(1_000))
    assert 0.0 <= drawn[0] < 1.0
    assert 29.0 < drawn[-1] <= 30.0


def test_what_is_forgiven_begins_the_waits_anew_in_the_same_outage() -> None:
    one = backoff()
    one.begin_attempt()
    assert waits(one, FailureKind.REFUSED, [0.0, 40.0, 50.0, 60.0]) == [0.1, 0.2, 0.4, 0.8]
    one.forgive()
    assert waits(one, FailureKind.REFUSED, [70.0, 80.0]) == [0.2, 0.4]
    assert (one.attempt, one.outage_s(80.0), one.attempt_timeout()) == (1, 80.0, 5.0)
