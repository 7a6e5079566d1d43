"""How often the two intervals over seeds cover the truth, on made-up runs.

    python -m benchmarks.statistics.seed_intervals [--runs N]

Each dialogue and each seed has an ease of its own, drawn from a normal distribution on the logit scale.
`seeds` is how often Student's interval over seeds covers the mean win rate of all seeds on these dialogues,
`both` how often the other one covers that of all seeds and dialogues. Exits with 1 if that is less than 92 %
with three seeds or more: two say too little of how seeds differ.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.special import expit

from core.domain.names import ComparisonName
from core.judging.metrics.seeds import seed_group

MIN_COVERAGE = 0.92
#: Standard deviations of seeds, in logits: none, and such that win rates have one of about 2 and 5 points.
_SPREADS = (0.0, 0.1, 0.25)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=400, help="simulations of each case")
    runs = parser.parse_args().runs
    print("seeds  dialogues  win rate  sd of seeds   seeds  width    both  width")
    cases = [(d, r, s) for d in (60, 250) for r in (0.6, 0.9) for s in _SPREADS]
    worst = {seeds: min(_coverage(runs, seeds, *case) for case in cases) for seeds in (2, 3, 5)}
    for seeds, share in worst.items():
        print(f"`both` covers at least {share:.1%} with {seeds} seeds")
    return 1 if min(share for seeds, share in worst.items() if seeds > 2) < MIN_COVERAGE else 0


def _coverage(runs: int, seeds: int, dialogues: int, rate: float, spread: float) -> float:
    random = np.random.default_rng(0)
    middle = float(np.log(rate / (1 - rate))) * 1.2
    of_seeds, of_dialogues = random.normal(size=4_000) * spread, random.normal(size=4_000)
    truth = float(expit(middle + of_seeds[:, None] + of_dialogues[None, :]).mean())
    hits, widths = np.zeros(2), np.zeros(2)
    for _ in range(runs):
        ease = middle + random.normal(size=dialogues)
        chances = expit(ease + spread * random.normal(size=(seeds, 1)))
        won = random.random((seeds, dialogues)) < chances
        scores = [{str(n): float(one) for n, one in enumerate(row)} for row in won]
        made = seed_group(ComparisonName("a", "b", "judge"), (), scores)
        here = float(expit(ease + of_seeds[:400, None]).mean())
        for at, (low, high, true) in enumerate(
            ((made.seeds_low, made.seeds_high, here), (made.low, made.high, truth))
        ):
            assert low is not None
            assert high is not None
            hits[at] += low <= true <= high
            widths[at] += high - low
    first, both = hits / runs
    print(
        f"{seeds:>5}  {dialogues:>9}  {truth:>8.1%}  {spread:>11.2f}  "
        f"{first:>6.1%} {widths[0] / runs:>6.3f}  {both:>6.1%} {widths[1] / runs:>6.3f}"
    )
    return float(both)


if __name__ == "__main__":
    raise SystemExit(main())
