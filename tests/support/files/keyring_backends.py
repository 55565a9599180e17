"""Backends of the library ``keyring``: one that works, and those that do not. None is ever chosen by itself."""

from __future__ import annotations

import threading

from keyring.backend import KeyringBackend

release = threading.Event()  # lets go of what hangs


class InMemory(KeyringBackend):
    """Works, and counts its writes."""

    priority = -1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has it so
        self.items: dict[tuple[str, str], str] = {}
        self.writes = 0

    def get_password(self, service: str, username: str) -> str | None:
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.writes += 1
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.writes += 1
        del self.items[service, username]


class Hanging(InMemory):
    """Waits for a person who is not there."""

    def get_password(self, service: str, username: str) -> str | None:
        release.wait()
        return super().get_password(service, username)
