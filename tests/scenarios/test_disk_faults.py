"""Real refusals of the system in the middle of a save: nothing that was saved is lost, and the next save works."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section

# The claim makes two directories and writes a record: the first save of a context begins with the fifth flush.
SAVER = """
import os, sys
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError

files = FileSessionStore(sys.argv[1])
try:
    claimed = files.claim("default")
except StoreError:
    os._exit(0)
for number in (1, 2, 3):
    try:
        files.save_context(claimed.session_id, {"x": Section(b"%d" % number, number, "me")})
    except StoreError as error:
        print(number, error.__cause__.strerror)
os._exit(0)
"""


@functools.cache
def can_inject() -> bool:
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", sys.executable, "-c", "pass"]
    return subprocess.run(probe, capture_output=True, check=False, timeout=30).returncode == 0


@pytest.fixture
def tracer() -> None:
    if not can_inject():
        pytest.skip("strace cannot trace here")


def run(root: Path, *options: str, ends_with: int = 0) -> tuple[str, str]:
    """What the saver printed, and the trace."""
    trace = root.with_name("trace")
    command = ["strace", "-f", "-o", str(trace), *options, sys.executable, "-c", SAVER, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == ends_with, done.stderr
    return done.stdout, trace.read_text()


@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize(
    ("call", "when", "error", "said"),
    [
        ("fsync", 7, "EIO", "2 Input/output error\n"),
        ("fsync", 8, "EIO", "2 Input/output error\n"),
        ("fsync", 8, "EINVAL", ""),
        ("rename", 4, "EACCES", "2 Permission denied\n"),
        ("fchmod", 4, "EPERM", ""),
        ("unlink", 1, "EROFS", ""),
    ],
)
def test_a_refused_call_costs_only_its_own_save(tmp_path: Path, call: str, when: int, error: str, said: str) -> None:
    root = tmp_path / "sessions"
    printed, _ = run(root, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
    assert printed == said
    claimed = FileSessionStore(root).claim("default")
    assert (claimed.sections, claimed.notices) == ({"x": Section(b"3", 3, "me")}, ())
    assert not list(root.rglob("*.tmp"))


@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
def test_a_disk_that_never_flushes_again_keeps_what_it_has(tmp_path: Path, error: str) -> None:
    root = tmp_path / "sessions"
    printed, _ = run(root, "-e", "trace=fsync", "-e", f"inject=fsync:error={error}:when=7+")
    assert [line[0] for line in printed.splitlines()] == ["2", "3"]
    claimed = FileSessionStore(root).claim("default")
    assert (claimed.sections, claimed.notices) == ({"x": Section(b"1", 1, "me")}, ())


@pytest.mark.usefixtures("tracer")
def test_a_save_is_flushed_before_and_after_it_gets_its_name(tmp_path: Path) -> None:
    _, trace = run(tmp_path / "sessions", "-y", "-e", "trace=openat,write,fsync,rename,read")
    lines = [
        line for line in trace.splitlines() if re.search(r"context\.2\.json|fsync\(\d+<[^>]*sessions/[0-9a-f-]+>", line)
    ]
    start = next(index for index, line in enumerate(lines) if "O_EXCL" in line)
    save = lines[start:]
    assert re.search(r"O_RDWR\|O_CREAT\|O_EXCL\|O_NOFOLLOW\|O_CLOEXEC, 0600\)", save[0])
    calls = [re.search(r"(\w+)\(", line) for line in save]
    names = [found[1] for found in calls if found]
    order = ["openat", "write", "write", "fsync", "read", "read", "read", "rename", "fsync"]
    assert names[: len(order)] == order


@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_where_the_system_has_no_locks_no_session_is_begun(tmp_path: Path, error: str) -> None:
    root = tmp_path / "sessions"
    printed, trace = run(root, "-e", "trace=flock", "-e", f"inject=flock:error={error}")
    assert (printed, "INJECTED" in trace) == ("", True)
    assert [path for path in root.iterdir() if path.is_dir()] == []


WRITING = ("mkdir", "flock", "fchmod", "fsync", "rename", "unlink")


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("tracer")
@pytest.mark.parametrize("how", ["error=ENOSPC", "error=EIO", "error=EROFS", "error=EINTR", "signal=KILL"])
def test_whatever_the_system_does_to_one_call_the_next_start_saves(tmp_path: Path, how: str) -> None:
    _, trace = run(tmp_path / "counted", "-e", f"trace={','.join(WRITING)}")
    for call in WRITING:
        for nth in range(1, len(re.findall(rf"\b{call}\(", trace)) + 1):
            root = tmp_path / f"{call} {nth}"
            inject = f"inject={call}:{how}:when={nth}"
            run(root, "-e", f"trace={call}", "-e", inject, ends_with=-9 if "KILL" in how else 0)
            files = FileSessionStore(root)
            claimed = files.claim("default")
            assert dict(claimed.sections) in [
                {},
                *({"x": Section(b"%d" % number, number, "me")} for number in (1, 2, 3)),
            ]
            assert claimed.notices == ()
            files.save_context(claimed.session_id, {"x": Section(b"4", 4, "me")})
            files.release(claimed.session_id)
            assert not list(root.rglob("*.tmp"))
