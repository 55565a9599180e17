"""What a reference backend can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stui_supervisor.config import BACKEND_SESSION_TIMEOUT_S
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.curve import checked_key
from stui_supervisor.wire.dialects import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """Where a backend listens, which image it says it is, and how much of STUI it knows.

    ``bind`` and ``publish`` are ZeroMQ addresses; port ``*`` takes a free one. ``with_sessions``
    False makes an old server, which knows ping, evaluate and inspect only. With a ``token``, ping,
    create_session and restore_session need it as ``auth_token``. ``executed_log`` gets one JSON line
    for each request before it runs. ``own_ids`` answers with ids of the backend's own. With a
    ``curve_secret_file`` only encrypted links are taken (CURVE); it holds the secret key in Z85 and is made
    when it is missing. ``allowed_client_keys`` are the public keys of those let in, none means everybody.
    """

    bind: str = "tcp://127.0.0.1:5555"
    publish: str | None = None
    image_id: str = "Pharo 12.0 (reference)"
    state_file: Path | None = None
    dialects: frozenset[Dialect] = frozenset(Dialect)
    with_sessions: bool = True
    token: str | None = field(default=None, repr=False)
    session_timeout_s: float = BACKEND_SESSION_TIMEOUT_S
    executed_log: Path | None = None
    own_ids: bool = False
    curve_secret_file: Path | None = None
    allowed_client_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.session_timeout_s < float("inf"):
            raise ConfigurationError(
                f"a session timeout of {self.session_timeout_s:g} s", hint="give a positive number of seconds"
            )
        if self.allowed_client_keys and self.curve_secret_file is None:
            raise ConfigurationError(
                "client keys without a key of its own", hint="name a file for it with --curve-secret-file"
            )
        for key in self.allowed_client_keys:
            checked_key(key)
        if not self.dialects:
            raise ConfigurationError("a backend without a dialect", hint="name command, envelope or both")
