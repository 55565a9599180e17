"""``login`` and ``logout``: a backend's token, in the system's keyring and nowhere else."""

from __future__ import annotations

import argparse

from stui_supervisor.cli.console.declaration import WITHOUT_ENDPOINT, Commands


def add_to(commands: Commands) -> None:
    """Add ``login`` and ``logout``."""
    login = commands.add(
        "login",
        "keep a backend's token in the keyring, and let the profile use it",
        "Keep the token of ENDPOINT in the system's keyring, and let this profile use it; another profile with the "
        "same endpoint wants a login of its own. The token is asked for, or read from stdin, never an argument.",
        _login,
    )
    logout = commands.add(
        "logout",
        "take a backend's token out of the keyring",
        "Take the token of ENDPOINT out of the system's keyring, for every profile.",
        _logout,
    )
    for command in (login, logout):
        command.add_argument("endpoint", metavar="ENDPOINT", nargs="?", help=WITHOUT_ENDPOINT)


def _login(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import login_actions  # noqa: PLC0415  only when it runs

    return login_actions.login(arguments)


def _logout(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import login_actions  # noqa: PLC0415  as above

    return login_actions.logout(arguments)
