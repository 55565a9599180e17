"""What the disk knows of a profile, for commands that run beside a supervisor or without one."""

from __future__ import annotations

from stui_supervisor.adapters.host import directories
from stui_supervisor.adapters.session_files import SessionFiles, StoredSession
from stui_supervisor.cli.terminal import GlobalOptions
from stui_supervisor.errors import ConfigurationError


def stored_sessions(options: GlobalOptions) -> list[StoredSession]:
    """The sessions of the profile, those of a running supervisor first, then the newest.

    Raises ConfigurationError for a profile that nobody has used, and StoreError when the disk cannot be read.
    """
    files = SessionFiles(directories(options.home).sessions_root)
    sessions = list(files.read_newest(options.profile))
    if not sessions and options.profile != "default":
        known = ", ".join(sorted(files.known_profiles())) or "none"
        raise ConfigurationError(f"the profile {options.profile!a} is not known", hint=f"known profiles: {known}")
    return sorted(sessions, key=lambda session: session.live, reverse=True)


def last_known_good_endpoint(options: GlobalOptions) -> str:
    """Where the profile was connected last. Raises ConfigurationError when it never was."""
    endpoint = next((session.record.endpoint for session in stored_sessions(options) if session.record.endpoint), None)
    if endpoint is None:
        raise ConfigurationError(
            f"no endpoint is known for the profile {options.profile}",
            hint="connect once with: stui-supervisor run tcp://127.0.0.1:5555",
        )
    return endpoint
