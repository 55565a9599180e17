"""What ``sessions`` does: show what is stored, and go back to an earlier state of it."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stui_supervisor.adapters.files.private_files import write_whole
from stui_supervisor.adapters.host.clock import directories
from stui_supervisor.adapters.sessions.export import EXPORT_MAX_BYTES, decode_export, encode_export
from stui_supervisor.adapters.sessions.history import SessionHistory, StoredCopy, put_back
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.adapters.sessions.stored_session import StoredSession
from stui_supervisor.cli.commands.stored_state import way_to_run
from stui_supervisor.cli.console.consent import is_agreed
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.hints import command
from stui_supervisor.cli.console.terminal import Colour, Terminal, read_stdin, shown
from stui_supervisor.config import IMAGES_KEPT
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.printable import printable
from stui_supervisor.profile import checked_name
from stui_supervisor.session.records import SessionRecord

_STDIN_OR_STDOUT: Final = "-"


def list_all(arguments: argparse.Namespace) -> ExitCode:
    """Print one line for each session, the newest first."""
    terminal, files = Terminal.of(arguments), FileSessionStore(_root(arguments))
    sessions = list(files.read_newest(arguments.profile))
    if terminal.as_json:
        terminal.answer({"sessions": [_fields(session) for session in sessions]})
    elif sessions:
        heading = ["ID", "PROFILE", "IMAGE", "ENDPOINT", "SAVED", "SECTIONS", ""]
        _print_table(terminal, heading, map(_row, sessions))
    for notice in files.left_out().values():
        terminal.note(notice.message)
    if not sessions:
        terminal.note(f"No session is stored. One begins with: {printable(way_to_run(arguments))}")
    return ExitCode.DONE


def show(arguments: argparse.Namespace) -> ExitCode:
    """Print what one session holds."""
    terminal, session = Terminal.of(arguments), _find(arguments)
    archive = SessionHistory(_root(arguments), session.session_id)
    _, stored = archive.content()
    sizes = {name: len(section.value) for name, section in stored.sections.items() if section.value is not None}
    copies = archive.copies()
    known = _fields(session)
    if terminal.as_json:
        sections = [{"name": name, "size_bytes": size} for name, size in sizes.items()]
        terminal.answer({**known, "sections": sections, "copies": [_copy_fields(copy) for copy in copies]})
        return ExitCode.DONE
    width = max(map(len, known))
    for name, value in known.items():
        if value is not None:
            terminal.row(name, width, shown(value))
    terminal.line("")
    _print_table(terminal, ["SECTION", "BYTES"], ([name, f"{size:,}"] for name, size in sizes.items()))
    terminal.line("")
    _print_table(terminal, ["COPY", "SAVED", "SECTIONS", "BYTES", ""], map(_copy_row, copies))
    return ExitCode.DONE


def restore(arguments: argparse.Namespace) -> ExitCode:
    """Make a session the one that the next start of its profile goes on with, perhaps with an older content."""
    terminal, session = Terminal.of(arguments), _find(arguments)
    session_id, copy = session.session_id, arguments.snapshot
    files = FileSessionStore(_root(arguments))
    claimed = files.claim_this(session_id)
    try:
        sections = claimed.sections
        if copy is not None:
            older = SessionHistory(_root(arguments), session_id).sections_of(copy)
            sections = put_back(claimed.sections, older, copy, writer=secrets.token_hex(16))
            if any(section.value is not None for section in claimed.sections.values()):
                files.save_snapshot(session_id, claimed.sections)
        files.save_context(session_id, sections)
        files.choose(claimed.record.profile, session_id)
    finally:
        files.release(session_id)
    for notice in claimed.notices:
        terminal.note(printable(notice.message))
    live = sum(section.value is not None for section in sections.values())
    if terminal.as_json:
        terminal.answer({"session_id": session_id, "restored": copy, "live_sections": live})
    terminal.line(f"The next start of the profile {printable(claimed.record.profile)} goes on with {session_id}.")
    return ExitCode.DONE


def export(arguments: argparse.Namespace) -> ExitCode:
    """Write a session to a file that only its owner can read, or to stdout."""
    terminal, session = Terminal.of(arguments), _find(arguments)
    path = Path(arguments.file)
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise ConfigurationError(f"{path} is not a file", hint="name a new one, or one to replace")
    record, stored = SessionHistory(_root(arguments), session.session_id).content()
    content = encode_export(record or SessionRecord(profile=session.record.profile), stored, datetime.now(UTC))
    if arguments.file == _STDIN_OR_STDOUT:
        terminal.document(content)
        return ExitCode.DONE
    what = f"write over {printable(str(path))}" if path.exists() else f"write {printable(str(path))}"
    if arguments.dry_run:
        return _report_dry_run(
            what, {"session_id": session.session_id, "file": str(path), "exists": path.exists()}, terminal
        )
    if path.exists() and not is_agreed(what, arguments, terminal):
        return ExitCode.FAILED
    try:
        write_whole(str(path.parent), path.name, (content,))
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror})", hint="name another file") from error
    if terminal.as_json:
        terminal.answer({"session_id": session.session_id, "file": str(path), "bytes": len(content)})
    terminal.line(f"{printable(str(path))}: {len(content):,} bytes")
    return ExitCode.DONE


def import_file(arguments: argparse.Namespace) -> ExitCode:
    """Make a session from an exported one."""
    terminal = Terminal.of(arguments)
    record, stored = decode_export(_read(arguments.file))
    profile = record.profile if arguments.profile is None else checked_name(arguments.profile)
    session_id = FileSessionStore(_root(arguments)).begin_with(
        replace(record, profile=profile),  # an exported one has nothing but its endpoint, dialect and image
        stored,
    )
    if terminal.as_json:
        terminal.answer({"session_id": session_id, "profile": profile})
    terminal.line(f"{session_id} is made; the next start of the profile {printable(profile)} goes on with it.")
    return ExitCode.DONE


def prune(arguments: argparse.Namespace) -> ExitCode:
    """Remove the sessions that nobody has used for so long, after showing them."""
    terminal, files = Terminal.of(arguments), FileSessionStore(_root(arguments))
    profile, days, images = arguments.profile, arguments.older_than, 0 if arguments.also_last else IMAGES_KEPT
    found = files.prunable(profile, days, images)
    ids = [session.session_id for session in found]
    what = f"remove {_count(found)}"
    if arguments.dry_run:
        for session_id in ids:
            terminal.line(session_id)
        return _report_dry_run(what, {"would_remove": ids}, terminal)
    if found and not arguments.force:
        for session in found:
            terminal.note("  ".join(printable(cell) for cell in _row(session)).rstrip())
    if found and not is_agreed(what, arguments, terminal):
        return ExitCode.FAILED
    removed = files.prune(profile, days, images) if found else []
    if terminal.as_json:
        terminal.answer({"removed": removed})
    for session_id in removed:
        terminal.line(session_id)
    if not removed:
        terminal.note(f"No session that could go is older than {days:g} days.")
    spared = [] if arguments.also_last else files.prunable(profile, days, 0)
    if spared:
        way = command(arguments, "sessions", "prune", "--older-than", f"{days:g}", "--also-last")
        verb = "holds" if len(spared) == 1 else "hold"
        terminal.note(f"{_count(spared)} as old {verb} the last work of an image; to remove it too: {printable(way)}")
    return ExitCode.DONE


def _count(sessions: Sequence[StoredSession]) -> str:
    return f"{len(sessions)} {'session' if len(sessions) == 1 else 'sessions'}"


def _report_dry_run(what: str, answer: dict[str, Any], terminal: Terminal) -> ExitCode:
    """Report what would be done without ``--dry-run``."""
    if terminal.as_json:
        terminal.answer(answer)
    else:
        terminal.note(f"This would {what}; nothing is changed.")
    return ExitCode.DONE


def _root(arguments: argparse.Namespace) -> str:
    return os.fspath(directories(arguments.home).sessions_root)


def _find(arguments: argparse.Namespace) -> StoredSession:
    """The session that was named. Raises ConfigurationError when there is none, StoreError for one left out."""
    files = FileSessionStore(_root(arguments))
    for session in files.read_newest(arguments.profile):
        if session.session_id == arguments.id:
            return session
    left_out = files.left_out().get(arguments.id)
    if left_out is not None:
        raise StoreError(left_out.message, hint=left_out.hint)
    hint = f"see: {command(arguments, 'sessions', 'list')}"
    raise ConfigurationError(f"there is no session {arguments.id!a}", hint=hint)


def _read(file: str) -> bytes:
    try:
        if file == _STDIN_OR_STDOUT:
            return read_stdin(EXPORT_MAX_BYTES + 1)
        with Path(file).open("rb") as content:
            return content.read(EXPORT_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # the latter for a name that no system takes
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{file!a} cannot be read: {reason}", hint="name an exported session") from error


def _fields(session: StoredSession) -> dict[str, Any]:
    record = session.record
    return {
        "session_id": session.session_id,
        "profile": record.profile,
        "image_id": record.image_id,
        "endpoint": record.endpoint,
        "saved_at": session.saved_at.isoformat(),
        "live_sections": session.live_sections,
        "live": session.live,
    }


def _copy_fields(copy: StoredCopy) -> dict[str, Any]:
    return {**copy._asdict(), "saved_at": None if copy.saved_at is None else copy.saved_at.isoformat()}


def _row(session: StoredSession) -> list[str]:
    record = session.record
    place = [record.profile, record.image_id or "-", record.endpoint or "-"]
    live = "live" if session.live else ""
    return [session.session_id, *place, _time(session.saved_at), str(session.live_sections), live]


def _copy_row(copy: StoredCopy) -> list[str]:
    saved_at = "-" if copy.saved_at is None else _time(copy.saved_at)
    return [copy.name, saved_at, str(copy.live_sections), f"{copy.size_bytes:,}", copy.problem or ""]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _print_table(terminal: Terminal, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heading, *cells, strict=True)]
    for index, row in enumerate([heading, *cells]):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        terminal.line(terminal.paint(line, Colour.DIM) if index == 0 else line)
