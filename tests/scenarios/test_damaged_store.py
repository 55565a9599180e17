"""Two thousand ways to spoil what is stored: a start uses the newest whole work, tells what it cannot, and saves."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import QUARANTINE_MAX_FILES
from stui_supervisor.context.context import Section
from stui_supervisor.session.records import ClaimedSession, SessionRecord
from tests.support.files.scratch import scratch
from tests.support.files.stored_files import NEW, OLD, RECORD

if sys.platform == "win32":
    pytest.skip("only on POSIX systems, which have links and odd files", allow_module_level=True)

START_LIMIT_S = 2.0
CASES = 2_000
LATER = {"x": Section(b'"later"', 9, "me")}
MIDDLE = {"x": Section(b'"middle"', 2, "me"), "y": Section(b"[1]", 1, "me")}
CONTEXTS = {"context.3.json": NEW, "context.2.json": MIDDLE, "context.1.json": OLD}
RECORDS = ("endpoint.2.json", "endpoint.1.json")
FILES = (*CONTEXTS, *RECORDS)

Damage = Callable[[Path], None]


class Case(NamedTuple):
    """What is done to which files of the session, and how it is called when it fails."""

    damages: tuple[tuple[str, Damage], ...]
    name: str


def cut(length: int) -> Damage:
    return lambda path: os.truncate(path, length)


def flip(bit: int) -> Damage:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[bit // 8 % len(content)] ^= 1 << bit % 8
        path.write_bytes(content)

    return damage


def blank(start: int, length: int) -> Damage:
    """Zeroes, as after a power cut."""

    def damage(path: Path) -> None:
        content = path.read_bytes()
        at = start % len(content)
        path.write_bytes(content[:at] + bytes(min(length, len(content) - at)) + content[at + length :])

    return damage


def swap(other: str) -> Damage:
    def damage(path: Path) -> None:
        mine, theirs = path.read_bytes(), path.with_name(other).read_bytes()
        path.write_bytes(theirs)
        path.with_name(other).write_bytes(mine)

    return damage


def instead(make: Damage) -> Damage:
    def damage(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path)

    return damage


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(os.path.relpath(path))


ODD_THINGS: dict[str, Damage] = {
    "directory": Path.mkdir,
    "full directory": lambda path: (path / "a" / "b").mkdir(parents=True),
    "fifo": os.mkfifo,
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to endless zeroes": lambda path: path.symlink_to("/dev/zero"),
    "link to a whole file": lambda path: path.symlink_to("context.1.json"),
    "socket": make_socket,
    "empty file": Path.touch,
    **({"device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))} if os.geteuid() == 0 else {}),
}


def cases(sizes: dict[str, int]) -> Iterator[Case]:
    rng = Random(4)  # noqa: S311  # places, no secrets
    for file in ("context.3.json", "endpoint.2.json"):
        yield from (Case(((file, cut(length)),), f"{file} cut to {length}") for length in range(sizes[file]))
    for what, make in ODD_THINGS.items():
        for file in FILES:
            yield Case(((file, instead(make)),), f"{what} for {file}")
    for one, other in itertools.permutations(FILES, 2):
        yield Case(((one, swap(other)), (other, lambda _: None)), f"{one} and {other} swapped")
    for _ in range(120):
        file, start, length = rng.choice(FILES), rng.randrange(1_000), rng.randrange(1, 600)
        yield Case(((file, blank(start, length)),), f"{length} zeroes at {start} in {file}")
    for _ in range(100):
        spoilt = rng.sample(FILES, rng.randint(2, len(FILES)))
        yield Case(tuple((file, flip(rng.randrange(8_000))) for file in spoilt), f"flips in {spoilt}")
    while True:
        file, bit = rng.choice(FILES), rng.randrange(8_000)
        yield Case(((file, flip(bit)),), f"bit {bit} flipped in {file}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "sessions"
    files = FileSessionStore(root)
    session_id = files.claim("default").session_id
    files.save_record(session_id, RECORD)
    for sections in (OLD, MIDDLE, NEW):
        files.save_context(session_id, sections)
    files.release(session_id)
    assert {path.name for path in (root / session_id).glob("*.json")} == set(FILES)
    return root


def timed_claim(files: FileSessionStore) -> ClaimedSession:
    began = time.monotonic()
    claimed = files.claim("default")
    assert time.monotonic() - began < START_LIMIT_S
    return claimed


def check(template: Path, case: Case) -> None:
    with scratch() as place:
        root = place / "sessions"
        shutil.copytree(template, root)
        (directory,) = (path for path in root.iterdir() if path.is_dir())
        for file, damage in case.damages:
            damage(directory / file)
        spoilt = {file for file, _ in case.damages}
        whole = [sections for file, sections in CONTEXTS.items() if file not in spoilt]
        is_known = any(file not in spoilt for file in RECORDS)

        files = FileSessionStore(root)
        claimed = timed_claim(files)
        if whole or is_known:
            assert claimed.session_id == directory.name
        assert claimed.sections == (whole[0] if whole else {})
        assert claimed.record == (SessionRecord(profile="default") if "endpoint.2.json" in spoilt else RECORD)
        used = {"context.3.json", "endpoint.2.json"}
        assert bool(claimed.notices) == bool(spoilt & used)
        assert all(notice.message and notice.hint for notice in claimed.notices)

        files.save_context(claimed.session_id, LATER)
        files.release(claimed.session_id)
        again = timed_claim(files)
        assert (again.session_id, again.sections) == (claimed.session_id, LATER)
        assert [notice for notice in again.notices if notice.code == "damaged_file"] == []
        assert len(list((root / "quarantine").glob("*"))) <= QUARANTINE_MAX_FILES


@pytest.mark.timeout(180)
def test_the_newest_whole_work_is_used_and_what_could_not_be_is_told_once(template: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in template.rglob("*.json")}
    for case in itertools.islice(cases(sizes), CASES):
        try:
            check(template, case)
        except AssertionError as error:
            error.add_note(case.name)
            raise


ELSEWHERE = ("lock", "../claim.lock", "../quarantine", "")


@pytest.mark.parametrize("what", ODD_THINGS)
@pytest.mark.parametrize("place", ELSEWHERE, ids=["its lock", "the claim lock", "the quarantine", "the session"])
def test_an_odd_thing_in_any_other_place_holds_up_no_start(template: Path, what: str, place: str) -> None:
    with scratch() as base:
        root = base / "sessions"
        shutil.copytree(template, root)
        (directory,) = (path for path in root.iterdir() if path.is_dir())
        (directory / "context.3.json").write_bytes(b"damaged")
        instead(ODD_THINGS[what])((directory / place).resolve())
        files = FileSessionStore(root)
        claimed = timed_claim(files)
        files.save_context(claimed.session_id, LATER)
        files.release(claimed.session_id)
        assert timed_claim(files).sections == LATER


@pytest.mark.parametrize(
    "name", ["context.07.json", "context.3.json~", "context.0.json", "context.-4.json", "Context.9.json"]
)
def test_a_name_that_this_program_never_gives_is_not_read_and_not_removed(template: Path, name: str) -> None:
    with scratch() as base:
        root = base / "sessions"
        shutil.copytree(template, root)
        (directory,) = (path for path in root.iterdir() if path.is_dir())
        shutil.copy(directory / "context.1.json", directory / name)
        files = FileSessionStore(root)
        claimed = files.claim("default")
        for _ in range(5):
            files.save_context(claimed.session_id, LATER)
        assert (claimed.sections, claimed.notices) == (NEW, ())
        assert (directory / name).exists()


def test_the_same_content_under_two_numbers_is_used_once_and_the_copy_is_told(template: Path) -> None:
    with scratch() as base:
        root = base / "sessions"
        shutil.copytree(template, root)
        (directory,) = (path for path in root.iterdir() if path.is_dir())
        shutil.copy(directory / "context.1.json", directory / "context.7.json")
        claimed = FileSessionStore(root).claim("default")
        assert (claimed.sections, [notice.code for notice in claimed.notices]) == (NEW, ["damaged_file"])
