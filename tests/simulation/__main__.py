"""Tells the story of some seeds: python -m tests.simulation 123 [124 …].

With ``--effects`` everything that the core did in it, as canonical JSON; with ``--digests FIRST END`` a digest of that
for each seed from FIRST to before END, to be compared with those of another version.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.simulation.recording import digests, recorded
from tests.simulation.world import World


def tell(seed: int) -> bool:
    """Print the story of one seed; False when it ends badly."""
    world, failure = World(seed), None
    try:
        world.run()
    except Exception as error:  # noqa: BLE001  # the story comes first, whatever ended it
        failure = error
    sys.stdout.writelines(line + "\n" for line in world.story.lines())
    end = "every promise was kept" if failure is None else f"{type(failure).__name__}: {failure}"
    sys.stdout.write(f"seed {seed}: {end}\n")
    return failure is None


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Tells the story of some seeds.")
    parser.add_argument("seeds", metavar="SEED", type=int, nargs="*", help="a whole number")
    parser.add_argument("--effects", action="store_true", help="print what the core did, as JSON")
    parser.add_argument("--digests", metavar=("FIRST", "END"), type=int, nargs=2, help="print a digest for each seed")
    asked = parser.parse_args()
    if asked.digests:
        seeds = range(*asked.digests)
        for seed, digest in zip(seeds, digests(seeds, os.cpu_count() or 1), strict=True):
            sys.stdout.write(f"{seed} {digest}\n")
        return 0
    if asked.effects:
        for seed in asked.seeds:
            sys.stdout.writelines(line + "\n" for line in recorded(seed))
        return 0
    if not asked.seeds:
        parser.error("name a seed")
    return 0 if all([tell(seed) for seed in asked.seeds]) else 1  # noqa: C419  # each story is told


if __name__ == "__main__":
    sys.exit(main())
