"""How long the ranking of the paper's whole grid takes, beside loading NumPy and SciPy, in one process.

    python -m benchmarks.ranking [--runs N] [--limit RATIO]

84 runs meet one of two base students over 250 dialogues, and a few of them each other; verdicts are made up.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from itertools import pairwise

from core.judging.metrics.ranking import rank

LOAD = "import time; b = time.perf_counter(); import numpy, scipy.stats; print(time.perf_counter() - b)"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each")
    parser.add_argument("--limit", type=float, help="exit with 1 above this ratio")
    options = parser.parse_args()
    scores = grid()
    rank(scores)
    loads, ranks = [], []
    for _ in range(options.runs):
        done = subprocess.run([sys.executable, "-c", LOAD], stdout=subprocess.PIPE, check=True)
        loads.append(float(done.stdout))
        began = time.perf_counter()
        rank(scores)
        ranks.append(time.perf_counter() - began)
    base, took = statistics.median(loads), statistics.median(ranks)
    print(f"loading NumPy and SciPy {base:6.3f} s    1.00 ×")
    print(f"ranking 86 responders   {took:6.3f} s   {took / base:5.2f} ×")
    return 1 if options.limit is not None and took / base > options.limit else 0


def grid() -> dict[tuple[str, str], dict[str, float | None]]:
    """Every run beats its base student, the later ones more often."""
    draw = random.Random(0)
    runs = [f"run-{i:02}" for i in range(84)]
    sides = [(f"base-{i % 2}", run, 0.55 + 0.4 * i / 83) for i, run in enumerate(runs)]
    sides += [(a, b, 0.5) for a, b in pairwise(runs[::12])]
    return {
        (a, b): {f"d{i}": 0.5 if draw.random() < 0.15 else float(draw.random() < chance) for i in range(250)}
        for a, b, chance in sides
    }


if __name__ == "__main__":
    sys.exit(main())
