"""The settings of a reference backend, and its limits, which nobody sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stui_supervisor.config import MESSAGE_MAX_DEPTH
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.curve import checked_key
from stui_supervisor.wire.dialects import Dialect

# What STUI's servers do by default, and what bounds the cost of hostile clients.
SESSION_TIMEOUT_S: Final = 3_600.0  # a session nobody uses for so long is gone
SESSIONS_PER_CLIENT: Final = 5  # more are refused
CLEANUP_INTERVAL_S: Final = 300.0  # expired sessions are looked for so often
KEYS_KEPT: Final = 1_000  # idempotency keys remembered; a repeated request comes soon or never
KEY_MAX_LENGTH: Final = 256  # characters of one; a longer one is its SHA-256
SESSIONS_MAX_BYTES: Final = 60_000_000  # about what all sessions may take of memory; more are refused
SESSION_BYTES: Final = 1_000  # of memory that a session takes beside what clients put into it
STATE_MAX_BYTES: Final = 100_000_000  # of the state file; full sessions fit, with room for escapes
STATE_MAX_VALUES: Final = 2_000_000  # in it; full sessions have fewer
STATE_MAX_DEPTH: Final = MESSAGE_MAX_DEPTH + 1  # of its nesting; a state lies one level deeper than as it came
LOAD_MAX_COST: Final = 2_000_000_000  # work units of all variables in it, ten seconds; full sessions have fewer


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
    session_timeout_s: float = SESSION_TIMEOUT_S
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
