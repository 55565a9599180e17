"""What goes wrong between the user and the images: loss, delay, one dead direction, partitions, other addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stui_supervisor.core import inputs
from tests.simulation.agenda import Agenda
from tests.simulation.connection import QUICK_S, Way
from tests.simulation.network import Reach, Site
from tests.simulation.program import Program
from tests.simulation.trouble import Degradation

_NOTICED_S = 0.5  # after a change of the network, until the program hears of it
_LARGE_PACKETS = (10, 80)  # a message then takes from 2 to 16 s
_LOSS = (0.02, 0.3)


class NetworkFaults(Degradation):
    """``programs`` are those that run on the user's machine."""

    def __init__(
        self,
        agenda: Agenda,
        sites: list[Site],
        programs: Callable[[], Iterable[Program]],
        note: Callable[[str], None],
    ) -> None:
        super().__init__(agenda, sites, note)
        self._programs = programs
        self.kinds = [
            self._change_reach,
            self._break_links,
            self._block,
            self._block_one_way,
            self._part,
            self._change_address,
            self._be_slow,
            self._lose_packets,
            self._be_thin,
            self._take_nothing,
            self._talk_late,
            self._repeat,
        ]

    def end(self) -> None:
        """Everything works from now on."""
        for site in self._sites:
            site.reach, site.not_taken, site.late_talk, site.repeats = Reach.GOOD, 0.0, 0.0, 0.0
            for way in site.ways:
                way.heal()

    def _change_reach(self) -> None:
        site = self._site()
        site.reach = self._agenda.rng.choice(list(Reach))
        self._for_a_while(f"new links: {site.reach}", 45.0, lambda: setattr(site, "reach", Reach.GOOD))

    def _break_links(self) -> None:
        self._note("links are reset")
        self._site().break_links()

    def _block(self) -> None:
        seconds = self._agenda.between(0.1, 60.0)
        self._note(f"nothing gets through for {seconds:.2f} s")
        for way in self._site().ways:
            way.block(seconds)

    def _block_one_way(self) -> None:
        seconds, site = self._agenda.between(0.1, 60.0), self._site()
        way = self._agenda.rng.choice(site.ways)
        self._note(f"nothing gets {'out' if way is site.out else 'back'} for {seconds:.2f} s")
        way.block(seconds)

    def _part(self) -> None:
        seconds = self._agenda.between(0.5, 30.0)
        self._note(f"the network is down for {seconds:.2f} s")
        for site in self._sites:
            for way in site.ways:
                way.block(seconds)
        self._tell_of_change(0.0)
        self._tell_of_change(seconds)

    def _change_address(self) -> None:
        away_s = self._agenda.rng.choice((0.0, 0.5, 5.0))
        self._note(f"another address after {away_s:g} s; the connections of the old one are dead")
        for site in self._sites:
            site.cut_connections()
            for way in site.ways:
                way.block(away_s)
        self._tell_of_change(away_s)

    def _tell_of_change(self, after_s: float) -> None:
        for program in self._programs():
            program.tell_later(inputs.NetworkChanged(), after_s + self._agenda.between(0.0, _NOTICED_S))

    def _be_slow(self) -> None:
        way = self._way()
        way.delay_s = (0.01, self._agenda.between(0.05, 3.0))
        self._for_a_while("a slow way", 20.0, lambda: setattr(way, "delay_s", QUICK_S))

    def _lose_packets(self) -> None:
        way = self._way()
        way.loss = self._agenda.between(*_LOSS)
        self._for_a_while(f"{way.loss:.0%} of the packets get lost", 40.0, lambda: setattr(way, "loss", 0.0))

    def _be_thin(self) -> None:
        way = self._way()
        way.packets = self._agenda.rng.randint(*_LARGE_PACKETS)
        self._for_a_while(f"large messages on a thin line, {way.packets}", 30.0, lambda: setattr(way, "packets", 1))

    def _way(self) -> Way:
        return self._agenda.rng.choice(self._site().ways)

    def _take_nothing(self) -> None:
        site = self._site()
        site.not_taken = self._agenda.between(0.1, 1.0)
        self._for_a_while("messages are not taken", 5.0, lambda: setattr(site, "not_taken", 0.0))

    def _talk_late(self) -> None:
        site = self._site()
        site.late_talk = self._agenda.between(0.2, 1.0)
        self._for_a_while("closed links talk on", 30.0, lambda: setattr(site, "late_talk", 0.0))

    def _repeat(self) -> None:
        site = self._site()
        site.repeats = self._agenda.between(0.2, 1.0)
        self._for_a_while("replies come twice", 30.0, lambda: setattr(site, "repeats", 0.0))
