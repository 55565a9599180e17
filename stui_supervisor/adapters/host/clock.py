"""What the host gives: its clocks, and the directories for our files."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from stui_supervisor.errors import ConfigurationError, StoreError

HOME_VARIABLE: Final = "STUI_SUPERVISOR_HOME"
_APPLICATION: Final = "stui-supervisor"
_PROFILES: Final = "profiles.json"
_TICK_S: Final = 1e-7  # of QueryUnbiasedInterruptTime

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

    def asleep_s(self) -> float:
        """Seconds that the machine has slept since some fixed moment; only differences mean anything.

        Two clocks, one of which stands still during sleep. Linux: clock_gettime(2). macOS: clock_gettime(3); these
        are mach_continuous_time and mach_absolute_time. Where only the wall clock runs on, setting it looks like sleep.
        """
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        if sys.platform == "darwin":
            return time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
        if sys.platform == "win32":
            return time.monotonic() - _awake_s()
        return time.time() - time.monotonic()

    def elapsed_s(self) -> float:
        """Seconds since some fixed moment, those asleep included, however the wall clock is set."""
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        if sys.platform == "darwin":
            return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        return time.monotonic()  # on Windows it counts them


def _awake_s() -> float:
    """Seconds since Windows was started, without those asleep; time.monotonic counts these there."""
    import ctypes  # noqa: PLC0415  # no other system needs it

    ticks = ctypes.c_ulonglong()
    ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))  # type: ignore[attr-defined]  # Windows only
    return ticks.value * _TICK_S


class Directories(NamedTuple):
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


def named_home(home: Path | str | None) -> Path | str | None:
    """What ``home``, else ``STUI_SUPERVISOR_HOME``, names at this moment, wherever the program goes later.

    None where neither names one. Raises ConfigurationError for a relative one when the working directory is gone.
    """
    from pathlib import Path  # noqa: PLC0415  # as above

    chosen = home or os.environ.get(HOME_VARIABLE)
    if not chosen:
        return None
    try:
        return chosen if str(chosen).startswith("~") else Path(chosen).absolute()
    except OSError as error:
        raise ConfigurationError(
            f"the home {str(chosen)!a} is a relative path, and the working directory is gone",
            hint="name it with its whole path",
        ) from error


def is_home_named(home: Path | str | None) -> bool:
    """True where somebody has said which directory it is."""
    return bool(home or os.environ.get(HOME_VARIABLE))


def _of_the_platform() -> Directories:
    from platformdirs import PlatformDirs  # noqa: PLC0415 - not needed with a home of one's own

    places = PlatformDirs(_APPLICATION, appauthor=False)
    found = Directories(places.user_state_path / "sessions", places.user_log_path, places.user_state_path / _PROFILES)
    if not found.sessions_root.is_absolute():
        raise OSError("no home directory is set")
    return found
