from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from stui_supervisor.adapters.host.departing import Departure, leaving


def departure(place: str, loop: asyncio.AbstractEventLoop, finished: list[Departure] | None = None) -> Departure:
    told = [] if finished is None else finished
    return Departure(place, "default", loop, told.append)


async def test_who_leaves_is_waited_for_until_it_is_over_by_its_profile_and_place_only(tmp_path: Path) -> None:
    here, elsewhere = str(tmp_path / "here"), str(tmp_path / "elsewhere")
    one = departure(here, asyncio.get_running_loop())
    assert (leaving("default"), leaving("other")) == ([one], [])
    assert (one.look_from(here), one.look_from(elsewhere)) == (True, False)
    one.over()
    one.over()
    assert (leaving("default"), one.look_from(here)) == ([], False)


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX may everybody make links")
async def test_a_place_that_is_named_by_a_link_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    one = departure(str(tmp_path / "real" / "sessions"), asyncio.get_running_loop())
    assert one.look_from(str(tmp_path / "link" / "sessions"))
    one.over()


def test_who_leaves_in_an_event_loop_that_has_ended_is_finished_once_by_who_waits(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    finished: list[Departure] = []
    one = departure(str(tmp_path), loop, finished)
    assert [one.look_from(str(tmp_path)) for _ in range(2)] == [True, True]
    assert finished == [one]
    one.over()
