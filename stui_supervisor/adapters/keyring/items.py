"""Named secrets in the system's keyring, through the library ``keyring``.

Every call may block, for ever if the system asks a person who is not there: call from a daemon thread.
The library is imported with the first call; that and looking for the keyring take a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from stui_supervisor.config import TOKEN_MAX_LENGTH, WINDOWS_SECRET_MAX_LENGTH
from stui_supervisor.errors import CredentialError
from stui_supervisor.security.secret import Secret

SERVICE: Final = "stui-supervisor"

_ABSENT: Final = "keyring.backends.fail"
_REFUSED: Final = {
    "keyring.backends.null": "keeps nothing",
    "keyrings.alt": "keeps secrets in files that are not safe",
}
_LENGTHS: Final = {"keyring.backends.Windows": WINDOWS_SECRET_MAX_LENGTH}
FOR_ONE_RUN: Final = "or set STUI_TOKEN for one run"
_HINT_ABSENT: Final = f"start one (GNOME Keyring, KWallet) and then this program again, {FOR_ONE_RUN}"
_HINT_LOCKED: Final = f"unlock it, {FOR_ONE_RUN}"
_HINT_DENIED: Final = f"allow this program to use it, {FOR_ONE_RUN}"
_HINT_BROKEN: Final = f"see whether 'python -m keyring diagnose' finds it, {FOR_ONE_RUN}"
_HINT_REPLACE: Final = f"store it again with login, {FOR_ONE_RUN}"


class KeyringBackend(Protocol):
    """The part of a backend of ``keyring`` that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """The text, None when there is none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep the text."""

    def delete_password(self, service: str, username: str) -> None:
        """Remove it."""


class KeyringItems:
    """The items of our service. Every method raises CredentialError, and nothing else, with the next step."""

    def __init__(self, find_backend: Callable[[], KeyringBackend] | None = None) -> None:
        self._find_backend = find_backend or _backend_of_this_system

    def has_keyring(self) -> bool:
        """True where this system has a keyring that may be used."""
        with _library_errors("read"):
            return any(_why_refused(one) is None for one in self._members())

    def get(self, name: str) -> Secret | None:
        """The secret, None when there is none."""
        with _library_errors("read"):
            return _get(self._backend(), name)

    def put(self, name: str, secret: Secret) -> bool:
        """Keep the secret; False when it was there already. What a keyring only pretends to keep is an error."""
        with _library_errors("write"):
            backend = self._backend()
            if _get(backend, name) == secret:
                return False
            _need_room(backend, secret)
            backend.set_password(SERVICE, name, secret.reveal())
            if _get(backend, name) != secret:
                raise CredentialError("the keyring did not keep the secret", hint=_HINT_BROKEN)
            return True

    def remove(self, name: str) -> bool:
        """Remove the secret; False when there was none."""
        with _library_errors("write"):
            backend = self._backend()
            if not backend.get_password(SERVICE, name):
                return False
            backend.delete_password(SERVICE, name)
            return True

    def _members(self) -> list[KeyringBackend]:
        found = self._find_backend()
        return list(getattr(found, "backends", [found]))

    def _backend(self) -> KeyringBackend:
        """The backend to use; of a chain the first that is allowed, so that reading and writing mean the same one."""
        members = self._members()
        refusals = [(type(one).__name__, _why_refused(one)) for one in members]
        for one, (_, refusal) in zip(members, refusals, strict=True):
            if refusal is None:
                return one
        for name, refusal in refusals:
            if refusal:
                where = f"{name} ({refusal})"
                raise CredentialError(f"the keyring {where} is not used", hint=f"set up another one, {FOR_ONE_RUN}")
        raise CredentialError("this system has no keyring", hint=_HINT_ABSENT)


def _backend_of_this_system() -> KeyringBackend:
    import keyring  # noqa: PLC0415  # see the top

    return keyring.get_keyring()


def _why_refused(backend: KeyringBackend) -> str | None:
    """Why a backend cannot be used, "" for one that stands for having none; None when it can."""
    module = type(backend).__module__
    if module == _ABSENT:
        return ""
    return next((why for name, why in _REFUSED.items() if module == name or module.startswith(f"{name}.")), None)


def _get(backend: KeyringBackend, name: str) -> Secret | None:
    text: object = backend.get_password(SERVICE, name)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise CredentialError(f"the keyring gave {type(text).__name__} in place of a text", hint=_HINT_BROKEN)
    if len(text) > TOKEN_MAX_LENGTH or not text.isprintable():
        raise CredentialError("what the keyring holds cannot be a credential", hint=_HINT_REPLACE)
    return Secret(text)


def _need_room(backend: KeyringBackend, secret: Secret) -> None:
    longest = _LENGTHS.get(type(backend).__module__, TOKEN_MAX_LENGTH)
    if len(secret.reveal()) > longest:
        raise CredentialError(
            f"the secret is too long: this keyring holds {longest:,} characters", hint="use a shorter one"
        )


@contextmanager
def _library_errors(doing: str) -> Iterator[None]:
    """Turn whatever a keyring raises into a CredentialError that says what to do."""
    try:
        yield
    except CredentialError:
        raise
    except BaseException as error:  # noqa: BLE001  # backends call into many libraries; not even SystemExit ends our thread
        # Neither its text nor its traceback goes on: it may quote the secret.
        raise _in_our_words(error, doing) from None


def _in_our_words(error: BaseException, doing: str) -> CredentialError:
    from keyring import errors  # noqa: PLC0415  # see the top

    match error:
        case errors.NoKeyringError():
            return CredentialError("this system has no keyring", hint=_HINT_ABSENT)
        case errors.KeyringLocked() | errors.InitError():
            return CredentialError("the keyring is locked", hint=_HINT_LOCKED)
        case errors.PasswordSetError() | errors.PasswordDeleteError() | PermissionError():
            return CredentialError(f"the keyring does not let this program {doing}", hint=_HINT_DENIED)
        case _:
            return CredentialError(f"the keyring cannot be used ({type(error).__name__})", hint=_HINT_BROKEN)
