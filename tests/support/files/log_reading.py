"""Reads every line of every log below a directory, as a program of the support would, and says what is wrong there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.states import Outcome, State, Trigger
from tests.support.core.transition_table import ALLOWED
from tests.support.files.canary import encodings_in

_LOG: Final = re.compile(
    r"(?P<run>(?P<profile>.+)-[0-9]{8}T[0-9]{9}Z-(?P<pid>[0-9]+)(-[0-9]+)?)(\.(?P<age>[0-9]+))?\.jsonl"
)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\+00:00")
_HEAD: Final = ["timestamp", "level", "event", "profile", "session", "link"]
_TEXT_MAX_LENGTH: Final = 1_000
_LASTED_TOLERANCE_S: Final = (
    0.5  # between the event's time and the look at the clock a busy machine may do other things
)

Is = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_MAX_LENGTH


def text_or_none(value: Any) -> bool:
    return value is None or text(value)


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def whole_or_none(value: Any) -> bool:
    return value is None or whole(value)


def seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def time(value: Any) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def one_of(kind: type[State | Trigger | Outcome]) -> Is:
    return lambda value: value in {member.value for member in kind}


def settings(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, int | float | None) for each in value.values())


_IN_EACH: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "timestamp": time,
        "level": lambda value: value in {"info", "warning"},
        "event": text,
        "profile": text,
        "session": text_or_none,
        "link": whole,
    }
)
_RUN: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "began_at": time,
        "version": text,
        "python": text,
        "libzmq": text_or_none,
        "system": text,
        "pid": whole,
        "settings": settings,
    }
)
_PROBLEM: Final[Mapping[str, Is]] = MappingProxyType({"code": text, "message": text, "hint": text})
REQUIRED: Final[Mapping[str, Mapping[str, Is]]] = MappingProxyType(
    {
        "run_began": _RUN,
        "run_continued": {**_RUN, "state": one_of(State)},
        "run_ended": {"began_at": time},
        "run_without_end": {
            "log": text,
            "pid": whole_or_none,
            "began_at": text,
            "alive_at": time,
            "state": text_or_none,
            "last_session": text_or_none,
        },
        "transition": {
            "from": one_of(State),
            "to": one_of(State),
            "trigger": one_of(Trigger),
            "reason": text,
            "endpoint": text_or_none,
            "attempt": whole,
            "lasted_s": seconds,
        },
        "attempt": {"attempt": whole, "delay_s": seconds, "failure": text},
        "request": {"command": text, "outcome": one_of(Outcome), "duration_ms": seconds, "request_id": text},
        "saved": {"bytes": whole},
        "session_switched": {"session_id": text, "image_id": text_or_none, "reason": text},
        "notifications_missed": {"since": time, "until": time},
        "lines_dropped": {"count": whole},
        "clock_set_back": {"by_s": seconds},
        **dict.fromkeys(("problem", "recovered_store", "credential", "front"), _PROBLEM),
        "network": {},
        "woke": {"slept_s": seconds},
    }
)
_ESTABLISHED: Final[Mapping[str, Is]] = MappingProxyType({"image_id": text_or_none, "boot_id": text_or_none})
_SUMMARY: Final[Mapping[str, Is]] = MappingProxyType({"count": whole, "since": time, "until": time})
_COUNTED: Final = {
    *("attempt", "request", "saved", "notifications_missed", "network", "woke"),
    *("problem", "recovered_store", "credential", "front"),
}
_HEADS: Final = {"run_began", "run_continued"}


def faults_in(directory: Path) -> list[str]:
    """What is wrong with the logs below the directory, with file and line; none where all is well."""
    return [fault for logs in _log_directories(directory) for fault in _faults_of_directory(logs)]


def _log_directories(directory: Path) -> Iterator[Path]:
    for place, _, names in os.walk(directory):
        if any(map(_LOG.fullmatch, names)):
            yield Path(place)


def _faults_of_directory(logs: Path) -> Iterator[str]:
    found = [match for path in logs.iterdir() if (match := _LOG.fullmatch(path.name))]
    found.sort(key=lambda match: (match["run"], -int(match["age"] or 0)))  # of one run the oldest file first
    for _, files in groupby(found, key=lambda match: match["run"]):
        story = Story()
        for match in files:
            yield from _faults_of_file(logs / match[0], match, story)


def _faults_of_file(path: Path, match: re.Match[str], story: Story) -> Iterator[str]:
    content = path.read_bytes()
    if encodings_in(content):
        yield f"{path.name}: holds the secret of the tests"
    if not content.endswith(b"\n"):
        yield f"{path.name}: its last line has no end"
    for number, encoded in enumerate(content.splitlines(), start=1):
        for fault in _faults_of_line(encoded, match, story, is_first=number == 1):
            yield f"{path.name}:{number}: {fault}: {encoded[:300].decode(errors='replace')}"


def _faults_of_line(encoded: bytes, match: re.Match[str], story: Story, *, is_first: bool) -> Iterator[str]:
    try:
        line = json.loads(encoded)
    except ValueError:
        yield "no JSON"
        return
    if not isinstance(line, dict):
        yield "no object"
        return
    faults = list(shape_of(line))
    yield from faults
    if is_first and line.get("event") not in _HEADS:
        yield "the file does not begin with the head of a run"
    if line.get("event") in _HEADS and line.get("pid") != int(match["pid"]):
        yield "the run is another process than the file is named after"
    if re.sub(r"[^A-Za-z0-9_-]", "_", str(line.get("profile")))[:100] != match["profile"]:
        yield "the profile is another than the file is named after"
    if not faults:
        yield from story.follow(line, f"{match['run']}.jsonl")


def shape_of(line: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a line, whatever came before it."""
    if list(line)[: len(_HEAD)] != _HEAD:
        yield f"does not begin with {_HEAD}"
    elif line["event"] not in REQUIRED:
        yield "its event is not known"
    else:
        required = {**_IN_EACH, **_required(line)}
        if line.keys() - {"kind"} != required.keys():
            yield f"has other fields than {sorted(required)}"
            return
        yield from (f"its {name} is none" for name, is_right in required.items() if not is_right(line.get(name)))
        if "kind" in line and line["kind"] not in set(FailureKind):
            yield "its kind is none"
        since, until = str(line.get("since", "")), str(line.get("until", line["timestamp"]))
        if since > until or until > line["timestamp"] or line.get("count") == 0:
            yield "counts nothing"


def _required(line: dict[str, Any]) -> Mapping[str, Is]:
    """The fields that this line has beside those of every line, and beside the kind of a failure."""
    required = REQUIRED[line["event"]]
    if line.get("trigger") == Trigger.ESTABLISHED:
        return {**required, **_ESTABLISHED}
    return {**required, **_SUMMARY} if "count" in line and line["event"] in _COUNTED else required


class Story:
    """The lines of one process and profile, from its oldest file on."""

    def __init__(self) -> None:
        self._is_known = False
        self._state: str | None = None
        self._entered: datetime | None = None
        self._latest: datetime | None = None
        self._began_at: str | None = None
        self._is_over = True

    def follow(self, line: dict[str, Any], log: str) -> Iterator[str]:
        """What is wrong with the next line, after all before it."""
        at = datetime.fromisoformat(line["timestamp"])
        if line["event"] == "clock_set_back":
            self._entered = None  # how long it lasted is not to be seen any more
        elif self._latest is not None and at < self._latest:
            yield "is earlier than the line before"
        self._latest = at
        match line["event"]:
            case "run_began":
                yield from self._began(line)
            case "run_continued":
                yield from self._continued(line)
            case "run_without_end" if line["log"] == log:
                self._is_over, self._began_at = True, None
            case _ if self._is_over:
                yield "belongs to no run"
            case _:
                yield from self._went_on(line, at)

    def _went_on(self, line: dict[str, Any], at: datetime) -> Iterator[str]:
        match line["event"]:
            case "transition":
                yield from self._moved(line, at)
            case "lines_dropped":
                self._state = self._entered = None  # where it is now, the next transition says
            case "run_ended":
                if line["began_at"] != self._began_at:
                    yield "another run has begun"
                self._is_over = True

    def _began(self, line: dict[str, Any]) -> Iterator[str]:
        if not self._is_over:
            yield "the run before has not ended"
        if line["timestamp"] != line["began_at"]:
            yield "did not begin when it was written"
        self._is_over, self._began_at = False, line["began_at"]
        self._is_known, self._state, self._entered = True, State.DISCONNECTED.value, self._latest

    def _continued(self, line: dict[str, Any]) -> Iterator[str]:
        if not self._is_known:  # what came before is gone
            self._is_known, self._is_over, self._began_at, self._state = True, False, line["began_at"], line["state"]
        if self._is_over or line["began_at"] != self._began_at:
            yield "goes on with a run that is over, or that never began"
        if self._state not in {None, line["state"]}:
            yield f"the state was {self._state}"

    def _moved(self, line: dict[str, Any], at: datetime) -> Iterator[str]:
        if self._state not in {None, line["from"]}:
            yield f"the state was {self._state}"
        if ALLOWED.get((State(line["from"]), Trigger(line["trigger"]))) != line["to"]:
            yield "the table knows no such transition"
        if self._entered is not None:
            lasted = timedelta(seconds=line["lasted_s"])
            if abs((at - self._entered - lasted).total_seconds()) > _LASTED_TOLERANCE_S:
                yield f"the state before lasted {(at - self._entered).total_seconds()} s"
        self._state, self._entered = line["to"], at
