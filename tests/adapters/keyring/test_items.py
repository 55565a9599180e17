from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from keyring import errors
from keyring.backends import SecretService, fail, null

from stui_supervisor.adapters.keyring.items import SERVICE, KeyringItems
from stui_supervisor.config import TOKEN_MAX_LENGTH, WINDOWS_SECRET_MAX_LENGTH
from stui_supervisor.errors import CredentialError
from stui_supervisor.security.secret import Secret
from tests.support.files.keyring_backends import InMemory
from tests.support.processes.secret_service import secret_service

CANARY = Secret("canary-0123456789abcdef")


class Raising(InMemory):
    """Raises the same whatever it is asked."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def get_password(self, _service: str, _username: str) -> str | None:
        raise self._error


class Giving(InMemory):
    """Gives what no keyring should."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    def get_password(self, _service: str, _username: str) -> str | None:
        return self._answer  # type: ignore[no-any-return]  # on purpose


class Forgetful(InMemory):
    """Says that it has kept what it has not."""

    def set_password(self, _service: str, _username: str, _password: str) -> None:
        pass


class Quoting(InMemory):
    """Quotes the secret in its complaint."""

    def set_password(self, _service: str, _username: str, password: str) -> None:
        raise ValueError(f"no place for {password}")


class Stubborn(InMemory):
    """Lets nobody write or delete."""

    def set_password(self, _service: str, _username: str, _password: str) -> None:
        raise errors.PasswordSetError("no")

    def delete_password(self, _service: str, _username: str) -> None:
        raise errors.PasswordDeleteError("no")


class Plaintext(InMemory):
    """As the package keyrings.alt has it."""


Plaintext.__module__ = "keyrings.alt.file"


class Chain(InMemory):
    """As keyring's own: others, the most recommended first."""

    def __init__(self, *backends: object) -> None:
        super().__init__()
        self.backends = list(backends)


class Windows(InMemory):
    """Holds no more than Windows does."""


Windows.__module__ = "keyring.backends.Windows"

MISBEHAVING = {
    "absent": (fail.Keyring(), "this system has no keyring"),
    "no longer there": (Raising(errors.NoKeyringError("gone")), "this system has no keyring"),
    "null": (null.Keyring(), "the keyring Keyring (keeps nothing) is not used"),
    "plaintext": (Plaintext(), "the keyring Plaintext (keeps secrets in files that are not safe) is not used"),
    "a chain of unsafe ones": (Chain(Plaintext(), null.Keyring()), "the keyring Plaintext (keeps secrets in files"),
    "locked": (Raising(errors.KeyringLocked("no")), "the keyring is locked"),
    "not to be opened": (Raising(errors.InitError("no")), "the keyring is locked"),
    "denied": (Raising(PermissionError("no")), "the keyring does not let this program read"),
    "odd error": (Raising(ZeroDivisionError("odd")), "the keyring cannot be used (ZeroDivisionError)"),
    "ends the program": (Raising(SystemExit(3)), "the keyring cannot be used (SystemExit)"),
    "bytes": (Giving(b"bytes"), "the keyring gave bytes in place of a text"),
    "huge": (Giving("x" * 50_000_000), "what the keyring holds cannot be a credential"),
    "control characters": (Giving("a\x1b[2Jb" * 4), "what the keyring holds cannot be a credential"),
    "half a character": (Giving("\udcff" * 16), "what the keyring holds cannot be a credential"),
}


def failed(call: Callable[[], object]) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("name", MISBEHAVING)
def test_whatever_a_keyring_does_is_a_credential_error_that_says_what_to_do(name: str) -> None:
    backend, words = MISBEHAVING[name]
    items = KeyringItems(lambda: backend)
    for call in (lambda: items.get("a"), lambda: items.put("a", CANARY)):
        error = failed(call)
        assert error.message.replace("write", "read").startswith(words)
        assert error.hint.endswith("or set STUI_TOKEN for one run")


def test_a_keyring_that_cannot_be_found_is_one() -> None:
    def missing() -> InMemory:
        raise ModuleNotFoundError("no module named 'nowhere'")

    assert failed(lambda: KeyringItems(missing).get("a")).message == "the keyring cannot be used (ModuleNotFoundError)"


@pytest.mark.parametrize(("backend", "words"), [(Forgetful(), "did not keep"), (Stubborn(), "does not let")])
def test_a_secret_that_was_not_kept_is_never_taken_for_kept(backend: InMemory, words: str) -> None:
    assert words in failed(lambda: KeyringItems(lambda: backend).put("a", CANARY)).message


def test_an_item_that_is_not_to_be_deleted_is_told() -> None:
    backend = Stubborn()
    backend.items[SERVICE, "a"] = "text"
    assert "does not let" in failed(lambda: KeyringItems(lambda: backend).remove("a")).message


def test_a_complaint_that_quotes_the_secret_is_not_passed_on() -> None:
    error = failed(lambda: KeyringItems(Quoting).put("a", CANARY))
    assert error.message == "the keyring cannot be used (ValueError)"
    assert CANARY.reveal() not in "".join(traceback.format_exception(error))


def test_what_windows_does_not_hold_is_refused_before_it_is_asked() -> None:
    backend = Windows()
    items = KeyringItems(lambda: backend)
    assert items.put("a", Secret("x" * WINDOWS_SECRET_MAX_LENGTH))
    error = failed(lambda: items.put("b", Secret("x" * (WINDOWS_SECRET_MAX_LENGTH + 1))))
    assert str(error) == "the secret is too long: this keyring holds 1,280 characters: use a shorter one"
    assert backend.writes == 1
    assert "too long" in failed(lambda: KeyringItems(InMemory).put("a", Secret("x" * (TOKEN_MAX_LENGTH + 1)))).message


def test_of_a_chain_the_first_safe_one_is_used_for_everything() -> None:
    safe, second = InMemory(), InMemory()
    items = KeyringItems(lambda: Chain(Plaintext(), safe, second))
    items.put("a", CANARY)
    assert (items.get("a"), safe.items, second.items) == (CANARY, {(SERVICE, "a"): CANARY.reveal()}, {})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # keyring leaves its socket open then
def test_a_real_keyring_that_is_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with secret_service(tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        items = KeyringItems(SecretService.Keyring)
        items.put("a", CANARY)
        secretstorage = import_module("secretstorage")  # on Linux only
        with closing(secretstorage.dbus_init()) as bus:
            secretstorage.get_default_collection(bus).lock()
        assert str(failed(lambda: items.get("a"))) == "the keyring is locked: unlock it, or set STUI_TOKEN for one run"
        gc.collect()
