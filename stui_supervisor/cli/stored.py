"""What the disk knows of a profile, for commands that run beside a supervisor or without one."""

from __future__ import annotations

from stui_supervisor.adapters.host import directories
from stui_supervisor.adapters.profile_file import ProfileFile
from stui_supervisor.adapters.session_files import SessionFiles, StoredSession
from stui_supervisor.cli.terminal import GlobalOptions
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, SupervisorError


def stored_sessions(options: GlobalOptions) -> list[StoredSession]:
    """The sessions of the profile, those of a running supervisor first, then the newest.

    Raises ConfigurationError for a profile that nobody has used, and StoreError when the disk cannot be read.
    """
    places = directories(options.home)
    files = SessionFiles(places.sessions_root)
    sessions = list(files.read_newest(options.profile))
    if not sessions and options.profile != "default":
        known = files.known_profiles() | ProfileFile(places.profiles).read_all()[0].keys()
        if options.profile not in known:
            names = ", ".join(sorted(known)) or "none"
            raise ConfigurationError(f"the profile {options.profile!a} is not known", hint=f"known profiles: {names}")
    return sorted(sessions, key=lambda session: session.live, reverse=True)


def endpoint_of_profile(options: GlobalOptions) -> str:
    """Where the profile was connected last, else its first endpoint. Raises ConfigurationError without any."""
    sessions = stored_sessions(options)
    endpoint = next((session.record.endpoint for session in sessions if session.record.endpoint), None)
    if endpoint is None:
        profile, _ = ProfileFile(directories(options.home).profiles).read(options.profile)
        endpoint = next(iter(profile.endpoints), None)
    if endpoint is None:
        raise ConfigurationError(
            f"no endpoint is known for the profile {options.profile}", hint=_way_to_connect(sessions)
        )
    return endpoint


def way_to_connect(options: GlobalOptions) -> str:
    """What to do when no endpoint is known: names the one that was tried and never answered, or an example."""
    try:
        return _way_to_connect(stored_sessions(options))
    except SupervisorError:  # a new profile or a broken disk: an example helps as well
        return _way_to_connect([])


def _way_to_connect(sessions: list[StoredSession]) -> str:
    for session in sessions:
        try:
            tried = Endpoint.parse(session.record.status.get("endpoint") or "")
        except ConfigurationError:  # none, or not one that could be typed
            continue
        return f"{tried} never answered; when it does, connect with: stui-supervisor run {tried}"
    return "connect once with: stui-supervisor run tcp://127.0.0.1:5555"
