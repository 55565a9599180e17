"""What the command's exit code means, and which error ends in which."""

from __future__ import annotations

from enum import IntEnum

from stui_supervisor.errors import (
    ConfigurationError,
    ConnectionRejected,
    CredentialError,
    NotSent,
    OutcomeUnknown,
    RequestError,
    SupervisorError,
)
from stui_supervisor.failures import FailureKind


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_LINK = 3
    PERSON_NEEDED = 4
    INTERRUPTED = 130  # as every shell reports a command that Ctrl-C ended


_OF_ERRORS: tuple[tuple[type[SupervisorError], ExitCode], ...] = (
    (ConfigurationError, ExitCode.USAGE),
    (NotSent, ExitCode.NO_LINK),
    (OutcomeUnknown, ExitCode.NO_LINK),
    (ConnectionRejected, ExitCode.PERSON_NEEDED),
    (CredentialError, ExitCode.PERSON_NEEDED),
)


def exit_code_of(error: SupervisorError) -> ExitCode:
    """The exit code of a command that ended with ``error``."""
    if isinstance(error, RequestError) and error.failure == FailureKind.PROFILE:
        return ExitCode.PERSON_NEEDED
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), ExitCode.FAILED)
