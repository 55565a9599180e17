"""Which error ends the command with which code."""

from __future__ import annotations

import pytest

from stui_supervisor import errors
from stui_supervisor.cli.console.exit_codes import ExitCode, exit_code_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SupervisorError("x"), ExitCode.FAILED),
        (errors.StoreError("x"), ExitCode.FAILED),
        (errors.BackendError("x", error_type="Error"), ExitCode.FAILED),
        (errors.ConfigurationError("x"), ExitCode.USAGE),
        (errors.NotSent("x"), ExitCode.NO_LINK),
        (errors.OutcomeUnknown("x"), ExitCode.NO_LINK),
        (errors.ConnectionRejected("x"), ExitCode.PERSON_NEEDED),
        (errors.AuthenticationFailed("x"), ExitCode.PERSON_NEEDED),
        (errors.IncompatibleBackend("x"), ExitCode.PERSON_NEEDED),
        (errors.KeyRefused("x"), ExitCode.PERSON_NEEDED),
        (errors.DifferentImage("x"), ExitCode.PERSON_NEEDED),
        (errors.CredentialError("x"), ExitCode.PERSON_NEEDED),
    ],
)
def test_each_error_has_the_exit_code_of_what_its_reader_should_do(
    error: errors.SupervisorError, code: ExitCode
) -> None:
    assert exit_code_of(error) == code
