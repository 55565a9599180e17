from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from stui_supervisor.config import IDENTITY_MAX_BYTES
from stui_supervisor.peer.identity import Identity, differ, identity_of

CYRILLIC = "Рабочий образ Смолток отдела расчётов "


def name(value: object) -> Identity:
    found = identity_of(value)
    assert found is not None
    return found


def digest(text: str) -> str:
    return "sha256:" + sha256(text.encode()).hexdigest()


# What is shown, and what is compared


@pytest.mark.parametrize(
    ("value", "canonical", "text"),
    [
        ("Pharo 12.0", '"Pharo 12.0"', "Pharo 12.0"),
        (CYRILLIC, f'"{CYRILLIC}"', CYRILLIC),
        ("7", '"7"', "7"),
        (7, "7", "7"),
        (7.0, "7", "7"),
        (-0.0, "0", "0"),
        (7.5, "7.5", "7.5"),
        (True, "true", "true"),
        (0, "0", "0"),
        ([], "[]", "[]"),
        ({"b": [1, 2.0], "a": "ü"}, '{"a":"ü","b":[1,2]}', '{"a":"ü","b":[1,2]}'),
        ("null", '"null"', "null"),
        (" ", '" "', " "),
    ],
)
def test_a_text_is_shown_as_it_is_and_any_other_value_as_its_canonical_json(
    value: object, canonical: str, text: str
) -> None:
    assert (name(value).canonical, name(value).text) == (canonical, text)


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_an_empty_text_name_nothing(value: object) -> None:
    assert identity_of(value) is None


def test_a_long_name_is_the_digest_of_its_canonical_json() -> None:
    long = "x" * (IDENTITY_MAX_BYTES + 1)
    assert (name(long).canonical, name(long).text) == (digest(f'"{long}"'), digest(f'"{long}"'))
    longest = "x" * IDENTITY_MAX_BYTES  # with its quotes it is longer
    assert (name(longest).canonical, name(longest).text) == (digest(f'"{longest}"'), longest)
    fits = "ü" * (IDENTITY_MAX_BYTES // 2 - 1)
    assert (name(fits).canonical, name(fits).text) == (f'"{fits}"', fits)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (7, "7"),
        (7, 8),
        (True, 1),
        (True, "true"),
        ([], "[]"),
        (CYRILLIC + "1", CYRILLIC + "2"),
        ("/srv/" + "x" * 300 + "A", "/srv/" + "x" * 300 + "B"),
        ("a", "A"),
        ("ü", "u\u0308"),
        (2**53, 2**53 + 1),
        ("x" * 300, name("x" * 300).text),
    ],
)
def test_names_that_are_not_alike_are_two(one: object, other: object) -> None:
    assert differ(name(one), name(other))
    assert name(one) != name(other)


def test_a_name_is_the_same_however_its_json_is_written() -> None:
    assert name({"a": 1.0, "b": "x"}) == name({"b": "x", "a": 1})
    assert len({name(7), name(7.0)}) == 1


def test_what_is_missing_on_one_side_is_no_evidence() -> None:
    assert not differ(None, name("one"))
    assert not differ(name("one"), None)
    assert not differ(None, None)


# A pin


@pytest.mark.parametrize(
    ("value", "pin"),
    [
        ("Pharo", "Pharo"),
        ("Pharo", '"Pharo"'),
        (7, "7"),
        ("7", "7"),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ("x" * 300, "x" * 300),
        ("x" * 300, '"' + "x" * 300 + '"'),
        ("x" * 300, digest('"' + "x" * 300 + '"')),
        (["x" * 300], '["' + "x" * 300 + '"]'),
        (CYRILLIC * 9, CYRILLIC * 9),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_pin_is_the_text_shown_or_the_text_itself_or_the_canonical_json(value: object, pin: str) -> None:
    assert name(value).satisfies(pin)


@pytest.mark.parametrize(
    ("value", "pin"),
    [
        ("Pharo", "pharo"),
        ("Pharo", ""),
        ("y" * 250, "A"),
        (CYRILLIC, "A"),
        (8, "7"),
        ({"a": 1}, '{"a": 1}'),
        ("x" * 301, "x" * 300),
        ("x" * 255, digest('"' + "x" * 255 + '"')),
        ("Pharo", "\udcff"),
    ],
)
def test_no_other_pin_is_satisfied(value: object, pin: str) -> None:
    assert not name(value).satisfies(pin)


# As a record keeps it


@pytest.mark.parametrize(
    "value", ["Pharo", "7", 7, True, [1, {"a": None}], "x" * 256, "x" * 300, ["x" * 300], "\0" * 50]
)
def test_a_name_comes_back_from_its_text_and_where_that_is_not_enough_its_canonical_form(value: Any) -> None:
    whole = name(value)
    canonical = None if whole.is_text_as_shown else whole.canonical
    back = Identity.stored(whole.text, canonical)
    assert (back, back.text) == (whole, whole.text)
    assert Identity.stored(whole.in_short.text, whole.canonical) == whole


def test_a_text_of_an_earlier_version_is_that_text() -> None:
    assert Identity.stored("7") == name("7")
    assert Identity.stored(name("x" * 300).text) != name("x" * 300)


@pytest.mark.parametrize("canonical", ["7", "not JSON", "[[", '"other"', "null", "sha256:0", '{"b":1,"a":2}', ""])
def test_a_canonical_form_that_does_not_belong_to_the_text_is_passed_over(canonical: str) -> None:
    assert Identity.stored("Pharo", canonical) == name("Pharo")


def test_the_value_of_a_short_name_is_known_and_of_a_long_one_not() -> None:
    assert [name(value).value for value in ("c-1", 7, ["a"])] == ["c-1", 7, ["a"]]
    assert name("x" * 300).value is None
    assert Identity("no JSON", "x").value is None
