"""What ``login`` and ``logout`` do."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from stui_supervisor.adapters.host.worker import in_thread
from stui_supervisor.adapters.keyring.credentials import KeyringCredentials
from stui_supervisor.cli.commands.stored_state import endpoint_of_profile, profile_file, with_its_spellings
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.hints import command
from stui_supervisor.cli.console.terminal import Terminal
from stui_supervisor.config import KEYRING_PROMPT_S, TOKEN_MAX_LENGTH
from stui_supervisor.endpoint import Endpoint, usable
from stui_supervisor.errors import ConfigurationError, CredentialError, StoreError
from stui_supervisor.printable import printable
from stui_supervisor.profile import Profile, checked_name
from stui_supervisor.security import tokens
from stui_supervisor.security.secret import Secret

_HOW: Final = "type it when asked, or give it on stdin"

T = TypeVar("T")


def login(arguments: argparse.Namespace) -> ExitCode:
    """Store the token in the keyring, and let the profile use it from its next start, connect or reconnect on."""
    terminal, endpoint = Terminal.of(arguments), _endpoint(arguments)
    profile_file(arguments).read(arguments.profile)  # one that cannot be read could not be told to use the token
    try:
        token = checked_token(_read_token(endpoint))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    is_new = ask_keyring(lambda: KeyringCredentials().write(endpoint, token))
    profile = _settle(arguments, uses_token=True, named=endpoint if arguments.endpoint else None)
    if terminal.as_json:
        terminal.answer({"profile": profile.name, "endpoint": str(endpoint), "changed": is_new})
    before = "" if is_new else ", as it was before"
    terminal.line(f"The token for {endpoint} is in the keyring{before}; the profile {profile.name} uses it.")
    for name in _others_without(endpoint, profile, arguments):
        way = printable(command(arguments, "login", str(endpoint), profile=name))
        terminal.note(f"The profile {printable(name)} does not use it, with the same endpoint; let it with: {way}")
    is_safe = endpoint.is_local or profile.server_key(endpoint) or profile.allow_plaintext_token
    if not is_safe:
        terminal.note("It is not sent there in the clear: pin the backend's key, or link through an SSH tunnel.")
    terminal.note("What runs already and was refused tries it with its next start, connect or reconnect.")
    return ExitCode.DONE


def logout(arguments: argparse.Namespace) -> ExitCode:
    """Delete the token. The profile asks the keyring no more when none of its endpoints has a token."""
    terminal, endpoint = Terminal.of(arguments), _endpoint(arguments)
    credentials = KeyringCredentials()
    was_there = ask_keyring(lambda: credentials.delete(endpoint))
    said = f"The token for {endpoint} is gone." if was_there else f"No token was found for {endpoint}."
    try:
        known, _ = profile_file(arguments).read(arguments.profile)
        has_others = known.uses_token and ask_keyring(lambda: any(map(credentials.read, _endpoints(known))))
        profile = _settle(arguments, uses_token=has_others)
    except StoreError:
        terminal.note(f"{said} The profile could not be told:")
        raise
    if terminal.as_json:
        terminal.answer({"profile": profile.name, "endpoint": str(endpoint), "changed": was_there})
    terminal.line(said)
    return ExitCode.DONE


def checked_token(text: str) -> Secret:
    """The token, if it can be one. Raises ConfigurationError, which does not show it."""
    return tokens.checked_token(text, named="a token", hint=_HOW)


def ask_keyring(call: Callable[[], T], limit_s: float = KEYRING_PROMPT_S) -> T:
    """What ``call`` returns. Raises CredentialError, also when the keyring does not answer within ``limit_s`` seconds.

    It runs in a thread that does not keep the process from ending.
    """

    async def ask() -> T:
        async with asyncio.timeout(limit_s):
            return await in_thread("stui-keyring", call)

    try:
        return asyncio.run(ask())
    except TimeoutError as error:
        hint = "see whether it waits for you to unlock it, then try again"
        raise CredentialError(f"the keyring did not answer within {limit_s:g} s", hint=hint) from error


def _endpoint(arguments: argparse.Namespace) -> Endpoint:
    """The endpoint that was given, else that of the profile.

    It has the spellings under which an earlier version may have stored its token.
    """
    checked_name(arguments.profile)
    endpoint = Endpoint.parse(arguments.endpoint) if arguments.endpoint else endpoint_of_profile(arguments)
    return with_its_spellings(endpoint, arguments)


def _endpoints(profile: Profile) -> Iterator[Endpoint]:
    return usable((*profile.endpoints, *profile.recent))


def _others_without(endpoint: Endpoint, own: Profile, arguments: argparse.Namespace) -> list[str]:
    """The names of other profiles with this endpoint that do not ask the keyring: a login is for one profile."""
    known, _ = profile_file(arguments).read_all()
    others = (profile for name, profile in sorted(known.items()) if name != own.name and not profile.uses_token)
    return [profile.name for profile in others if endpoint in _endpoints(profile)]


def _settle(arguments: argparse.Namespace, *, uses_token: bool, named: Endpoint | None = None) -> Profile:
    """Store whether the profile uses a token, and which endpoint a person has named. Returns the changed profile."""
    file = profile_file(arguments)

    def changed(known: Profile | None) -> Profile | None:
        if known is None and not uses_token:
            return None
        profile = replace(known or Profile(name=arguments.profile), uses_token=uses_token)
        return profile if named is None else profile.naming(named)

    return file.change(arguments.profile, changed) or Profile(name=arguments.profile)


def _read_token(endpoint: Endpoint) -> str:
    """From a prompt that does not echo, or from stdin when that is no terminal."""
    if sys.stdin is None:
        raise ConfigurationError("no token can be read: stdin is closed", hint=_HOW)
    try:
        if sys.stdin.isatty():
            return _prompt(f"Token for {endpoint}: ")
        # One more than fits, for the line's end, and one to see that it is too long.
        return sys.stdin.buffer.read(TOKEN_MAX_LENGTH + 3).decode().rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError, getpass.GetPassWarning):
        raise ConfigurationError("no token could be read", hint=_HOW) from None


def _prompt(words: str) -> str:
    """Raises KeyboardInterrupt for Ctrl-C, and GetPassWarning where the terminal would show what is typed."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the echo is switched on again
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(words)
    finally:
        signal.signal(signal.SIGINT, before)
