"""The errors, by what the caller should do about them.

SupervisorError
├── ConfigurationError      mend the input (also a ValueError)
├── RequestError
│   ├── NotSent             the backend never received it: safe to repeat
│   ├── OutcomeUnknown      it may have run: look before repeating
│   └── BackendError        the backend answered with an error
├── ConnectionRejected      a person is needed
│   ├── AuthenticationFailed
│   ├── IncompatibleBackend
│   ├── KeyRefused
│   └── DifferentImage
├── CredentialError         the keyring or the token: the message says what to do
└── StoreError              the disk: raised by ``save()`` and store commands only
"""

from __future__ import annotations

import copyreg


class SupervisorError(Exception):
    """Anything this package raises on purpose.

    ``hint`` says what to do next, in one sentence; it is part of ``str(error)``.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process have it: its pools pickle what a worker raises, and wait for ever for what cannot be."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]  # untyped


class ConfigurationError(SupervisorError, ValueError):
    """The input cannot be used as it is; mend it and call again."""


class RequestError(SupervisorError):
    """A request that ended without a result.

    ``failure`` is the kind of what kept the link away that it waited for (see failures.FailureKind), if that was why.
    ``request_id`` is the id of its message, as in its RequestFinished and in the log. None where no request was made.
    """

    def __init__(
        self, message: str, *, hint: str = "", failure: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.failure = failure
        self.request_id = request_id


class NotSent(RequestError):
    """The backend never received the request; repeating it is safe."""


class OutcomeUnknown(RequestError):
    """The request may have run; look at the image before repeating it."""


class BackendError(RequestError):
    """The backend answered with an error of its own.

    ``error_type`` is the backend's word for it (``error_type`` or ``code`` on the wire).
    """

    def __init__(self, message: str, *, error_type: str, request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id)
        self.error_type = error_type

    def __str__(self) -> str:
        return f"{self.error_type}: {self.message}"


class ConnectionRejected(SupervisorError):
    """There is no link for a reason that only a person can change.

    ``failure`` is its kind (see failures.FailureKind).
    """

    def __init__(self, message: str, *, hint: str = "", failure: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.failure = failure


class AuthenticationFailed(ConnectionRejected):
    """The backend refused the credential."""


class IncompatibleBackend(ConnectionRejected):
    """The backend speaks another major version of the protocol."""


class KeyRefused(ConnectionRejected):
    """No encrypted link comes about: the backend's CURVE key is not the pinned one, or it does not let ours in."""


class DifferentImage(ConnectionRejected):
    """Another image answers than the one the profile is pinned to."""


class CredentialError(SupervisorError):
    """The credential could not be read or kept; nothing is linked without it, and attempts go on."""


class StoreError(SupervisorError):
    """The disk did not take or give what was asked; supervision goes on in memory."""
