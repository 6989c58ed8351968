"""Prints the benchmark table: `python -m tests.bench` or `make bench`."""

import argparse
import sys

from tests.bench import core


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="simulated events, about (default: 200000)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation (default: 1)")
    args = parser.parse_args()
    for name, value, unit in core.run(args.events, args.seed):
        sys.stdout.write(f"{name:<40} {value:>12,.1f}  {unit}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
