"""Commands and advice for hints. Commands name the home and the profile that were given, so they can be copied."""

from __future__ import annotations

import sys
from typing import Final

from stui_supervisor.adapters.host import command_lines
from stui_supervisor.adapters.keyring.environment import TOKEN_VARIABLE, EnvironmentToken
from stui_supervisor.cli.console.terminal import GlobalOptions
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.events import Status
from stui_supervisor.failures import FAILURES, FailureKind, kind_named

_OF_COMMANDS: Final = (FailureKind.AUTHENTICATION, FailureKind.PROFILE)  # a command helps against these
_UNANSWERED: Final = "see whether the backend runs there, and is not busy"


def command(options: GlobalOptions, *words: str, profile: str | None = None) -> str:
    """A command line that can be copied, for the profile of the options or another ``profile``."""
    encoding = getattr(sys.stderr, "encoding", None)
    return command_lines.advised(*words, home=options.home, profile=profile or options.profile, encoding=encoding)


def advised(rejection: ConnectionRejected, options: GlobalOptions, status: Status) -> ConnectionRejected:
    """The same rejection; where its hint names calls of the library, with one that names commands."""
    kind = kind_named(rejection.failure)
    if kind not in _OF_COMMANDS:
        return rejection
    hint = way_out(kind, options, endpoint=status.endpoint, source=status.credential_source)
    return type(rejection)(rejection.message, hint=hint, failure=kind)


def way_out(
    failure: FailureKind | None, options: GlobalOptions, *, endpoint: str | None = None, source: str | None = None
) -> str:
    """What to do about the ``failure`` of a status; without one, about a backend that does not answer.

    ``endpoint`` and ``source`` are where the link was to be, and where its token came from.
    """
    match failure:
        case None:
            return _UNANSWERED
        case FailureKind.PROFILE:
            confirm = command(options, "profiles", "confirm", options.profile or "default")
            return (
                f"see that profiles.json can be read, or decide what holds with: {confirm}; or give --without-profile"
            )
        case FailureKind.AUTHENTICATION if endpoint is not None:
            login = command(options, "login", endpoint)
            if source == EnvironmentToken.source:
                return f"set {TOKEN_VARIABLE} to the right token, or unset it and use: {login}"
            return f"give the right token with: {login}, or set {TOKEN_VARIABLE} for one run"
        case _:
            return FAILURES[failure].hint
