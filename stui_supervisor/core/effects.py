"""Everything the core can ask of its driver, to be carried out in the order given."""

from __future__ import annotations

from stui_supervisor.events import Announce
from stui_supervisor.health.messages import Knock, LookAtPath
from stui_supervisor.link.messages import CloseLink, LookOut, OpenLink, ReadCredential
from stui_supervisor.notifications.messages import LookAtSubscription, Subscribe, Unsubscribe
from stui_supervisor.requests.messages import Finish, Send
from stui_supervisor.session.messages import Load, NoteLink, ReadProfile, Release, Save, SaveEnded, SaveSnapshot

__all__ = [
    "Announce",
    "CloseLink",
    "Effect",
    "Finish",
    "Knock",
    "Load",
    "LookAtPath",
    "LookAtSubscription",
    "LookOut",
    "NoteLink",
    "OpenLink",
    "ReadCredential",
    "ReadProfile",
    "Release",
    "Save",
    "SaveEnded",
    "SaveSnapshot",
    "Send",
    "Subscribe",
    "Unsubscribe",
]


Effect = (
    Load
    | Save
    | SaveSnapshot
    | Release
    | SaveEnded
    | ReadProfile
    | NoteLink
    | ReadCredential
    | OpenLink
    | LookOut
    | CloseLink
    | Send
    | LookAtPath
    | Knock
    | Subscribe
    | Unsubscribe
    | LookAtSubscription
    | Finish
    | Announce
)
