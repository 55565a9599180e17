"""What is stored of a profile, for commands that run beside a supervisor or without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from stui_supervisor.adapters.host.clock import directories
from stui_supervisor.adapters.host.worker import in_time
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.adapters.sessions.stored_session import StoredSession
from stui_supervisor.cli.console.hints import command, way_out
from stui_supervisor.cli.console.terminal import GlobalOptions
from stui_supervisor.config import DEFAULTS
from stui_supervisor.endpoint import Endpoint, RelativePath, relative_among
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.failures import FAILURES, kind_named
from stui_supervisor.profile import Profile, checked_name

_EXAMPLE: Final = "tcp://127.0.0.1:5555"
_SLOW: Final = "see whether the disk answers, then try again"


def profile_file(options: GlobalOptions) -> FileProfileStore:
    """The file of the profiles; its errors name the command that helps. Raises StoreError when there is no home."""
    return FileProfileStore(directories(options.home).profiles, confirm=command(options, "profiles", "confirm"))


def stored_sessions(options: GlobalOptions) -> list[StoredSession]:
    """The sessions of the profile, those of a running supervisor first, then the newest.

    Raises ConfigurationError for a profile that nobody has used, and StoreError when the disk cannot be read.
    """
    places = directories(options.home)
    files = FileSessionStore(places.sessions_root)
    sessions = list(files.read_newest(options.profile))
    if not sessions and options.profile not in {None, "default"}:
        settled, doubt = settled_profiles(options)
        known = files.known_profiles() | settled.keys()
        if checked_name(options.profile) not in known and doubt is None:
            raise unknown_profile(options.profile, known, f"begin a new one with: {command(options, 'run', _EXAMPLE)}")
    return sorted(sessions, key=lambda session: session.live, reverse=True)


def unknown_profile(name: str, known: Iterable[str], way: str) -> ConfigurationError:
    """The error for a profile that is not among the known ones; ``way`` says how to make a new one."""
    names = ", ".join(sorted(known)) or "none"
    return ConfigurationError(f"the profile {name!a} is not known", hint=f"known profiles: {names}; {way}")


def settled_profiles(options: GlobalOptions) -> tuple[Mapping[str, Profile], StoreError | None]:
    """The profiles by their names, and the error when there may be others that cannot be read.

    It waits for the disk as long as a start does.
    """
    try:
        return in_time("stui-profile", profile_file(options).read_all, DEFAULTS.restore_timeout_s)
    except StoreError as error:
        return {}, error
    except TimeoutError:
        return {}, StoreError(f"the profiles were not read within {DEFAULTS.restore_timeout_s:g} s", hint=_SLOW)


def endpoint_of_profile(options: GlobalOptions) -> Endpoint:
    """Where the profile was connected last, else its first endpoint.

    Raises ConfigurationError when there is none, or only one of an imported session that nobody has named here;
    StoreError when the profile may have one and cannot be read.
    """
    endpoint = endpoint_to_ask(options)
    if endpoint is None:
        raise settled_profiles(options)[1] or no_endpoint(options)
    return endpoint


def endpoint_to_ask(options: GlobalOptions, *, is_without_profile: bool = False) -> Endpoint | None:
    """As ``endpoint_of_profile``, but None when the profile may have one and cannot be read: a link then waits for it.

    With ``is_without_profile`` the link does not depend on the profile, and nothing is waited for.
    """
    record = next((session.record for session in stored_sessions(options) if session.record.endpoint), None)
    settled, doubt = settled_profiles(options)
    name = options.profile or "default"
    profile = settled.get(name, Profile(name=name))
    text = record.endpoint if record is not None else next(iter((*profile.recent, *profile.endpoints)), None)
    waits = doubt is not None and name not in settled and not is_without_profile
    if text is None:
        if waits:
            return None
        raise no_endpoint(options)
    endpoint = _usable(text)
    if record is not None and record.endpoint_from_file and not profile.texts_of(endpoint):
        if waits:
            return None
        raise ConfigurationError(
            f"{endpoint} came with an imported session, and nobody has named it here",
            hint=f"if it is right, connect once with: {command(options, 'run', str(endpoint))}",
        )
    return replace(endpoint, stored_as=tuple(dict.fromkeys((*endpoint.stored_as, *profile.texts_of(endpoint)))))


def with_its_spellings(endpoint: Endpoint, options: GlobalOptions) -> Endpoint:
    """The endpoint with each spelling of it in a profile or session: an earlier version stored its token under that."""
    texts = [text for profile in settled_profiles(options)[0].values() for text in profile.texts_of(endpoint)]
    with suppress(StoreError):
        for session in FileSessionStore(directories(options.home).sessions_root).read_newest():
            known = (session.record.endpoint, session.record.status.get("endpoint"))
            texts += [text for text in known if isinstance(text, str) and endpoint.is_stored_as(text)]
    return replace(endpoint, stored_as=tuple(dict.fromkeys((*endpoint.stored_as, *texts))))


def _usable(text: str) -> Endpoint:
    try:
        return Endpoint.stored(text)
    except RelativePath as error:
        raise ConfigurationError(error.message, hint=error.hint) from None


def no_endpoint(options: GlobalOptions) -> ConfigurationError:
    """The error for a profile without an endpoint, with one that was tried in its hint.

    Raises ConfigurationError when the profile is not known.
    """
    sessions = _sessions_if_readable(options)
    relative = relative_among(session.record.endpoint for session in sessions)
    if relative is not None:
        return ConfigurationError(relative.message, hint=relative.hint)
    tried = next(map(str, _tried(sessions)), None)
    connect = f"connect once with: {command(options, 'run', tried or _EXAMPLE)}"
    refused = kind_named(sessions[0].record.status.get("failure")) if sessions else None
    if tried is not None and refused is not None and FAILURES[refused].rejection is not None:
        connect = f"{way_out(refused, options, endpoint=tried)}; then {connect}"
    if tried is None:
        return ConfigurationError(f"no endpoint is known for the profile {options.profile}", hint=connect)
    return ConfigurationError(f"no link to {tried} was ever established", hint=connect)


def way_to_run(options: GlobalOptions) -> str:
    """The command ``run`` with the endpoint of the last link, the last attempt or the profile; else with an example."""
    sessions = _sessions_if_readable(options)
    known = (session.record.endpoint for session in sessions if session.record.endpoint)
    for text in (*known, *map(str, _tried(sessions)), *_settled(options)):
        with suppress(ConfigurationError):  # of a later version, or not one that could be typed
            return command(options, "run", str(Endpoint.stored(text)))
    return command(options, "run", _EXAMPLE)


def _sessions_if_readable(options: GlobalOptions) -> list[StoredSession]:
    try:
        return stored_sessions(options)
    except StoreError:  # an example helps as well
        return []


def _tried(sessions: list[StoredSession]) -> Iterator[Endpoint]:
    for session in sessions:
        with suppress(ConfigurationError):  # none, or not one that could be typed
            yield Endpoint.stored(session.record.status.get("endpoint") or "")


def _settled(options: GlobalOptions) -> Iterator[str]:
    profile = settled_profiles(options)[0].get(options.profile or "default")
    if profile is not None:
        yield from (*profile.recent, *profile.endpoints)
