"""What the host gives: its clocks, and the directories for our files."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from stui_supervisor.errors import StoreError

HOME_VARIABLE: Final = "STUI_SUPERVISOR_HOME"
_APPLICATION: Final = "stui-supervisor"
_PROFILES: Final = "profiles.json"

if TYPE_CHECKING:
    from pathlib import Path


class SystemClock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def utc(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Directories:
    """Where sessions, logs and the profiles are kept. Directories are made when the first file is."""

    sessions_root: Path
    logs: Path
    profiles: Path


def directories(home: Path | str | None = None) -> Directories:
    """Below ``home``, else below ``STUI_SUPERVISOR_HOME``, else where the platform keeps such files.

    Makes nothing. Raises StoreError when there is no home directory to be found.
    """
    from pathlib import Path  # noqa: PLC0415  # this module is imported for its clock too

    chosen = home or os.environ.get(HOME_VARIABLE)
    try:
        if chosen:
            root = Path(chosen).expanduser().absolute()
            return Directories(root / "sessions", root / "logs", root / _PROFILES)
        return _of_the_platform()
    except (OSError, RuntimeError, KeyError) as error:  # pathlib and pwd say so when an account has no home
        raise StoreError(
            f"there is no directory for sessions and logs ({error})", hint=f"name one with home or {HOME_VARIABLE}"
        ) from error


def _of_the_platform() -> Directories:
    from platformdirs import PlatformDirs  # noqa: PLC0415 - not needed with a home of one's own

    places = PlatformDirs(_APPLICATION, appauthor=False)
    found = Directories(places.user_state_path / "sessions", places.user_log_path, places.user_state_path / _PROFILES)
    if not found.sessions_root.is_absolute():
        raise OSError("no home directory is set")
    return found
