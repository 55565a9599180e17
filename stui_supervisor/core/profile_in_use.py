"""The profile as it is known now: what it asks of an attempt, and what is noted in it."""

from __future__ import annotations

from dataclasses import replace

from stui_supervisor.config import Settings
from stui_supervisor.core.attempt import Settled
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.endpoint import Endpoint, are_same
from stui_supervisor.failures import FAILURES, FailureKind
from stui_supervisor.link.messages import CredentialRead, ReadCredential
from stui_supervisor.link.phase import Phase
from stui_supervisor.peer.process import unpinned
from stui_supervisor.problems import ProblemCode
from stui_supervisor.profile import Profile
from stui_supervisor.session.messages import NoteLink


class ProfileInUse:
    """What a person has settled, and what follows for the present attempt.

    ``settled`` is the profile itself, ``reading`` how it comes to be known. ``has_credentials`` says that the program
    brings its own; ``login`` is the command that stores a token.
    """

    def __init__(
        self, turn: Turn, settings: Settings, report: Report, leaves: Leaves, *, has_credentials: bool, login: str
    ) -> None:
        self._turn = turn
        self._settings = settings
        self._report = report
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._route = leaves.route
        self._has_credentials = has_credentials
        self._login = login
        self._without_token: set[Endpoint | None] = set()
        self._wish_to_note: bool | None = None
        self.reading = leaves.reading
        self.settled = Profile(name=leaves.reading.name)

    # What it asks of an attempt

    @property
    def wants_token(self) -> bool:
        """True when a token goes to the attempt's endpoint, if there is one."""
        return self.uses_token and self.is_named

    @property
    def uses_token(self) -> bool:
        """True when a token is used at all."""
        return self._has_credentials or self.settled.uses_token

    @property
    def is_named(self) -> bool:
        """False for an endpoint that came with an imported file while nobody has named it here."""
        endpoint, record = self._attempt.endpoint, self._session.record
        if endpoint is None or not record.endpoint_from_file or endpoint == self._route.named:
            return True
        return not are_same(record.endpoint, str(endpoint)) or bool(self.settled.texts_of(endpoint))

    @property
    def server_key(self) -> str | None:
        """The backend's key that is pinned for the attempt's endpoint."""
        endpoint = self._attempt.endpoint
        return None if endpoint is None else self.settled.server_key(endpoint)

    @property
    def shows_token(self) -> bool:
        """True where the token would go, or has gone, over a network in the clear, and the profile does not let it."""
        attempt = self._attempt
        is_in_clear = attempt.endpoint is not None and not attempt.endpoint.is_loopback and attempt.curve is None
        may_show = self.settled.allow_plaintext_token or attempt.only_loopback
        return attempt.secret is not None and is_in_clear and not may_show

    def asked_of(self, endpoint: Endpoint) -> Settled:
        """What an attempt at this endpoint has to go by."""
        return Settled(self.wants_token, self.server_key, self.settled.pin_image, self._ipc_owner(endpoint))

    def credential_for(self, endpoint: Endpoint) -> ReadCredential:
        """The question for the token and the keys of the attempt, by every text that they may be stored under."""
        last = self._session.record.endpoint
        texts = (*self.settled.texts_of(endpoint), *endpoint.stored_as)
        texts += (last,) if last is not None and endpoint.is_stored_as(last) else ()
        known = replace(endpoint, stored_as=tuple(dict.fromkeys(texts)))
        return ReadCredential(self._attempt.link, known, self.wants_token, self.server_key)

    def is_less_safe_than_settled(self) -> bool:
        """True for an attempt or a link that began when the profile asked for less, or an attempt for another image."""
        attempt, settled, pin = self._attempt, self._attempt.settled, self.settled.pin_image
        if attempt.endpoint is None or not (attempt.has_link or attempt.phase is Phase.CREDENTIAL):
            return False
        has_another_key = self.server_key not in {None, settled.server_key}
        lacks_token = self.wants_token and not settled.wants_token
        image = attempt.connection.look.image
        has_another_image = unpinned(image, pin) is not None if attempt.is_up else pin != settled.pin
        trusts_another = self._ipc_owner(attempt.endpoint) != settled.ipc_owner
        return has_another_key or lacks_token or self.shows_token or has_another_image or trusts_another

    def _ipc_owner(self, endpoint: Endpoint) -> str | None:
        return self.settled.ipc_owner if endpoint.scheme == "ipc" else None

    # What is told

    def tell_of_token(self, event: CredentialRead) -> None:
        """Tell once that the keyring has no token, though the profile says so; a program's own credentials may know."""
        endpoint = self._attempt.endpoint
        if event.secret is not None:
            self._without_token.discard(endpoint)
        elif self.settled.uses_token and self.wants_token and not self._has_credentials:
            if endpoint not in self._without_token:
                message = f"the profile {self.settled.name} uses a token, and the keyring has none for {endpoint}"
                hint = f"if the image wants one, store it again with: {self._login}"
                self._report.problem(ProblemCode.NO_TOKEN, message, hint)
            self._without_token.add(endpoint)

    def tell_if_unreadable(self) -> None:
        """Tell that the profile could not be read: once, and again only after it was."""
        trouble = self.reading.take_untold()
        if trouble is not None:
            hint = trouble.hint or FAILURES[FailureKind.PROFILE].hint
            message = f"the profile {self.settled.name}: {trouble.message}"
            self._report.problem(ProblemCode.PROFILE_NOT_READABLE, message, hint)

    # What is noted in it

    def wish(self, *, wanted: bool) -> None:
        """The user has said whether a link is wanted; the next start knows it, also without this session."""
        self._session.wish(wanted=wanted, now=self._turn.now.monotonic_s)
        self.note(None, wanted=wanted)

    def note(self, endpoint: Endpoint | None, *, wanted: bool) -> None:
        """Keep the endpoint of a link, if there is one, and whether a link is wanted, once the profile is known."""
        settings = self._settings
        if not settings.keeps_session or not settings.uses_profile:
            return
        if not self.reading.is_known:
            self._wish_to_note = wanted
            return
        self._wish_to_note = None
        profile, place, stored_as = self.settled.wishing(wanted=wanted), None, tuple[str, ...]()
        if endpoint is not None:
            if not self.is_named:
                return
            place = str(endpoint)
            stored_as = tuple(text for text in profile.texts_of(endpoint) if text != place)
            profile = profile.linked_to(place, stored_as)
        if profile != self.settled:
            self.settled = profile
            self._turn.effects.append(NoteLink(profile.name, place, wanted, stored_as))

    def note_what_waited(self) -> None:
        """The profile is known now: note what had to wait for that."""
        if self._wish_to_note is not None:
            self.note(None, wanted=self._wish_to_note)
