"""Which session a start gets. One rule for every store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.records import SessionRecord, named


class Candidate(NamedTuple):
    """A stored session as it looks from outside; ``saved_at`` and ``seq`` are those of its newest file.

    ``turn`` says when it was saved among all others, without a clock; 0 where an earlier version saved it. ``is_whole``
    is False where its newest record could not be used, so that the one here is an older one. ``last_sign`` is when the
    process that wrote it is last known to have lived.
    """

    session_id: str
    record: SessionRecord
    saved_at: datetime
    seq: int
    live_sections: int
    turn: int = 0
    is_whole: bool = True
    last_sign: datetime | None = None


class Last(NamedTuple):
    """The sessions of a profile that had a link last: ``linked`` of those that are free, ``used`` of all."""

    linked: Candidate | None = None
    used: Candidate | None = None


_NOTHING: Final = Last()


def in_order_of_claim(
    candidates: Iterable[Candidate],
    profile: str,
    image: Identity | None,
    *,
    chosen: str | None = None,
    used: Collection[str] = (),
    last: Last = _NOTHING,
) -> list[Candidate]:
    """Those that fit, best first: what a person chose, with work in them before empty ones, then the newest.

    A context belongs to a profile and an image: when an image is named, only sessions of that image fit. Who comes back
    to one, or starts again, gets what he has ``used`` himself, whatever others have left since. Work of another
    image does not lead away from where the ``last`` link was.
    """
    fitting = (
        candidate
        for candidate in candidates
        if candidate.record.profile == profile and image in {None, candidate.record.image}
    )
    return sorted(
        fitting,
        key=lambda candidate: (
            candidate.session_id == chosen,
            last.linked is not None and _is_where(candidate, last.linked),
            candidate.live_sections > 0,
            candidate.session_id in used,
            _age(candidate),
        ),
        reverse=True,
    )


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """By the order in which they were saved; those of earlier versions come last, by the time of their newest file."""
    return sorted(candidates, key=_age, reverse=True)


def last_of(candidates: Iterable[Candidate], profile: str, is_free: Callable[[Candidate], bool]) -> Last:
    """The last sessions of the profile. One in use does not lead to its endpoint: its process goes on there itself."""
    known = newest_first(one for one in candidates if one.record.profile == profile and one.record.endpoint)
    return Last(next(filter(is_free, known), None), next(iter(known), None))


def as_last(candidate: Candidate, last: Last) -> SessionRecord:
    """The candidate's record; where there is to be a link, and whether, was decided last of all."""
    record = candidate.record
    if last.linked is not None and _is_where(candidate, last.linked):
        latest = last.linked.record
        record = replace(
            record, endpoint=latest.endpoint, endpoint_from_file=latest.endpoint_from_file, wanted=latest.wanted
        )
    is_left = last.used is not None and not last.used.record.wanted
    return replace(record, wanted=False) if is_left else record


def seed(candidates: Iterable[Candidate], profile: str, image: Identity | None) -> SessionRecord:
    """The record of a new session: where the profile's newest one was connected, and nothing of its work."""
    own = newest_first(candidate for candidate in candidates if candidate.record.profile == profile)
    newest = next((candidate.record for candidate in own if candidate.record.endpoint), None)
    if newest is None:
        return SessionRecord(profile=profile, **named(image))
    return SessionRecord(
        profile=profile,
        **named(image),
        endpoint=newest.endpoint,
        endpoint_from_file=newest.endpoint_from_file,
        wanted=newest.wanted,
        dialect=newest.dialect,
    )


def _is_where(candidate: Candidate, last: Candidate) -> bool:
    """True for one of the image that was linked last, or where that has no name, of its endpoint."""
    if last.record.image is None:
        return candidate.record.endpoint == last.record.endpoint
    return candidate.record.image == last.record.image


def _age(candidate: Candidate) -> tuple[int, datetime, int, str]:
    return candidate.turn, candidate.saved_at, candidate.seq, candidate.session_id
