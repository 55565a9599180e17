"""What every place for tokens does: the one without a system, the library over memory, and a real Secret Service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keyring.backends import SecretService

from stui_supervisor.adapters.keyring.credentials import KeyringCredentials
from stui_supervisor.adapters.keyring.items import KeyringItems
from stui_supervisor.config import TOKEN_MAX_LENGTH
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.ports import StoredCredentials
from stui_supervisor.security.secret import Secret
from stui_supervisor.testing import MemoryCredentials
from tests.support.files.keyring_backends import InMemory
from tests.support.processes.secret_service import secret_service

HERE = Endpoint.parse("tcp://127.0.0.1:5555")
THERE = Endpoint.parse("ipc:///tmp/a path/with ünicode")
TOKEN = Secret("sixteen-characters-or-more")
OTHER = Secret('with "quotes", spaces and grüne Zeichen')


def memory(_directory: Path, _setenv: Callable[[str, str], None]) -> Iterator[StoredCredentials]:
    yield MemoryCredentials()


def library(_directory: Path, _setenv: Callable[[str, str], None]) -> Iterator[StoredCredentials]:
    backend = InMemory()
    yield KeyringCredentials(KeyringItems(lambda: backend))


def service(directory: Path, setenv: Callable[[str, str], None]) -> Iterator[StoredCredentials]:
    with secret_service(directory) as environment:
        for name, value in environment.items():
            setenv(name, value)
        yield KeyringCredentials(KeyringItems(SecretService.Keyring))


@pytest.fixture(params=[memory, library, service], ids=lambda kind: kind.__name__)
def stored(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StoredCredentials]:
    yield from request.param(tmp_path, monkeypatch.setenv)


def test_what_was_never_written_is_not_there(stored: StoredCredentials) -> None:
    assert stored.read(HERE) is None
    assert stored.delete(HERE) is False


def test_what_was_written_is_read_back_also_by_another_endpoint_s_name(stored: StoredCredentials) -> None:
    assert (stored.write(HERE, TOKEN), stored.write(THERE, OTHER)) == (True, True)
    assert (stored.read(HERE), stored.read(THERE)) == (TOKEN, OTHER)


def test_the_same_token_is_not_written_again_and_another_one_takes_its_place(stored: StoredCredentials) -> None:
    assert [stored.write(HERE, token) for token in (TOKEN, TOKEN, OTHER, OTHER)] == [True, False, True, False]
    assert stored.read(HERE) == OTHER


def test_what_was_deleted_is_gone_and_the_other_endpoint_s_stays(stored: StoredCredentials) -> None:
    stored.write(HERE, TOKEN)
    stored.write(THERE, OTHER)
    assert [stored.delete(HERE), stored.delete(HERE)] == [True, False]
    assert (stored.read(HERE), stored.read(THERE)) == (None, OTHER)


def test_the_longest_token_is_kept_whole(stored: StoredCredentials) -> None:
    longest = Secret("x" * TOKEN_MAX_LENGTH)
    stored.write(HERE, longest)
    assert stored.read(HERE) == longest
