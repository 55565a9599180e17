from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

import pytest

from stui_supervisor.adapters.host.clock import HOME_VARIABLE, Directories, SystemClock, directories, named_home
from stui_supervisor.errors import ConfigurationError, StoreError

posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: accounts")


def test_a_named_home_holds_everything_and_is_not_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert (
        directories(home)
        == directories(str(home))
        == Directories(home / "sessions", home / "logs", home / "profiles.json")
    )
    assert not home.exists()


def test_a_named_home_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "variable"))
    assert directories().sessions_root == tmp_path / "variable" / "sessions"
    assert directories(tmp_path / "named").logs == tmp_path / "named" / "logs"


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert directories("here").sessions_root == Path.cwd() / "here" / "sessions"


def test_a_home_is_what_was_named_wherever_the_program_goes_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert [named_home(None), named_home("")] == [None, None]
    assert (named_home("here"), named_home(Path("here"))) == (Path.cwd() / "here", Path.cwd() / "here")
    assert (named_home(tmp_path), named_home("~/here")) == (tmp_path, "~/here")
    monkeypatch.setenv(HOME_VARIABLE, "there")
    assert (named_home(None), named_home("here")) == (Path.cwd() / "there", Path.cwd() / "here")


@posix
def test_where_the_working_directory_is_gone_a_relative_home_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="'here' is a relative path, and the working directory is gone"):
        named_home("here")


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: the XDG variables")
def test_without_a_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = directories()
    ours = tmp_path / "stui-supervisor"
    assert found == Directories(ours / "sessions", ours / "log", ours / "profiles.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: the XDG variables")
def test_a_directory_of_the_platform_that_is_a_relative_path_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    assert directories().sessions_root == tmp_path / ".local" / "state" / "stui-supervisor" / "sessions"


@posix
def test_a_home_of_an_account_that_does_not_exist_is_refused() -> None:
    with pytest.raises(StoreError, match="name one with home or STUI_SUPERVISOR_HOME"):
        directories("~no-such-account-here/home")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become an account without an entry")
@posix
def test_an_account_without_a_home_is_told_to_name_one() -> None:
    code = (
        "import os, platformdirs, stui_supervisor.adapters.host.clock as host\n"
        "os.setuid(54321)\n"
        "try: host.directories()\n"
        "except host.StoreError as error: print(error.hint)"
    )
    nowhere = {
        name: value for name, value in os.environ.items() if name not in {"HOME", HOME_VARIABLE, "XDG_STATE_HOME"}
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=nowhere, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "name one with home or STUI_SUPERVISOR_HOME"


def test_the_clocks_run_forwards_and_in_utc() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.utc().tzinfo is UTC


def test_importing_the_adapters_of_the_disk_loads_no_slow_library() -> None:
    code = (
        "import sys, stui_supervisor.adapters.sessions.store, stui_supervisor.adapters.host.clock\n"
        "print(sorted({'filelock', 'platformdirs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is sleep the difference of these two")
def test_sleep_is_what_the_boot_clock_has_and_the_monotonic_one_lacks() -> None:
    expected = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    assert SystemClock().asleep_s() == pytest.approx(expected, abs=0.05)
    assert SystemClock().elapsed_s() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=0.05)
