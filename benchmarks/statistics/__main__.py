"""How right intervals and tests are: coverage, type-I errors, powers, and the same verdicts given to peers.

    python -m benchmarks.statistics [--runs N] [--no-peers]

Exits with 1 if a 95 % interval of a win rate covers less than 93 %, one with people's votes less than 92 %, a
test at 5 % errs in more than 6.5 %, or judging until it is decided has more than 5 % false alarms.
Coverage is exact: every outcome of n dialogues, weighted by its probability. The rest is simulated with a
fixed seed. Peers are installed with uv, each in an environment of its own in a temporary folder.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.statistics import active_votes, judge_statistics, win_rate_statistics
from core.domain.evaluation.win_rates import ALPHA

MIN_COVERAGE, MIN_COVERAGE_OF_VOTES, MAX_ERROR = 0.93, 0.92, 0.065


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="simulations of each test")
    parser.add_argument("--no-peers", action="store_true", help="install and compare no other packages")
    options = parser.parse_args()
    worst = win_rate_statistics.print_coverage()
    win_rate_statistics.print_invalid(options.runs)
    largest = win_rate_statistics.print_tests(options.runs)
    alarms = win_rate_statistics.print_stopping(max(1, options.runs // 2))
    win_rate_statistics.print_length_control(max(1, options.runs // 5))
    worst_of_votes = judge_statistics.print_prediction_powered(options.runs)
    worst_of_votes = min(worst_of_votes, active_votes.print_active_votes(max(1, options.runs // 2)))
    judge_statistics.print_plans(max(1, options.runs // 2))
    judge_statistics.print_bias_models(max(1, options.runs // 5))
    if not options.no_peers:
        win_rate_statistics.print_peers()
    is_wrong = (
        worst < MIN_COVERAGE
        or worst_of_votes < MIN_COVERAGE_OF_VOTES
        or largest > MAX_ERROR
        or alarms > ALPHA
    )
    return 1 if is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
