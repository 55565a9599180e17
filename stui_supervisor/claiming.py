"""Which session a start gets. One rule for every store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from stui_supervisor.identity import Identity
from stui_supervisor.record import SessionRecord, named


class Candidate(NamedTuple):
    """A stored session as it looks from outside; ``saved_at`` and ``seq`` are those of its newest file.

    ``turn`` says when it was saved among all others, without a clock; 0 where an earlier version saved it.
    """

    session_id: str
    record: SessionRecord
    saved_at: datetime
    seq: int
    live_sections: int
    turn: int = 0


def in_order_of_claim(
    candidates: Iterable[Candidate],
    profile: str,
    image: Identity | None,
    *,
    chosen: str | None = None,
    used: Collection[str] = (),
    last: Candidate | None = None,
) -> list[Candidate]:
    """Those that fit, best first: what a person chose, with work in them before empty ones, then the newest.

    A context belongs to a profile and an image: when an image is named, only sessions of that image fit. Who comes back
    to one, or starts again, gets what he has ``used`` himself, whatever others have left since. Where ``last`` is what
    was linked last, work of another image does not lead away from there.
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
            last is not None and _is_where(candidate, last),
            candidate.live_sections > 0,
            candidate.session_id in used,
            _age(candidate),
        ),
        reverse=True,
    )


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """By the order in which they were saved; those of earlier versions come last, by the time of their newest file."""
    return sorted(candidates, key=_age, reverse=True)


def linked_last(
    candidates: Iterable[Candidate], profile: str, is_free: Callable[[Candidate], bool]
) -> Candidate | None:
    """The session of the profile that was linked last; who has one in use goes on there by himself."""
    linked = (one for one in candidates if one.record.profile == profile and one.record.endpoint)
    return next(filter(is_free, newest_first(linked)), None)


def as_last(candidate: Candidate, last: Candidate | None) -> SessionRecord:
    """The candidate's record; whether and where there is to be a link was decided in ``last``, if it was there."""
    if last is None or not _is_where(candidate, last):
        return candidate.record
    return replace(
        candidate.record,
        endpoint=last.record.endpoint,
        endpoint_from_file=last.record.endpoint_from_file,
        wanted=last.record.wanted,
    )


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
