"""How right the statistics of win rates are, and what peers make of the same verdicts: part of
`python -m benchmarks.statistics`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import ttest_1samp

from benchmarks.statistics import judge_statistics
from core.domain.evaluation.win_rates import ALPHA
from core.judging.metrics import length_control, ranking
from core.judging.metrics.inference import intervals, statistics
from core.judging.metrics.study_design import sequential

Floats = NDArray[np.float64]

SIZES = (20, 50, 250)
RATES = (0.5, 0.7, 0.9, 0.98)
TIES = (0.0, 0.6)
CORRELATIONS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Peer:
    """A package, and a program that prints as JSON what it makes of the verdicts that it is given.

    `needs` is a package that it imports without requiring it.
    """

    package: str
    program: str
    needs: tuple[str, ...] = ()


#: Each reads `scores` (of b by dialogue), `verdicts` ([dialogue, score] each), `wins` (a matrix), `votes`,
#: `voted_scores` (of the same dialogues), `other_scores` (of dialogues without votes) and `weight`.
PEERS = (
    Peer(
        "inspect_ai",
        """
from inspect_ai.scorer import SampleScore, Score, mean, stderr
found = [SampleScore(score=Score(value=s), sample_id=i, sample_metadata={"d": d})
         for i, (d, s) in enumerate(given["verdicts"])]
print(json.dumps({"win rate": mean()(found), "standard error, clustered": stderr(cluster="d")(found)}))
""",
    ),
    Peer(
        "alpaca_eval",
        """
import pandas as pd
from alpaca_eval.metrics import pairwise_to_winrate
found = pairwise_to_winrate(pd.Series([1 + s for s in given["scores"]]))
print(json.dumps({"win rate": found["win_rate"] / 100, "standard error": found["standard_error"] / 100,
                  "wins": float(found["n_wins"]), "ties": float(found["n_draws"])}))
""",
        needs=("setuptools<81",),
    ),
    Peer(
        "choix",
        """
import choix, numpy as np
# Half a win more for each side, as here.
wins = np.array(given["wins"]) + 0.5 * (1 - np.eye(len(given["wins"])))
strengths = choix.ilsr_pairwise_dense(wins)
print(json.dumps({f"strength of {i}": s for i, s in enumerate(strengths - strengths.mean())}))
""",
    ),
    Peer(
        "ppi-python",
        """
import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
found = [np.array(given[name]) for name in ("votes", "voted_scores", "other_scores")]
low, high = ppi_mean_ci(*found, alpha=0.05, lam=given["weight"])
made = {"with votes": ppi_mean_pointestimate(*found, lam=given["weight"]), "with votes, low": low,
        "with votes, high": high, "with votes, its own weight": ppi_mean_pointestimate(*found)}
print(json.dumps({name: np.asarray(value).item() for name, value in made.items()}))
""",
    ),
)
_GIVEN = "import json, sys\ngiven = json.load(sys.stdin)\n"


def chances(rate: float, ties: float, correlation: float) -> tuple[float, float, float]:
    """The probabilities that a dialogue is won, tied and lost.

    `ties` of the dialogues have identical texts. On the others b wins with probability `rate` in each order.
    """
    both = rate * (rate + correlation * (1 - rate))
    won, lost = both, 1 - 2 * rate + both
    return (1 - ties) * won, ties + (1 - ties) * (1 - won - lost), (1 - ties) * lost


@cache
def interval(won: int, tied: int, lost: int) -> tuple[float, float]:
    """The ends of the interval of so many dialogues."""
    found = intervals.of_mean(np.repeat((1.0, 0.5, 0.0), (won, tied, lost)))
    return found.low, found.high


def coverage(n: int, rate: float, ties: float, correlation: float) -> tuple[float, float]:
    """How often the interval covers the true win rate, and its mean width."""
    counts = np.array([(won, tied, n - won - tied) for won in range(n + 1) for tied in range(n + 1 - won)])
    chance = np.array(chances(rate, ties, correlation))
    log = gammaln(n + 1) - gammaln(counts + 1).sum(axis=1) + xlogy(counts, np.maximum(chance, 0)).sum(axis=1)
    weights, true = np.exp(log), float(chance @ (1.0, 0.5, 0.0))
    # What is left out is less likely than one in a hundred thousand, all together.
    likely = weights > 1e-10
    ends = np.array([interval(*map(int, row)) for row in counts[likely]])
    holds = (ends[:, 0] <= true + 1e-12) & (true - 1e-12 <= ends[:, 1])
    return float(weights[likely] @ holds), float(weights[likely] @ (ends[:, 1] - ends[:, 0]))


def print_coverage() -> float:
    """Print the coverage table; the smallest coverage."""
    print("coverage in % (mean width in points) of the 95 % interval, both orders; one order without ties is")
    print("as both with correlation 1\n")
    print("  n  rate  ties  " + "".join(f"correlation {c:<8g}" for c in CORRELATIONS))
    worst = 1.0
    for n, rate, ties in product(SIZES, RATES, TIES):
        cells = [coverage(n, rate, ties, correlation) for correlation in CORRELATIONS]
        worst = min(worst, *(found for found, _ in cells))
        shown = "".join(f"{found * 100:6.1f} ({width * 100:4.1f})      " for found, width in cells)
        print(f"{n:>3} {rate * 100:>5g} {ties * 100:>5g}  {shown}")
    print(f"smallest: {worst:.1%}\n")
    return worst


def print_invalid(runs: int) -> None:
    """Print how intervals fare with invalid dialogues, at equal strength."""
    random = np.random.default_rng(1)
    print("250 dialogues of equal strength with invalid ones: coverage of 50 % in %\n")
    print("invalid                       interval of valid ones   Imbens–Manski")
    for name, of_won, of_lost in (("5 %", 0.05, 0.05), ("10 %", 0.1, 0.1), ("20 %, all won by b", 0.4, 0.0)):
        valid, bounded = [], []
        for _ in range(runs):
            won = random.random(250) < 0.5
            gone = random.random(250) < np.where(won, of_won, of_lost)
            found = statistics.win_rate(
                [None if out else float(win) for win, out in zip(won, gone, strict=True)],
            )
            assert found.rate is not None
            valid.append(found.rate.low <= 0.5 <= found.rate.high)
            bounded.append(found.bounds is None or found.bounds.ci_low <= 0.5 <= found.bounds.ci_high)
        print(f"{name:<28} {np.mean(valid) * 100:>23.1f} {np.mean(bounded) * 100:>15.1f}")
    print()


def print_tests(runs: int) -> float:
    """Print type-I errors and powers of the paired test; the largest error of the sign-flip test."""
    random = np.random.default_rng(2)
    print("two responders over the same baseline: p < 0.05 in % (equal win rates: type-I errors)\n")
    print("  n  rate of a, b  ties of a, b   sign-flip  Student's t  sign test")
    largest = 0.0
    equal = [
        (n, rate, rate, a, b)
        for n, rate in product(SIZES, (0.5, 0.7, 0.9))
        for a, b in ((0.0, 0.0), (0.0, min(0.6, 2 * (1 - rate))), (0.2, 0.2))
    ]
    powers = [
        (n, 0.6, 0.6 + more, a, b)
        for n in SIZES
        for more in (0.05, 0.1, 0.15)
        for a, b in ((0.0, 0.0), (0.0, 0.4))
    ]
    for n, rate_a, rate_b, ties_a, ties_b in (*equal, *powers):
        more = _scores(random, runs, n, rate_b, ties_b) - _scores(random, runs, n, rate_a, ties_a)
        flips = np.mean([statistics.sign_flip_test(row) < 0.05 for row in more])
        with np.errstate(invalid="ignore", divide="ignore"):
            student = np.mean(ttest_1samp(more, 0, axis=1).pvalue < 0.05)
        signs = np.mean([statistics.sign_test(int((r < 0).sum()), int((r > 0).sum())) < 0.05 for r in more])
        if rate_a == rate_b:
            largest = max(largest, float(flips))
        shown = f"{flips * 100:>10.1f} {student * 100:>12.1f} {signs * 100:>10.1f}"
        rates, ties = f"{rate_a * 100:g}, {rate_b * 100:g}", f"{ties_a * 100:g}, {ties_b * 100:g}"
        print(f"{n:>3}  {rates:<12}  {ties:<12} {shown}")
    print(f"largest type-I error of the sign-flip test: {largest:.1%}\n")
    return largest


def print_stopping(runs: int) -> float:
    """Print when judging until it is decided stops, over 250 dialogues; the largest share of false alarms."""
    random = np.random.default_rng(4)
    print('stop = "decided" over 250 dialogues\n')
    print("win rate  ties   decided in %  for the worse  after (median)  covered in %")
    largest = 0.0
    for rate, ties in product((0.5, 0.55, 0.6, 0.7, 0.9), (0.0, 0.2)):
        found = _scores(random, runs, 250, rate, ties)
        stops = []
        for row in found:
            reached = np.flatnonzero(np.array(sequential.e_values(row)) >= 1 / ALPHA)
            stops.append(int(reached[0]) + 1 if len(reached) else None)
        decided = [(row[:stop], stop) for row, stop in zip(found, stops, strict=True) if stop is not None]
        worse = sum(float(row.mean()) < 0.5 for row, _ in decided) / runs
        # The whole sequence, which may stop at any time; it is slow, so only some.
        some = found[: max(1, runs // 10)]
        covered = np.mean(
            [all(low <= rate <= high for low, high in sequential.confidence_sequence(row)) for row in some]
        )
        if rate == 0.5:
            largest = max(largest, len(decided) / runs)
        after = f"{np.median([stop for _, stop in decided]):.0f}" if decided else "—"
        print(
            f"{rate * 100:>8g}  {ties * 100:>4g}  {len(decided) / runs * 100:>13.1f}  {worse * 100:>13.1f}"
            f"  {after:>14}  {covered * 100:>12.1f}"
        )
    print(f"largest share of false alarms: {largest:.1%}\n")
    return largest


def _scores(random: np.random.Generator, runs: int, n: int, rate: float, ties: float) -> Floats:
    """Scores with this mean, so many of them ½."""
    won = random.random((runs, n)) < (rate - ties / 2) / (1 - ties) if ties < 1 else np.zeros((runs, n))
    found: Floats = np.where(random.random((runs, n)) < ties, 0.5, won)
    return found


def print_length_control(runs: int) -> None:
    """Print how well the length-controlled win rate is found where lengths overlap little."""
    random = np.random.default_rng(3)
    print("length-controlled win rate, true 62.2 %, 250 dialogues: mean and coverage of its interval in %\n")
    print("not longer   raw   mean  coverage  not estimated")
    for overlap, mean in ((0.5, 0.0), (0.1, 1.28), (0.03, 1.88)):
        rates, covered, raw, unknown = [], [], [], 0
        for _ in range(runs):
            scores, words_a, words_b = length_biased(random, 250, mean, better=0.5, longer=0.6)
            found = length_control.length_controlled(scores, words_a, words_b)
            raw.append(np.mean(scores))
            if found is None:
                unknown += 1
                continue
            rates.append(found.win_rate_b)
            covered.append(found.low <= 1 / (1 + np.exp(-0.5)) <= found.high)
        shown = f"{np.mean(raw) * 100:>5.1f} {np.mean(rates) * 100:>6.1f} {np.mean(covered) * 100:>9.1f}"
        print(f"{overlap * 100:>8g} %  {shown} {unknown:>14}")
    print()


def length_biased(
    random: np.random.Generator, n: int, mean: float, *, better: float, longer: float
) -> tuple[list[float], list[int], list[int]]:
    """Scores in both orders of a judge with log-odds `better` + `longer` × tanh of the standardised
    difference in words, which is `mean` standard deviations on average; and both word counts."""
    difference = np.rint(random.normal(15 * mean, 15, n)).astype(int)
    odds = better + longer * np.tanh(difference / difference.std())
    won = random.random((2, n)) < 1 / (1 + np.exp(-odds))
    return [float(score) for score in won.mean(axis=0)], [100] * n, [int(100 + d) for d in difference]


def verdicts() -> list[tuple[str, float]]:
    """Made verdicts of both orders: each with its dialogue, and whether it names b."""
    random = np.random.default_rng(4)
    first = random.random(250) < 0.66
    second = np.where(random.random(250) < 0.5, first, random.random(250) < 0.66)
    both = zip(first, second, strict=True)
    return [(f"d{i}", float(won)) for i, pair in enumerate(both) for won in pair]


def print_peers() -> None:
    """Print what peers make of the same verdicts."""
    each = verdicts()
    scores = [(one + other) / 2 for (_, one), (_, other) in zip(each[::2], each[1::2], strict=True)]
    wins = [[0, 140, 90], [110, 0, 75], [160, 175, 0]]
    error = float(np.std(scores, ddof=1)) / len(scores) ** 0.5
    rate = intervals.of_mean(scores).share
    made = {
        (f"r{i}", f"r{j}"): {f"d{k}": float(k >= wins[i][j]) for k in range(wins[i][j] + wins[j][i])}
        for i, j in ((0, 1), (0, 2), (1, 2))
    }
    strengths = {entry.responder: entry.strength for entry in ranking.rank(made)[0]}
    votes, voted_scores, other_scores, with_votes = judge_statistics.voted()
    ours = {
        "with votes": with_votes.rate.share,
        "with votes, low": with_votes.rate.low,
        "with votes, high": with_votes.rate.high,
        "with votes, its own weight": with_votes.rate.share,
        "win rate": rate,
        "standard error": error,
        "standard error, clustered": error,
        "wins": float(scores.count(1.0)),
        "ties": float(scores.count(0.5)),
        **{f"strength of {i}": strengths[f"r{i}"] for i in range(3)},
    }
    given = json.dumps(
        {
            "scores": scores,
            "verdicts": each,
            "wins": wins,
            "votes": votes,
            "voted_scores": voted_scores,
            "other_scores": other_scores,
            "weight": with_votes.weight,
        }
    )
    print("peers on the same verdicts                     here        there   difference\n")
    for peer in PEERS:
        try:
            found = ask(peer, given)
        except (OSError, subprocess.SubprocessError) as failure:
            print(f"{peer.package}: cannot be compared: {_reason(failure)}")
            continue
        version = found.pop("version")
        for name, value in found.items():
            label = f"{peer.package} {version}, {name}"
            print(
                f"{label:<40} {ours[name]:>10.5f} {float(value):>12.5f} {float(value) - ours[name]:>+12.5f}"
            )


def ask(peer: Peer, given: str) -> dict[str, str | float]:
    """Install a peer in an environment of its own, and run its program; its version is in the answer."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        python = environment / "bin" / "python"
        _run(["uv", "venv", "--quiet", str(environment)])
        _run(["uv", "pip", "install", "--quiet", "--python", str(python), peer.package, *peer.needs])
        version = f"from importlib.metadata import version\nprint(version({peer.package!r}))"
        numbers = _run([str(python), "-c", _GIVEN + peer.program], given)
        found: dict[str, str | float] = json.loads(numbers.splitlines()[-1])
        return {"version": _run([str(python), "-c", version]).strip(), **found}


def _run(command: Sequence[str], given: str | None = None) -> str:
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=True, timeout=600
    ).stdout


def _reason(failure: Exception) -> str:
    """The last line of a program's error."""
    output = failure.stderr if isinstance(failure, subprocess.CalledProcessError) else None
    return (str(output).strip().splitlines() or [str(failure)])[-1] if output else str(failure)
