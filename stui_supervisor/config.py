"""Every number of the supervisor, once, with its unit in the name and its purpose beside it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from stui_supervisor.errors import ConfigurationError

# Limits of STUI itself, and of what is kept on disk. They are facts or promises, not settings.
MESSAGE_MAX_BYTES: Final = 10_000_000  # STUI's limit for one message, either way
MESSAGE_MAX_DEPTH: Final = 64  # nesting of what a backend may send; a screen shows far less
CONTEXT_MAX_BYTES: Final = 1_000_000  # STUI's target: a session stays below 1 MB on disk
RECORD_MAX_BYTES: Final = 4_096  # one page: the endpoint file is written on every transition
GENERATIONS_KEPT: Final = 3  # of each file of a session: the newest and two to fall back on
QUARANTINE_MAX_FILES: Final = 20  # damaged files kept for support; older ones go
EVENT_QUEUE_LENGTH: Final = 1_000  # what a slow reader of events() may lag behind
PROFILE_NAME_MAX_LENGTH: Final = 64  # it becomes part of file names and log lines


@dataclass(frozen=True, slots=True)
class Settings:
    """What a program may tune; the defaults are what the documentation promises.

    Times are seconds. Raises ConfigurationError when a number is not positive.
    """

    # The link
    attempt_timeout_s: float = 1.0  # transport and ZMTP handshake of one attempt; grows with an outage
    attempt_timeout_max_s: float = 5.0  # where that growth ends
    heartbeat_interval_s: float = 10.0  # ZMTP PING; keeps idle traffic low
    heartbeat_timeout_s: float = 45.0  # libzmq cuts the link; short ones cut large replies on slow lines

    # Health
    ping_interval_s: float = 10.0  # a STUI ping when nothing was outstanding for so long
    answer_timeout_s: float = 5.0  # no answer for so long: degraded (busy)
    health_s: float = 10.0  # connected for so long forgets earlier failures
    handshake_notice_s: float = 5.0  # an image busy during the handshake is reported after this

    # Recovery
    quick_retry_s: float = 30.0  # a backend that restarts is back within this; retry at the quick pace
    give_up_after_s: float | None = None  # recovery ends after so long; None: never

    # Requests
    link_wait_s: float = 5.0  # a request without a timeout waits so long for a link
    queue_length: int = 256  # requests waiting; one more is NotSent at once

    # Work context
    save_delay_s: float = 0.25  # changes are gathered for so long before they are written
    restore_timeout_s: float = 2.0  # a slow disk delays a start by no more
    keeps_session: bool = True  # False: claim no session, neither on disk nor in the image (one-off requests)

    # Credentials
    credential_timeout_s: float = 2.0  # a keyring that hangs fails the attempt after this

    # Log
    journal: bool = True  # write the structured log
    journal_max_bytes: int = 1_000_000  # size of one log file before it is rotated
    journal_files: int = 3  # files kept per session, the current one included

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or value is None:
                continue
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigurationError(
                    f"Settings.{field.name} is {value!r}", hint="give a positive number, or leave it out"
                )


DEFAULTS: Final = Settings()
