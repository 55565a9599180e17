"""Every transition of the link, as data. Nothing else decides where the state goes.

Theory of operation
-------------------
A link is wanted or it is not. While it is not, the state is ``disconnected`` and nothing runs.
While it is, the supervisor is always on its way to ``connected``: it reads what it knew
(``restoring``), makes a first link (``connecting``), and after that never leaves the pair
``connected``/``degraded`` and ``recovering`` by itself, except when trying again cannot help
(``rejected``, ``gave_up``).

``connecting`` and ``recovering`` both try to establish a link. They differ in what a person may
expect: ``connecting`` is the first attempt on an endpoint somebody has just named or that was
just restored; ``recovering`` waits and tries for as long as it takes. The tries inside
``recovering`` are numbered attempts, not transitions.

``degraded`` still has its link. Only the loss of the link (``link_lost``) starts recovery, so a
busy image never costs the user the connection.

A row lists each source, one trigger and one target. A (state, trigger) pair that no row holds is
a mistake of the caller: the machine raises and stays where it is. The machine, the
documentation and every diagram are made from these rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from stui_supervisor.machine.states import State, Trigger


class EdgeKind(StrEnum):
    """Who moves the link along an edge; the diagrams draw each kind differently."""

    PROGRESS = "progress"
    FAULT = "fault"
    RECOVERY = "recovery"
    USER = "user"


class Row(NamedTuple):
    """One trigger from some states to one state, and the sentence that explains it."""

    sources: tuple[State, ...]
    trigger: Trigger
    target: State
    kind: EdgeKind
    meaning: str


_S, _T = State, Trigger
_WANTED = tuple(state for state in State if state is not State.DISCONNECTED)

TABLE: tuple[Row, ...] = (
    Row((_S.DISCONNECTED,), _T.RESTORE, _S.RESTORING, EdgeKind.USER, "the program starts, or the user reconnects"),
    Row((_S.RESTORING,), _T.RESTORED, _S.CONNECTING, EdgeKind.PROGRESS, "an endpoint is known"),
    Row((_S.RESTORING,), _T.NOTHING_TO_RESTORE, _S.DISCONNECTED, EdgeKind.PROGRESS, "no endpoint is known"),
    Row((_S.RESTORING,), _T.LEFT_DISCONNECTED, _S.DISCONNECTED, EdgeKind.PROGRESS, "the user had disconnected"),
    Row(tuple(State), _T.CONNECT, _S.CONNECTING, EdgeKind.USER, "the user names an endpoint"),
    Row((_S.CONNECTING,), _T.ESTABLISHED, _S.CONNECTED, EdgeKind.PROGRESS, "the handshake is complete"),
    Row((_S.CONNECTING,), _T.ATTEMPT_FAILED, _S.RECOVERING, EdgeKind.FAULT, "the attempt failed, another may not"),
    Row(
        (_S.CONNECTING, _S.CONNECTED, _S.DEGRADED, _S.RECOVERING),
        _T.REJECTED,
        _S.DISCONNECTED,
        EdgeKind.FAULT,
        "a person is needed: credentials, version, key",
    ),
    Row((_S.CONNECTED,), _T.HEALTH_LOST, _S.DEGRADED, EdgeKind.FAULT, "the link is up, but something is wrong"),
    Row((_S.DEGRADED,), _T.HEALTH_REGAINED, _S.CONNECTED, EdgeKind.RECOVERY, "the image answers again"),
    Row((_S.CONNECTED, _S.DEGRADED), _T.LINK_LOST, _S.RECOVERING, EdgeKind.FAULT, "the link is gone"),
    Row((_S.RECOVERING,), _T.ESTABLISHED, _S.CONNECTED, EdgeKind.RECOVERY, "the link is back"),
    Row(
        (_S.RECOVERING,),
        _T.NOTHING_TO_RESTORE,
        _S.DISCONNECTED,
        EdgeKind.PROGRESS,
        "the profile was read late: no endpoint is known",
    ),
    Row(
        (_S.RECOVERING,),
        _T.LEFT_DISCONNECTED,
        _S.DISCONNECTED,
        EdgeKind.PROGRESS,
        "the profile was read late: the user had disconnected",
    ),
    Row((_S.RECOVERING,), _T.GAVE_UP, _S.DISCONNECTED, EdgeKind.FAULT, "the limit that was set is reached"),
    Row(_WANTED, _T.DISCONNECT, _S.DISCONNECTED, EdgeKind.USER, "the user's wish, remembered"),
    Row(_WANTED, _T.STOP, _S.DISCONNECTED, EdgeKind.USER, "the program ends, not remembered"),
)
