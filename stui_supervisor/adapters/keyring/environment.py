"""The token of one run, from the environment."""

from __future__ import annotations

import os
from typing import Final

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.tokens import checked_token

TOKEN_VARIABLE: Final = "STUI_TOKEN"  # noqa: S105  # the name of a variable
_HINT: Final = "set it to the token itself, or unset it to use the keyring"


class EnvironmentToken:
    """Credentials: ``STUI_TOKEN`` as it was when the supervisor was made, for every endpoint."""

    source = "environment"

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def read(self, _endpoint: Endpoint) -> Secret:
        """The token."""
        return self._secret


def token_of_this_run() -> EnvironmentToken | None:
    """The credentials in the environment, if there are any. Raises ConfigurationError for what can be no token."""
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        return None
    return EnvironmentToken(checked_token(token, named=f"the token in {TOKEN_VARIABLE}", hint=_HINT))
