"""Which sessions there are below a root, and which of them have to be left out, with a notice that says why.

The directory of a session may be elsewhere, with a link in its place; files/links.py says where that is followed.
Not on Windows, where a link in that place is not looked at.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from stui_supervisor.adapters.files.file_format import parse_name
from stui_supervisor.adapters.files.links import UnsafeLink, directory_behind_link
from stui_supervisor.adapters.files.notices import left_out_notice, newer_notice
from stui_supervisor.adapters.files.passing_errors import patiently
from stui_supervisor.adapters.files.private_files import is_out_of_means, refuse_file_above
from stui_supervisor.adapters.sessions.reader import has_record, look
from stui_supervisor.session.claim_order import Candidate
from stui_supervisor.session.records import Notice

_SESSION_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IS_WINDOWS: Final = os.name == "nt"


@dataclass(frozen=True, slots=True)
class SessionListing:
    """What is below the root. ``left_out`` says why, by the id; ``unreadable`` are sessions without any whole file.

    ``troubles`` are what the disk said of what it did not give; ``damaged`` are unreadable ones that had a record.
    """

    candidates: list[Candidate] = field(default_factory=list)
    left_out: dict[str, Notice] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    troubles: list[OSError] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_certain(self) -> bool:
        """False where some session is not known as it was saved last."""
        return not self.left_out and not self.damaged and all(one.is_whole for one in self.candidates)


def look_around(root: str) -> SessionListing:
    """Look at every session, patiently. Raises OSError when the root cannot be read; a missing one has no sessions."""
    return patiently(lambda: _look_around(root), lambda seen: seen.troubles)


def _look_around(root: str) -> SessionListing:
    directories, links = _names(root)
    behind_links, left_out = _behind_links(root, links, directories)
    seen = SessionListing(left_out=left_out)
    for session_id in [*directories, *behind_links]:
        try:
            candidate, troubles, newer = look(os.path.join(root, session_id), session_id)
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile
            continue
        except OSError as error:
            if is_out_of_means(error):
                raise
            seen.left_out[session_id] = left_out_notice(session_id, error)
            seen.troubles.append(error)
            continue
        seen.troubles.extend(troubles)
        if newer is not None:
            seen.left_out[session_id] = newer_notice(session_id, str(newer))
        elif candidate is not None:
            seen.candidates.append(candidate)
        else:
            seen.unreadable.append(session_id)
            if has_record(os.path.join(root, session_id)):
                seen.damaged.append(session_id)
    return seen


def _names(root: str) -> tuple[list[str], list[str]]:
    """The directories that are named like a session, and the links that are."""
    directories: list[str] = []
    links: list[str] = []
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if not _SESSION_ID.fullmatch(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.name)
                elif entry.is_symlink() and not _IS_WINDOWS:
                    links.append(entry.name)
    except FileNotFoundError:
        refuse_file_above(root)
    return directories, sorted(links)


def _behind_links(root: str, links: list[str], directories: list[str]) -> tuple[list[str], dict[str, Notice]]:
    """The links that lead to a session, and why the others are left out."""
    if not links:
        return [], {}
    found: list[str] = []
    left_out: dict[str, Notice] = {}
    places: set[tuple[int, int]] = set()
    for name in directories:
        with suppress(OSError):  # removed meanwhile
            places.add(_identity(os.path.join(root, name)))
    for name in links:
        try:
            target = directory_behind_link(os.path.join(root, name))
            if (place := _identity(target)) in places:  # kept by one name, it could be removed by the other
                raise UnsafeLink.to_directory("leads to a session that has another name here")
            if not any(map(parse_name, os.listdir(target))):  # nothing is made or removed in what is not ours
                raise UnsafeLink.to_directory("leads to a directory without a session")
        except OSError as error:
            if is_out_of_means(error):
                raise
            left_out[name] = left_out_notice(name, error)
        else:
            places.add(place)
            found.append(name)
    return found, left_out


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
