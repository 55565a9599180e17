"""The supervised link to a STUI backend: restored at start, recovered after drops, with the work context.

async with Supervisor("tcp://127.0.0.1:5555") as supervisor:
    await supervisor.wait_for(State.CONNECTED, timeout=5)
    answer = await supervisor.request("evaluate", {"code": "3 + 4"})
"""

from stui_supervisor._version import __version__
from stui_supervisor.config import Settings
from stui_supervisor.context.context import Context
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import (
    AuthenticationFailed,
    BackendError,
    ConfigurationError,
    ConnectionRejected,
    CredentialError,
    DifferentImage,
    IncompatibleBackend,
    KeyRefused,
    NotSent,
    OutcomeUnknown,
    RequestError,
    StoreError,
    SupervisorError,
)
from stui_supervisor.events import (
    AttemptScheduled,
    ContextSaved,
    Event,
    EventsDropped,
    Notification,
    NotificationsMissed,
    PresentProblem,
    Problem,
    RequestFinished,
    SessionSwitched,
    Status,
    Transition,
)
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import BackendVerdict, DegradedReason, Outcome, State, Trigger, Work
from stui_supervisor.ports import Credentials, Link, LinkFactory, LinkListener, LinkTimes
from stui_supervisor.problems import ProblemCode
from stui_supervisor.security.secret import Secret
from stui_supervisor.supervisor import Supervisor

__all__ = [
    "AttemptScheduled",
    "AuthenticationFailed",
    "BackendError",
    "BackendVerdict",
    "ConfigurationError",
    "ConnectionRejected",
    "Context",
    "ContextSaved",
    "CredentialError",
    "Credentials",
    "DegradedReason",
    "DifferentImage",
    "Endpoint",
    "Event",
    "EventsDropped",
    "Failure",
    "FailureKind",
    "IncompatibleBackend",
    "KeyRefused",
    "Link",
    "LinkFactory",
    "LinkListener",
    "LinkTimes",
    "NotSent",
    "Notification",
    "NotificationsMissed",
    "Outcome",
    "OutcomeUnknown",
    "PresentProblem",
    "Problem",
    "ProblemCode",
    "RequestError",
    "RequestFinished",
    "Secret",
    "SessionSwitched",
    "Settings",
    "State",
    "Status",
    "StoreError",
    "Supervisor",
    "SupervisorError",
    "Transition",
    "Trigger",
    "Work",
    "__version__",
]
