"""Other users of the machine: they see nothing, slip nothing in, and redirect nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import pytest

from stui_supervisor import Supervisor
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.errors import StoreError
from stui_supervisor.profile import Profile
from stui_supervisor.testing import FakePeer
from tests.support.files.denied_writing import plain_account
from tests.support.files.stored_files import NEW, OLD, contents, stored
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs import traced_life
from tests.support.programs.traced_life import live

pytestmark = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: modes, links and owners")
as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")

NEIGHBOUR, US = 12_345, 54_321
MADE = re.compile(r'(open|openat|mkdir|mkdirat)\((?:AT_FDCWD, )?"([^"]*)", (?:([A-Z_|]+), )?(0\d*)\) += \d')
AS_US = f"""
import json, os, sys, uuid, filelock
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.errors import StoreError
os.chdir(sys.argv[1])
os.setgid({US})
os.setuid({US})
files = FileSessionStore("sessions")
try:
    claimed = files.claim("default")
    files.save_context(claimed.session_id, claimed.sections)
    print(json.dumps([claimed.fresh, len(claimed.sections), [notice.code for notice in claimed.notices]]))
except StoreError as error:
    print(json.dumps(error.message))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")
@pytest.mark.parametrize("umask", ["000", "777"])
def test_whatever_is_made_is_private_from_the_call_that_makes_it(umask: str, tmp_path: Path) -> None:
    home, trace = tmp_path / "home", tmp_path / "trace"
    program = ["strace", "-f", "-o", str(trace), "-e", "trace=open,openat,mkdir,mkdirat", sys.executable, "-m"]
    words = [*program, traced_life.__name__, str(home)]
    done = subprocess.run(words, umask=int(umask, 8), capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    made = [match.groups() for match in MADE.finditer(trace.read_text()) if match[2].startswith(str(home))]
    found = {(call.removesuffix("at"), mode) for call, _, _, mode in made}
    assert found == {("open", "0600"), ("mkdir", "0700")}
    names = {Path(path).name.partition(".")[0] or Path(path).name.split(".")[1] for _, path, _, _ in made}
    assert names >= {"home", "sessions", "logs", "quarantine", "lock", "claim", "context", "endpoint", "profiles"}
    followed = [path for call, path, flags, _ in made if call != "mkdir" and "O_NOFOLLOW" not in flags]
    assert followed == []
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [home, *home.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}


async def test_an_account_without_special_rights_works_under_the_narrowest_umask(tmp_path: Path) -> None:
    assert await live(tmp_path)  # what is imported late is there now; the other account may not be able to
    with plain_account() as root:
        before = os.umask(0o777)
        try:
            assert await live(root / "home")
            assert await live(root / "home")
        finally:
            os.umask(before)
        logs = list((root / "home" / "logs").iterdir())
        assert len(logs) == 1
        assert logs[0].stat().st_size > 0


def as_us(home: Path) -> object:
    """What a program of another account finds in the home."""
    done = subprocess.run([sys.executable, "-c", AS_US, str(home)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """One that every account may look at."""
    for path in [tmp_path, *tmp_path.parents]:
        if Path(gettempdir()) in path.parents:
            path.chmod(path.stat().st_mode | 0o055)
    return tmp_path


def given_to(owner: int, *paths: Path) -> None:
    for path in paths:
        os.chown(path, owner, owner, follow_symlinks=False)


@as_root
def test_sessions_that_a_neighbour_has_planted_are_not_used(home: Path) -> None:
    planted = stored(home / "sessions", NEW)
    for path in planted.iterdir():
        path.chmod(0o644)
        given_to(NEIGHBOUR, path)
    planted.chmod(0o777)
    given_to(NEIGHBOUR, planted)
    given_to(US, home / "sessions", home / "sessions" / "claim.lock")
    before = contents(planted)
    match as_us(home):
        case [fresh, sections, [*_]]:
            assert (fresh, sections) == (True, 0)
        case other:
            pytest.fail(f"{other}")
    assert contents(planted) == before


@as_root
def test_a_file_that_a_neighbour_has_planted_among_ours_is_told_and_left(home: Path) -> None:
    ours = stored(home / "sessions", OLD, NEW)
    given_to(US, *(home / "sessions").rglob("*"), home / "sessions")
    planted = ours / "context.9.json"
    shutil.copy(ours / "context.2.json", planted)
    given_to(NEIGHBOUR, planted)
    planted.chmod(0o644)
    record = next(iter(FileSessionStore(home / "sessions").read_newest()))
    assert record.session_id == ours.name
    assert as_us(home) == [False, 1, ["unusable_file"]]
    assert planted.exists()


@as_root
@pytest.mark.parametrize("is_link", [False, True])
def test_a_directory_of_a_neighbour_is_refused(is_link: bool, home: Path) -> None:
    if is_link:
        (home / "elsewhere").mkdir(0o777)
        (home / "sessions").symlink_to("elsewhere")
        given_to(US, home / "elsewhere")
    else:
        (home / "sessions").mkdir()
        (home / "sessions").chmod(0o777)
    given_to(NEIGHBOUR, home / "sessions")
    assert as_us(home) == "sessions belongs to another user"


@as_root
@pytest.mark.parametrize(
    ("whose", "found"),
    [
        ("nothing", [False, 1, []]),
        ("directory", [True, 0, ["unusable_file"]]),
        ("link", [True, 0, ["unusable_file"]]),
    ],
)
def test_a_session_behind_a_link_is_used_when_the_link_and_the_directory_are_ours(
    whose: str, found: object, home: Path
) -> None:
    session = stored(home / "sessions", NEW)
    target = home / "elsewhere"
    session.rename(target)
    session.symlink_to(target)
    given_to(US, home / "sessions", *(home / "sessions").iterdir(), target, *target.iterdir())
    target.chmod(0o755)
    given_to(NEIGHBOUR, *{"nothing": [], "directory": [target], "link": [session]}[whose])
    assert as_us(home) == found
    saved = {"context.1.json", "context.2.json"} if whose == "nothing" else {"context.1.json"}
    assert {name for name in contents(target) if name.startswith("context")} == saved
    assert bool(FileSessionStore(home / "sessions").left_out()) is (whose != "nothing")  # for root it is the same


@pytest.mark.parametrize(
    ("mode", "is_told"), [(0o700, False), (0o770, False), (0o755, False), (0o777, True), (0o1777, False)]
)
def test_a_home_that_everybody_may_change_is_used_and_told(mode: int, is_told: bool, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "sessions").mkdir(parents=True)
    home.chmod(mode)
    notices = FileSessionStore(home / "sessions").claim("default").notices
    told = [("shared_directory", f"take that right away: chmod o-w {home}")] if is_told else []
    assert [(notice.code, notice.hint) for notice in notices] == told


def plant_at(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


async def lives(home: Path) -> None:
    async with Supervisor("tcp://127.0.0.1:5555", home=home, link=FakePeer(EmbeddedImage())) as supervisor:
        supervisor.context["work"] = [1]
        await supervisor.save()


def changes_a_profile(home: Path) -> None:
    FileProfileStore(home / "profiles.json").change("default", lambda _known: Profile(name="default", favourite=True))


def changes_a_profile_twice(home: Path) -> None:
    changes_a_profile(home)
    FileProfileStore(home / "profiles.json").change("default", lambda _known: Profile(name="default"))


async def test_links_in_the_place_of_locks_and_logs_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    for name in ("file", "log"):
        (victim / name).parent.mkdir(exist_ok=True)
        (victim / name).write_text("precious")
    home = tmp_path / "home"
    plant_at(home / "sessions" / "claim.lock", victim / "file")
    victim.chmod(0o777)
    plant_at(home / "logs", victim)
    await lives(home)
    assert contents(victim) == {"file": b"precious", "log": b"precious"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("profiles.json", changes_a_profile),
        ("profiles.backup.json", changes_a_profile_twice),
        ("profiles.lock", changes_a_profile),
    ],
)
@pytest.mark.parametrize("target", ["file", "missing", "directory"])
def test_links_in_the_place_of_profiles_are_not_followed(
    name: str, change: Callable[[Path], None], target: str, tmp_path: Path
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("precious")
    plant_at(tmp_path / "home" / name, tmp_path / target)
    with pytest.raises(StoreError):
        change(tmp_path / "home")
    assert (tmp_path / "home" / name).is_symlink()
    assert contents(tmp_path)["file"] == b"precious"
    assert list((tmp_path / "directory").iterdir()) == []


def test_a_link_in_the_place_of_the_quarantine_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    session = stored(tmp_path / "sessions", OLD, NEW)
    (tmp_path / "sessions" / "quarantine").symlink_to(tmp_path / "victim")
    (session / "context.2.json").write_bytes(b"damaged")
    claimed = FileSessionStore(tmp_path / "sessions").claim("default")
    assert claimed.sections == OLD
    assert list((tmp_path / "victim").iterdir()) == []
