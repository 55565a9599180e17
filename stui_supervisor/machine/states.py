"""The six states and the triggers between them, in the user's words."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What the link is doing now; one value at any moment."""

    DISCONNECTED = "disconnected"
    RESTORING = "restoring"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    RECOVERING = "recovering"


class Trigger(StrEnum):
    """Why a state ends; the only words that move the machine."""

    RESTORE = "restore"
    RESTORED = "restored"
    NOTHING_TO_RESTORE = "nothing_to_restore"
    LEFT_DISCONNECTED = "left_disconnected"
    CONNECT = "connect"
    ESTABLISHED = "established"
    ATTEMPT_FAILED = "attempt_failed"
    REJECTED = "rejected"
    HEALTH_LOST = "health_lost"
    HEALTH_REGAINED = "health_regained"
    LINK_LOST = "link_lost"
    GAVE_UP = "gave_up"
    DISCONNECT = "disconnect"
    STOP = "stop"


class DegradedReason(StrEnum):
    """What is wrong while the link is up."""

    BUSY = "busy"
    SILENT = "silent"
    SLOW = "slow"
    DEAF = "deaf"


class BackendVerdict(StrEnum):
    """What a new link found at the other end."""

    RESUMED = "resumed"
    RESTARTED = "restarted"
    DIFFERENT_IMAGE = "different_image"
    UNKNOWN = "unknown"


class Work(StrEnum):
    """What the work context is: where it came from, until it is changed, then whether it is on the local disk."""

    FRESH = "fresh"
    RESTORED = "restored"
    OLDER_COPY = "older_copy"
    UNSAVED = "unsaved"
    SAVED = "saved"


class Outcome(StrEnum):
    """How a request ended; every request has exactly one."""

    REPLIED = "replied"
    BACKEND_ERROR = "backend_error"
    NOT_SENT = "not_sent"
    OUTCOME_UNKNOWN = "outcome_unknown"
