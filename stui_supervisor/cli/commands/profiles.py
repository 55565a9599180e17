"""``profiles``: what is settled for each profile."""

from __future__ import annotations

import argparse
from typing import Final

from stui_supervisor.cli.console.consent import add_options
from stui_supervisor.cli.console.declaration import Commands

_ADD: Final = (
    "Add a profile, or change what is given here of it. A supervisor that runs takes it over at its next start, "
    "or when it reconnects after a disconnect."
)


def add_to(commands: Commands) -> None:
    """Add ``profiles`` and what it can do."""
    profiles = commands.add_group(
        "profiles",
        "where each profile links to, and under which conditions",
        "List, show, add, confirm, mark and forget profiles.",
    )
    profiles.add(
        "list",
        "every profile, favourites first",
        "Print every profile with its endpoints and those it was linked to last; favourites come first, with a *.",
        _run,
    )
    _name(
        profiles.add("show", "everything about one profile", "Print everything that is settled for one profile.", _run)
    )
    _settle(profiles.add("add", "add a profile, or change one", _ADD, _run))
    profiles.add(
        "confirm",
        "decide about profiles that cannot be read any more",
        "Write the profiles anew from what can be read of them, and keep what was there in quarantine. Until then "
        "nothing is linked for a profile that cannot be read. With NAME only that one is decided on.",
        _run,
    ).add_argument("name", metavar="NAME", nargs="?", help="the profile's name (default: all of them)")
    favourite = profiles.add("favourite", "mark a profile as a favourite", "Mark a profile as a favourite.", _run)
    _name(favourite)
    favourite.add_argument("--off", action="store_true", help="it is no favourite any more")
    forget = profiles.add(
        "forget",
        "forget what is settled for a profile",
        "Forget what is settled for a profile. Its sessions and their work stay where they are.",
        _run,
    )
    _name(forget)
    add_options(forget)


def _run(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import profile_actions as actions  # noqa: PLC0415  only when one runs

    run = {
        "list": actions.list_all,
        "show": actions.show,
        "add": actions.add,
        "confirm": actions.confirm,
        "favourite": actions.favourite,
        "forget": actions.forget,
    }
    return run[arguments.action_name](arguments)


def _name(action: argparse.ArgumentParser) -> None:
    action.add_argument("name", metavar="NAME", help="the profile's name")


def _settle(action: argparse.ArgumentParser) -> None:
    _name(action)
    action.add_argument(
        "endpoints",
        metavar="ENDPOINT",
        nargs="*",
        default=[],  # without one, argparse asks for an endpoint when the name is missing
        help="where its image may be, in place of those it has; the first is where a first start links to",
    )
    action.add_argument(
        "--failover",
        action=argparse.BooleanOptionalAction,
        help="try the other endpoints too when an attempt fails (default: no)",
    )
    action.add_argument(
        "--pin-image", metavar="ID", help="reject every image that names itself otherwise; an empty ID takes any"
    )
    action.add_argument(
        "--notifications", metavar="ADDRESS", help="where the image publishes; an empty one leaves it to the image"
    )
    action.add_argument(
        "--topic",
        metavar="TOPIC",
        action="append",
        help="a notification that is wanted; may be repeated, and an empty one wants all",
    )
    action.add_argument(
        "--server-key",
        metavar="ENDPOINT=KEY",
        action="append",
        help="encrypt the links to this endpoint, and pin its backend's public key (CURVE, in Z85); may be repeated, "
        "and an empty KEY takes the pin away",
    )
    action.add_argument(
        "--ipc-owner",
        metavar="USER",
        help="trust IPC sockets of this user too, beside your own and root's; by name or number, an empty one takes it "
        "back",
    )
    action.add_argument(
        "--allow-plaintext-token",
        action=argparse.BooleanOptionalAction,
        help="send the token in the clear also over a network (default: no)",
    )
