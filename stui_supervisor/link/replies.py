"""What one reply of a backend means for the link: refused, incompatible, another image, or an error to quote."""

from __future__ import annotations

from typing import Final

from stui_supervisor.config import ERROR_TEXT_MAX_LENGTH
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.steps import Ending, Failed, Rejected, Unpinned
from stui_supervisor.peer.identity import Identity, differ, identity_of
from stui_supervisor.peer.process import unpinned
from stui_supervisor.wire.commands import WITH_TOKEN
from stui_supervisor.wire.dialects import Dialect, IncompatibleVersion, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

_OF_STUI: Final = frozenset({"InternalError", "RuntimeError", "Timeout"})  # errors of an image, and of no other server
_REFUSALS: Final = frozenset({"AuthenticationFailed", "PermissionDenied"})


def is_refusal(reply: Reply, of: str = "ping") -> bool:
    """True for a reply to the command ``of`` that refuses the credential.

    A denied ``restore_session`` is none: whoever may ping and may not have one session may have another. If it is the
    credential all the same, the next command of this attempt is refused as well.
    """
    denies_one_session = of == "restore_session" and reply.error_type == "PermissionDenied"
    return not reply.ok and of in WITH_TOKEN and reply.error_type in _REFUSALS and not denies_one_session


def refused(reply: Reply, *, has_token: bool) -> ConnectionRejected:
    """The error for a refusal of a message that was sent with a token or without one."""
    why = "the token was refused" if has_token else "no token was sent"
    return Failure(FailureKind.AUTHENTICATION, f"{why}: {words_of(reply)}").as_rejection()


def incompatible(error: IncompatibleVersion) -> ConnectionRejected:
    """The error for a reply of another major version of the protocol."""
    return Failure(FailureKind.INCOMPATIBLE, str(error)).as_rejection()


def not_identified(reply: Reply | MalformedMessage) -> Failure:
    """The failure when pings have been answered with errors, as this last one, for too long."""
    return Failure(FailureKind.NOT_IDENTIFIED, words_of(reply))


def not_understood(reply: Reply | MalformedMessage) -> Failure:
    """The failure when no ping has been understood, and this came instead of an answer."""
    if isinstance(reply, Reply) and reply.error_type in _OF_STUI:
        return not_identified(reply)
    return Failure(FailureKind.PROTOCOL, words_of(reply))


def trouble_in(
    reply: Reply | MalformedMessage, dialect: Dialect, *, pin: str | None, image: Identity | None, has_token: bool
) -> Ending | None:
    """Why the reply to a ping forbids going on as before: another protocol, another image, or a refusal; else None.

    ``dialect`` and ``image`` are what the link has had so far. An error that refuses nothing gives None as well.
    """
    trouble: Ending | None = None
    if isinstance(reply, IncompatibleVersion):
        trouble = Rejected(incompatible(reply))
    elif isinstance(reply, MalformedMessage):
        trouble = Failed(Failure(FailureKind.PROTOCOL, words_of(reply)))
    elif reply.dialect is not dialect:
        trouble = Failed(Failure(FailureKind.PROTOCOL, f"it speaks {reply.dialect} now"))
    elif is_refusal(reply):
        trouble = Rejected(refused(reply, has_token=has_token))
    elif reply.ok:  # an error says nothing of who answers
        answering = identity_of(reply.result.get("image_id"))
        failure = unpinned(answering, pin)
        if failure is not None:
            trouble = Unpinned(failure)
        elif differ(answering, image):
            trouble = Failed(Failure(FailureKind.RESET, "another image answers now"))
    return trouble


def words_of(reply: Reply | MalformedMessage) -> str:
    """The error in a reply as one line, cut to the length that events carry; tokens in it are masked already."""
    if isinstance(reply, MalformedMessage):
        return str(reply)
    if reply.ok:
        return "an answer without what it should hold"
    return f"{reply.error_type}: {reply.message}"[:ERROR_TEXT_MAX_LENGTH]
