"""The codes of problems, by which programs know them; what people read may be worded anew."""

from __future__ import annotations

from enum import StrEnum


class ProblemCode(StrEnum):
    """What a problem is about."""

    # The disk and what is stored
    STORE_FAILED = "store_failed"
    STORE_SLOW = "store_slow"
    NOT_SAVED = "not_saved"
    READ_ONLY = "read_only"
    DAMAGED_FILE = "damaged_file"
    UNUSABLE_FILE = "unusable_file"
    NEWER_FORMAT = "newer_format"
    TAKEN = "taken"
    ENDED_WITHOUT_STOPPING = "ended_without_stopping"
    SHARED_DIRECTORY = "shared_directory"
    JOURNAL_UNWRITABLE = "journal_unwritable"

    # Where to link to, and as whom
    PROFILE_NOT_READABLE = "profile_not_readable"
    STORED_ENDPOINT = "stored_endpoint"
    ENDPOINT_FROM_FILE = "endpoint_from_file"
    NO_TOKEN = "no_token"  # noqa: S105  # the name of a problem

    # The image and its copy of the work
    IMAGE_NOT_NAMED = "image_not_named"
    NO_BACKEND_SESSION = "no_backend_session"
    SESSION_NOT_REMEMBERED = "session_not_remembered"
    PUSH_FAILED = "push_failed"
    COPY_NOT_GIVEN = "copy_not_given"
    COPY_TOO_LARGE = "copy_too_large"
    TOO_MANY_SECTIONS = "too_many_sections"
    COPY_QUOTES_TOKEN = "copy_quotes_token"  # noqa: S105  # as above
    CONTEXT_DIFFERED = "context_differed"
    DELETIONS_FORGOTTEN = "deletions_forgotten"
    DEADLINE_REFUSED = "deadline_refused"

    # Notifications
    NOTIFICATIONS_ADDRESS = "notifications_address"
    NOTIFICATIONS_UNHEARD = "notifications_unheard"
    NOTIFICATIONS_UNNAMED = "notifications_unnamed"
    NOTIFICATION_MALFORMED = "notification_malformed"
