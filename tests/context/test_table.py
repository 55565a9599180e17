from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.context.deletions import digest, share
from stui_supervisor.context.section import Section, total_bytes
from stui_supervisor.context.table import SectionTable

NAMES = st.sampled_from(["a", "b", "ü"])
SECTIONS = st.builds(Section, st.none() | st.sampled_from([b"1", b'"long"']), st.integers(0, 9), st.just("w"))
CHANGES = st.lists(st.tuples(NAMES, st.none() | SECTIONS) | st.dictionaries(NAMES, SECTIONS), max_size=12)


@given(CHANGES)
def test_size_and_number_are_those_of_the_sections_after_any_change(
    changes: list[tuple[str, Section | None] | dict[str, Section]],
) -> None:
    table = SectionTable()
    for change in changes:
        match change:
            case dict():
                table.hold(change)
            case name, None if name in table.sections:
                table.remove(name)
            case name, Section() as section:
                table.put(name, section)
    live = [section for section in table.sections.values() if section.value is not None]
    assert (table.total_bytes, table.live) == (total_bytes(table.sections), len(live))


def test_older_deletions_are_known_however_they_came() -> None:
    name, section = share([("gone", Section(None, 7, "w", known=(3,)))])
    put, held = SectionTable(), SectionTable()
    put.put(name, section)
    held.hold({name: section})
    assert put.deleted == held.deleted != {}
    assert (put.floor, digest("gone") in put.deleted) == (7, True)


def test_what_was_sent_may_be_in_the_image_and_has_its_checksum() -> None:
    table = SectionTable()
    table.put("a", Section(b"1", 1, "w", may_be_out=False))
    sent = table.send("a")
    assert sent is table.sections["a"]
    assert (sent.may_be_out, sent.value_sum) == (True, sent.sum_of_value())
    assert table.send("nothing") is None
