from __future__ import annotations

import contextlib
import json
import sys
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import (
    INTEGER_MAX_DIGITS,
    MESSAGE_MAX_BYTES,
    MESSAGE_MAX_DEPTH,
    REPLY_MAX_VALUES,
    VALUES_COUNTED_FROM_BYTES,
)
from stui_supervisor.wire.strict_json import MalformedMessage, parse, parsed_bytes, shown
from tests.support.core.values import JSON_VALUES
from tests.support.programs.host_limits import digits_limited_to


@given(JSON_VALUES)
def test_what_json_writes_is_read_back(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}":,0123456789eE.-\\utrfalsn ').map(str.encode))
def test_garbage_raises_nothing_but_malformed_message(body: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        parse(body)


@pytest.mark.parametrize("sign", [b"", b"-"], ids=["positive", "negative"])
@pytest.mark.parametrize("digits", [640, 641, INTEGER_MAX_DIGITS])
def test_an_integer_comes_exact_however_few_digits_the_host_program_reads(sign: bytes, digits: int) -> None:
    with digits_limited_to(640):
        number = parse(sign + b"7" * digits)
    assert number == (-1 if sign else 1) * 7 * (10**digits // 9)


@given(st.integers(min_value=10**400, max_value=10**500))
def test_large_integers_come_exact(number: int) -> None:
    assert parse(str(number).encode()) == number
    assert parse(str(-number).encode()) == -number


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON at character 0"),
        (b"{", "not JSON at character 1"),
        (b'{"a":1} x', "not JSON at character 8"),
        (b"\xef\xbb\xbf{}", "not JSON at character 0"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b"NaN", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"1e999", "the number '1e999' is beyond a float"),
        (b'{"a":1,"b":2,"a":3}', "the key 'a' is given twice"),
        (b'["\\ud800"]', "half a surrogate pair in a string"),
        (b'{"\\udfff":1}', "half a surrogate pair in a string"),
        (b'"tab\there"', "not JSON at character 4"),
        (b"1" * (INTEGER_MAX_DIGITS + 2), "an integer of 4,302 digits, and 4,300 are the limit"),
        (b"-" + b"1" * (INTEGER_MAX_DIGITS + 1), "an integer of 4,301 digits, and 4,300 are the limit"),
    ],
)
def test_what_json_forbids_is_refused_in_a_short_sentence(body: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(body)
    assert str(caught.value) == why


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_the_size_limit_counts_bytes_and_is_inclusive() -> None:
    assert parse(b'"abc"', max_bytes=5) == "abc"
    with pytest.raises(MalformedMessage, match=r"^6 bytes, and 5 are the limit$"):
        parse(b'"abcd"', max_bytes=5)


def test_a_message_above_the_limit_of_stui_is_refused_unread() -> None:
    with pytest.raises(MalformedMessage, match=r"^10,000,001 bytes, and 10,000,000 are the limit$"):
        parse(b"[" * (MESSAGE_MAX_BYTES + 1))


@given(st.integers(min_value=1, max_value=100), st.text(alphabet="[{", min_size=1, max_size=1))
def test_nesting_is_allowed_up_to_the_limit(depth: int, bracket: str) -> None:
    opening, closing = ("[", "]") if bracket == "[" else ('{"k":', "}")
    body = (opening * depth + "1" + closing * depth).encode()
    if depth <= MESSAGE_MAX_DEPTH:
        parse(body)
    else:
        with pytest.raises(MalformedMessage, match="nested more than 64 levels deep"):
            parse(body)


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"k":', b"}"), (b'[{"k":', b"}]")], ids=["lists", "objects", "both"]
)
def test_exactly_the_limit_of_levels_passes_and_one_more_does_not(opening: bytes, closing: bytes) -> None:
    levels = MESSAGE_MAX_DEPTH // (opening.count(b"[") + opening.count(b"{"))
    exactly = opening * levels + b"1" + closing * levels
    parse(exactly)
    with pytest.raises(MalformedMessage, match=f"^nested more than {MESSAGE_MAX_DEPTH} levels deep$"):
        parse(b"[" + exactly + b"]")
    with pytest.raises(MalformedMessage, match="nested more than"):
        parse(b'{"k":' + exactly + b"}")


def test_the_limit_of_levels_is_met_exactly_where_there_are_more_brackets_than_levels() -> None:
    beside = b"[]," * MESSAGE_MAX_DEPTH
    inner = MESSAGE_MAX_DEPTH - 1
    parse(b"[" + beside + b"[" * inner + b"]" * inner + b"]")
    with pytest.raises(MalformedMessage, match="nested more than"):
        parse(b"[" + beside + b"[" * (inner + 1) + b"]" * (inner + 1) + b"]")


def test_the_limit_of_values_is_met_exactly_and_only_in_what_is_larger_than_its_bytes() -> None:
    padding = VALUES_COUNTED_FROM_BYTES - len(b'[1,2,""]')
    small = b'[1,2,"' + b"x" * padding + b'"]'
    assert len(small) == VALUES_COUNTED_FROM_BYTES
    parse(small, max_values=1)
    large = small.replace(b"x", b"xx", 1)
    parse(large, max_values=3)  # a bracket and two commas
    with pytest.raises(MalformedMessage, match=r"^more than 2 values in a large message$"):
        parse(large, max_values=2)


@pytest.mark.parametrize("sign", [b"", b"-"], ids=["positive", "negative"])
@pytest.mark.parametrize("around", [b"%s", b"[0,%s]", b'{"a":{"b":%s}}'], ids=["alone", "in a list", "in an object"])
@pytest.mark.parametrize("of_the_host", [0, 640, INTEGER_MAX_DIGITS, 100_000])
def test_exactly_the_limit_of_digits_passes_and_one_more_does_not(sign: bytes, around: bytes, of_the_host: int) -> None:
    with digits_limited_to(of_the_host):
        parse(around % (sign + b"7" * INTEGER_MAX_DIGITS))
        with pytest.raises(MalformedMessage, match=r"^an integer of 4,301 digits, and 4,300 are the limit$"):
            parse(around % (sign + b"7" * (INTEGER_MAX_DIGITS + 1)))


def test_brackets_in_strings_and_side_by_side_are_no_nesting() -> None:
    value = ["[" * 100, '"\\' + "{" * 100, [[] for _ in range(200)]]
    assert parse(json.dumps(value).encode()) == value


def test_nesting_is_refused_whatever_recursion_the_program_allows() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(MalformedMessage, match="nested more than"):
            parse(b"[" * 1_000_000)
    finally:
        sys.setrecursionlimit(before)


def test_a_depth_beyond_the_interpreter_is_refused_when_the_caller_allows_it() -> None:
    with pytest.raises(MalformedMessage, match="nested too deeply"):
        parse(b"[" * 200_000, max_depth=10**6)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 9_999_999,
        b'[[["' * 100 + b'\\"' * 4_900_000,
        b"{[" * 40 + b'"' * 9_000_000,
        b"7" * 9_999_999,
        b"[" + b"[]," * 3_300_000 + b"]",
    ],
    ids=["open brackets", "escaped quotes", "quotes", "digits", "empty lists"],
)
def test_the_largest_hostile_message_costs_seconds_at_most(body: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(MalformedMessage):
        parse(body, max_values=REPLY_MAX_VALUES)
    assert time.perf_counter() - began < 10


def test_an_error_quotes_only_the_beginning_of_the_message() -> None:
    key = "\x1b]0;owned\x07" * 50
    with pytest.raises(MalformedMessage) as caught:
        parse(json.dumps([key]).replace("[", "{").replace("]", f":1,{json.dumps(key)}:2}}").encode())
    assert len(str(caught.value)) < 60
    assert str(caught.value).isprintable()


def test_what_is_shown_is_short_printable_text() -> None:
    assert shown("abc") == "'abc'"
    assert shown("x" * 50) == r"'xxxxxxxxxxxx\u2026'"
    assert shown(["a list"]) == "'list'"


@pytest.mark.parametrize(
    "value",
    [
        b"[]",
        b"{}",
        b'{"a":{}}',
        b'"ab"',
        b"1.5",
        b"1000",
        b'"\xf0\x9f\x90\x8d"',
        b'"\\ud83d\\udc0d"',
        b"null",
        b'{"a":1}',
    ],
)
def test_what_a_body_takes_is_known_before_it_is_kept(value: bytes) -> None:
    body = b"[" + b",".join([value] * 4_000) + b"]"
    tracemalloc.start()
    try:
        kept = parse(body)
        taken_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(kept) == 4_000
    assert taken_bytes <= parsed_bytes(body) <= 100 * len(body)
