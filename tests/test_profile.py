from __future__ import annotations

from dataclasses import replace

import pytest

from stui_supervisor.config import PROFILE_NAME_MAX_LENGTH
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.profile import Profile, checked_name

NEW = Profile(name="work")


def linked(*endpoints: str) -> tuple[str, ...]:
    profile = NEW
    for endpoint in endpoints:
        profile = profile.linked_to(endpoint)
    return profile.recent


def test_the_endpoint_that_was_linked_last_comes_first() -> None:
    assert linked("a", "b") == ("b", "a")


def test_an_endpoint_is_kept_once_and_moves_to_the_front() -> None:
    assert linked("a", "b", "c", "a") == ("a", "c", "b")


def test_five_are_kept() -> None:
    assert linked("a", "b", "c", "d", "e", "f") == ("f", "e", "d", "c", "b")


def test_the_same_endpoint_again_changes_nothing() -> None:
    profile = replace(NEW, favourite=True).linked_to("a")
    assert profile.linked_to("a") == profile == replace(NEW, favourite=True, recent=("a",))


def test_an_endpoint_that_was_named_comes_behind_those_that_were_linked_and_is_there_once() -> None:
    named = Endpoint.parse("tcp://127.0.0.1:5555")
    profile = replace(NEW, recent=tuple("abcde")).naming(named)
    assert profile.recent == ("a", "b", "c", "d", str(named))
    assert profile.naming(named) is profile
    assert NEW.naming(named).recent == (str(named),)


@pytest.mark.parametrize("name", ["default", "w", "9to5", "a.b-c_d", "x" * PROFILE_NAME_MAX_LENGTH])
def test_a_name_of_letters_digits_dots_dashes_and_underscores_is_taken(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "-x", "a b", "a/b", "ü", "a\n", "x" * (PROFILE_NAME_MAX_LENGTH + 1)])
def test_any_other_name_is_refused_with_what_a_right_one_looks_like(name: str) -> None:
    with pytest.raises(ConfigurationError, match="use 1 to 64 of a-z, A-Z, 0-9"):
        checked_name(name)
