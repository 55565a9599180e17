"""Tells the story of some seeds: python -m tests.simulation 123 [124 …]."""

from __future__ import annotations

import argparse
import sys

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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Tells the story of some seeds.")
    parser.add_argument("seeds", metavar="SEED", type=int, nargs="+", help="a whole number")
    seeds = parser.parse_args().seeds
    sys.exit(0 if all([tell(seed) for seed in seeds]) else 1)  # noqa: C419  # each story is told
