"""What the states and the kinds of edges mean, in the user's words, and how the kinds are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stui_supervisor.machine.states import State
from stui_supervisor.machine.table import EdgeKind

STATE_MEANINGS: Final[Mapping[State, str]] = {
    State.DISCONNECTED: "no link, and none wanted: never connected, the user disconnected, or a person is needed",
    State.RESTORING: "reading the last-known-good endpoint and the work context",
    State.CONNECTING: "a first link to this endpoint is being made",
    State.CONNECTED: "the link is up, and the image answers",
    State.DEGRADED: "the link is up, but busy, silent, slow or deaf",
    State.RECOVERING: "no link, but one is wanted: trying again by itself",
}

KIND_MEANINGS: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.PROGRESS: "the link goes its way",
    EdgeKind.FAULT: "something went wrong",
    EdgeKind.RECOVERY: "it mends by itself",
    EdgeKind.USER: "a person or the program decides",
}

KIND_LINES: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.PROGRESS: "solid",
    EdgeKind.FAULT: "dashed",
    EdgeKind.RECOVERY: "dashes and dots",
    EdgeKind.USER: "dotted",
}

# Dark enough to read as text on a light ground, and apart for eyes that confuse red and green.
KIND_COLOURS: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.PROGRESS: "#1f5fa8",
    EdgeKind.FAULT: "#b5341c",
    EdgeKind.RECOVERY: "#13724f",
    EdgeKind.USER: "#6b3f99",
}
