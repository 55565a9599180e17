"""What ``profiles`` does: list, show and change what is settled for each profile."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from stui_supervisor.adapters.host.worker import in_time
from stui_supervisor.adapters.profiles.codec import profile_values
from stui_supervisor.adapters.zmq.ipc_owner import can_be_asked, user_number
from stui_supervisor.cli.commands.stored_state import profile_file, unknown_profile
from stui_supervisor.cli.console.consent import is_agreed
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.hints import command
from stui_supervisor.cli.console.terminal import Terminal, shown
from stui_supervisor.config import DEFAULTS, IMAGE_PIN_MAX_BYTES
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, CredentialError, StoreError
from stui_supervisor.printable import printable
from stui_supervisor.profile import Profile, checked_name
from stui_supervisor.security.curve import checked_key

_EXAMPLE: Final = ("profiles", "add", "work", "tcp://127.0.0.1:5555")


def list_all(arguments: argparse.Namespace) -> ExitCode:
    """Print every profile, favourites first."""
    terminal = Terminal.of(arguments)
    known, doubt = profile_file(arguments).read_all()
    profiles = sorted(known.values(), key=lambda profile: (not profile.favourite, profile.name))
    if terminal.as_json:
        terminal.answer({"profiles": [_values(profile) for profile in profiles]})
    elif not profiles and doubt is None:
        terminal.note(f"No profile is stored yet. Add one with: {printable(command(arguments, *_EXAMPLE))}")
    width = max((len(printable(profile.name)) for profile in profiles), default=0)
    for profile in profiles:
        mark = "*" if profile.favourite else " "
        terminal.line(f"{mark} {printable(profile.name).ljust(width)}  {_places(profile)}")
    if doubt is not None:
        terminal.note(f"There may be others: {printable(doubt.message)}\n  {printable(doubt.hint)}")
    return ExitCode.DONE


def show(arguments: argparse.Namespace) -> ExitCode:
    """Print one profile."""
    terminal = Terminal.of(arguments)
    known, _ = profile_file(arguments).read_all()
    if arguments.name not in known:
        profile_file(arguments).read(arguments.name)  # says so when it is not known whether there is one
        raise _unknown(arguments, known)
    _print(known[arguments.name], terminal)
    return ExitCode.DONE


def confirm(arguments: argparse.Namespace) -> ExitCode:
    """Decide what holds for profiles that cannot be read any more."""
    from stui_supervisor.adapters.profiles.repair import NOWHERE  # noqa: PLC0415  # rarely needed
    from stui_supervisor.adapters.profiles.repair import confirm as decide  # noqa: PLC0415  # as above

    terminal, file, limit_s = Terminal.of(arguments), profile_file(arguments), DEFAULTS.restore_timeout_s
    name = None if arguments.name is None else checked_name(arguments.name)
    try:
        _, doubt = in_time("stui-profile", file.read_all, limit_s)
    except TimeoutError as error:
        hint = "see whether the disk answers; until then --without-profile links without it"
        raise StoreError(f"the profiles were not read within {limit_s:g} s", hint=hint) from error
    decided = decide(file, name)
    if terminal.as_json:
        terminal.answer({"confirmed": [{**_values(one.profile), "read_from": one.source or None} for one in decided]})
    elif not decided and (doubt is None or name is not None):
        what = "Nothing was" if doubt is None or name is None else f"{printable(name)} was not"
        terminal.line(f"{what} in doubt; nothing is changed.")
    elif not decided:
        terminal.line("What could not be read is given up: no token, key or image is asked for by it any more.")
    for one in decided:
        source = "nothing could be read of it, and nothing is settled now" if one.source == NOWHERE else one.source
        terminal.line(f"{printable(one.profile.name)}: {printable(source)}")
        _print_values(one.profile, terminal)
    if decided:
        terminal.note("See that it is as you want it; 'profiles add' changes it. What was there is kept in quarantine.")
    return ExitCode.DONE


def add(arguments: argparse.Namespace) -> ExitCode:
    """Add or change a profile, and print it."""
    name, given, pins = checked_name(arguments.name), _fields_given(arguments), _pins(arguments.server_key or ())

    def change(known: Profile | None) -> Profile:
        before = known or Profile(name=name)
        others = {
            at: key
            for at, key in before.server_keys.items()
            if not any(pin.is_stored_as(at) or at in pin.stored_as for pin in pins)
        }
        keys = {str(endpoint): key for endpoint, key in pins.items() if key}
        return replace(before, **given, server_keys={**others, **keys})

    done = _change(arguments, change)
    _take_over_tokens(arguments)
    return done


def favourite(arguments: argparse.Namespace) -> ExitCode:
    """Mark a profile or take the mark away, and print it."""
    return _change(arguments, lambda known: replace(_existing(known, arguments), favourite=not arguments.off))


def forget(arguments: argparse.Namespace) -> ExitCode:
    """Remove a profile's entry; its sessions stay."""

    def leave_out(known: Profile | None) -> None:
        _existing(known, arguments)

    terminal, file = Terminal.of(arguments), profile_file(arguments)
    settled, doubt = file.read_all()
    if doubt is not None:
        file.read(arguments.name)  # which says what to do about this one, where it is in doubt
    profile = _existing(settled.get(arguments.name), arguments)
    if arguments.dry_run:
        _print(profile, terminal)
        terminal.note(f"This would be forgotten of {printable(arguments.name)}; nothing is changed.")
        return ExitCode.DONE
    if not is_agreed(f"forget what is settled for {printable(arguments.name)}", arguments, terminal):
        return ExitCode.FAILED
    file.change(arguments.name, leave_out)
    if terminal.as_json:
        terminal.answer({"forgotten": arguments.name})
    terminal.line(f"The profile {printable(arguments.name)} is forgotten; its sessions are not.")
    return ExitCode.DONE


def _change(arguments: argparse.Namespace, change: Callable[[Profile | None], Profile]) -> ExitCode:
    terminal = Terminal.of(arguments)
    profile = profile_file(arguments).change(arguments.name, change)
    if profile is not None:
        _print(profile, terminal)
    return ExitCode.DONE


def _take_over_tokens(arguments: argparse.Namespace) -> None:
    """Look for the tokens that an earlier version stored under relative paths; reading one stores it anew."""
    named = [Endpoint.parse(text) for text in arguments.endpoints or () if text.lower().startswith("ipc:")]
    if not named or not profile_file(arguments).read(checked_name(arguments.name))[0].uses_token:
        return
    from stui_supervisor.adapters.keyring.credentials import KeyringCredentials  # noqa: PLC0415  # rarely needed
    from stui_supervisor.cli.commands.login_actions import ask_keyring  # noqa: PLC0415  # as above

    for endpoint in named:
        try:
            ask_keyring(lambda one=endpoint: KeyringCredentials().read(one))  # type: ignore[misc]
        except CredentialError as error:
            Terminal.of(arguments).note(f"Its token could not be looked for: {error.message}\n  {error.hint}")
            return


def _fields_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of the profile that the command line sets."""
    given: dict[str, Any] = {}
    if arguments.endpoints:
        given["endpoints"] = tuple(dict.fromkeys(str(Endpoint.parse(text)) for text in arguments.endpoints))
    if arguments.pin_image is not None:
        given["pin_image"] = _checked_image(arguments.pin_image) or None
    if arguments.notifications is not None:
        given["notifications"] = str(Endpoint.parse(arguments.notifications)) if arguments.notifications else None
    if arguments.topic is not None:
        given["topics"] = tuple(dict.fromkeys(_checked_topic(topic) for topic in arguments.topic if topic))
    if arguments.ipc_owner is not None:
        given["ipc_owner"] = _checked_user(arguments.ipc_owner) or None
    for flag in ("failover", "allow_plaintext_token"):
        if getattr(arguments, flag) is not None:
            given[flag] = getattr(arguments, flag)
    return given


def _pins(words: Iterable[str]) -> dict[Endpoint, str]:
    """The keys to pin by endpoint, each given as ENDPOINT=KEY; an empty one takes the pin away.

    One that an earlier version stored under exactly this text goes with it.
    """
    pins: dict[Endpoint, str] = {}
    for word in words:
        endpoint, separator, key = word.partition("=")
        if not separator:
            raise ConfigurationError(f"{word!a} names no key", hint=f"write '{endpoint}=KEY', in quotes")
        pins[replace(Endpoint.parse(endpoint), stored_as=(endpoint,))] = checked_key(key) if key else ""
    return pins


def _checked_image(name: str) -> str:
    """The name itself. Raises ConfigurationError for one that is too long for the file of all profiles."""
    if len(name.encode(errors="surrogatepass")) > IMAGE_PIN_MAX_BYTES:
        raise ConfigurationError(
            f"the image's name is longer than {IMAGE_PIN_MAX_BYTES:,} bytes", hint="give it as status shows it"
        )
    return name


def _checked_user(name: str) -> str:
    """The name itself. Raises ConfigurationError when the system knows no such user."""
    if name and can_be_asked and user_number(name) is None:
        raise ConfigurationError(f"{name!a} is no user of this system", hint="give a user's name or number")
    return name


def _checked_topic(topic: str) -> str:
    """The topic itself. Raises ConfigurationError when it is no UTF-8: nobody can subscribe to such a topic."""
    try:
        topic.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"{topic!a} cannot be a topic", hint="give it as the image names it, in the terminal's encoding"
        ) from error
    return topic


def _existing(known: Profile | None, arguments: argparse.Namespace) -> Profile:
    if known is None:
        raise _unknown(arguments, profile_file(arguments).read_all()[0])
    return known


def _unknown(arguments: argparse.Namespace, known: Mapping[str, Profile]) -> ConfigurationError:
    return unknown_profile(arguments.name, known, f"add one with: {command(arguments, *_EXAMPLE)}")


def _values(profile: Profile) -> dict[str, Any]:
    return {"name": profile.name, **profile_values(profile)}


def _places(profile: Profile) -> str:
    own = ", ".join(profile.endpoints) + (" (failover)" if profile.failover else "")
    recent = f"recent: {', '.join(profile.recent)}" if profile.recent else ""
    return printable("; ".join(filter(None, (own, recent))) or "no endpoint yet")


def _print(profile: Profile, terminal: Terminal) -> None:
    if terminal.as_json:
        terminal.answer(_values(profile))
    _print_values(profile, terminal)


def _print_values(profile: Profile, terminal: Terminal) -> None:
    values = _values(profile)
    width = max(map(len, values))
    for name, value in values.items():
        if value or isinstance(value, bool):
            terminal.row(name, width, shown(value))
