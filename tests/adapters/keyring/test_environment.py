from __future__ import annotations

import os

import pytest

from stui_supervisor import Supervisor
from stui_supervisor.adapters.keyring.environment import token_of_this_run
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.secret import Secret
from stui_supervisor.testing import MemoryCredentials

TOKEN = "sixteen-characters-or-more"  # noqa: S105  # of these tests


@pytest.mark.parametrize("text", [TOKEN, f"{TOKEN}\n"])
def test_the_variable_holds_the_token_perhaps_with_the_end_of_the_file_it_came_from(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUI_TOKEN", text)
    credentials = token_of_this_run()
    assert credentials is not None
    assert credentials.read(Endpoint.parse("tcp://127.0.0.1:5555")) == Secret(TOKEN)


@pytest.mark.parametrize("text", [None, ""])
def test_without_it_there_is_none(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUI_TOKEN", raising=False)
    if text is not None:
        monkeypatch.setenv("STUI_TOKEN", text)
    assert token_of_this_run() is None


@pytest.mark.parametrize("text", ["too short", f"'{TOKEN}'", f"{TOKEN}\n{TOKEN}", os.fsdecode(b"\xff" + b"x" * 20)])
def test_one_that_can_be_none_is_told_by_its_name_where_it_would_be_used(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUI_TOKEN", text)
    with pytest.raises(ConfigurationError, match="the token in STUI_TOKEN") as refused:
        Supervisor("tcp://127.0.0.1:5555")
    assert text[:9] not in str(refused.value)
    assert "unset it to use the keyring" in str(refused.value)
    Supervisor("tcp://127.0.0.1:5555", credentials=MemoryCredentials())
