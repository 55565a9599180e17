"""Reads the keyring in a thread of its own: one question at a time; the answers are inputs of the core."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import TOKEN_MAX_LENGTH
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import ReadCredential
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import CredentialError
from stui_supervisor.runtime.assembly import Keyring
from stui_supervisor.security.secret import Secret

_HINT: Final = "look at where it comes from: the program, or STUI_TOKEN"


class CredentialWorker:
    """Carries out ReadCredential. While the keyring hangs it is not asked again; the core stops waiting by itself."""

    def __init__(self, keyring: Keyring, feed: Callable[[Input], None]) -> None:
        self._keyring = keyring
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._worker = Worker("stui-keyring")
        self._asked: ReadCredential | None = None
        self._is_busy = False
        self._is_closed = False

    def ask(self, effect: ReadCredential) -> None:
        """Read for the latest attempt, as soon as the thread is free."""
        self._asked = effect
        if not self._is_busy:
            self._is_busy = True
            try:
                self._worker.post(lambda: self._run(effect))
            except RuntimeError as error:
                no_thread = CredentialError(f"no thread to be had for the keyring: {error}")
                self._loop.call_soon(self._answered, effect, inputs.CredentialFailed(effect.link, no_thread))

    def close(self) -> None:
        """Let the thread end. One that hangs is left alone, and what it answers later is dropped."""
        self._is_closed = True
        self._worker.close()

    def _run(self, effect: ReadCredential) -> None:
        """Runs in the thread."""
        answer: Input
        try:
            answer = self._read(effect)
        except CredentialError as error:
            answer = inputs.CredentialFailed(effect.link, error)
        except BaseException as error:  # noqa: BLE001  # a program's own credentials may raise anything, even SystemExit
            # Its words might quote the secret.
            answer = inputs.CredentialFailed(effect.link, CredentialError(f"it raised {type(error).__name__}"))
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._answered, effect, answer)

    def _read(self, effect: ReadCredential) -> inputs.CredentialRead:
        credentials, keys = self._keyring.credentials, self._keyring.client_keys
        curve = keys.read(effect.endpoint, effect.server_key) if effect.server_key is not None else None
        token = _checked(credentials.read(effect.endpoint)) if effect.with_token else None
        self._keyring.in_use.extend(secret for secret in (token, curve.secret if curve else None) if secret)
        return inputs.CredentialRead(effect.link, token, credentials.source, curve)

    def _answered(self, effect: ReadCredential, answer: Input) -> None:
        self._is_busy = False
        if self._is_closed:
            return
        asked = self._asked
        if asked is not None and asked.link != effect.link:
            self.ask(asked)
        self._feed(answer)


def _checked(token: object) -> Secret | None:
    """What a program's own credentials gave. Raises CredentialError, not showing it, for what no message takes."""
    if token is None:
        return None
    text: object = token.reveal() if isinstance(token, Secret) else None
    if not isinstance(text, str):
        got = type(token if text is None else text).__name__
        raise CredentialError(f"{got} came in place of a text in a Secret", hint="return Secret(text), or None")
    if len(text) > TOKEN_MAX_LENGTH:
        raise CredentialError(f"the token is too long: a message holds {TOKEN_MAX_LENGTH:,} characters", hint=_HINT)
    try:
        text.encode()
    except UnicodeEncodeError:  # which would show it
        raise CredentialError("the token is no text that UTF-8 can carry", hint=_HINT) from None
    return Secret(text)
