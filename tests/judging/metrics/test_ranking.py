"""The ranking of responders against published strengths, simulated ones, and what must hold of any."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from core.domain.evaluation.comparisons import Ranked
from core.domain.evaluation.verdicts import MIRRORED, Winner
from core.judging.metrics import ranking, scores

Outcomes = dict[tuple[str, str], dict[str, Winner]]


#: Home team, away team, wins of either: the American League's east in 1987, from Agresti, "Categorical Data
#: Analysis", 2nd edition, section 10.6, as in the R package BradleyTerry2.
BASEBALL = """
Milwaukee,Detroit,4,3 Milwaukee,Toronto,4,2 Milwaukee,New-York,4,3 Milwaukee,Boston,6,1
Milwaukee,Cleveland,4,2 Milwaukee,Baltimore,6,0 Detroit,Milwaukee,3,3 Detroit,Toronto,4,2
Detroit,New-York,4,3 Detroit,Boston,6,0 Detroit,Cleveland,6,1 Detroit,Baltimore,4,3
Toronto,Milwaukee,2,5 Toronto,Detroit,4,3 Toronto,New-York,2,4 Toronto,Boston,4,3
Toronto,Cleveland,4,2 Toronto,Baltimore,6,0 New-York,Milwaukee,3,3 New-York,Detroit,5,1
New-York,Toronto,2,5 New-York,Boston,4,3 New-York,Cleveland,4,2 New-York,Baltimore,6,1
Boston,Milwaukee,5,1 Boston,Detroit,2,5 Boston,Toronto,3,3 Boston,New-York,4,2
Boston,Cleveland,5,2 Boston,Baltimore,6,0 Cleveland,Milwaukee,2,5 Cleveland,Detroit,3,3
Cleveland,Toronto,3,4 Cleveland,New-York,4,3 Cleveland,Boston,4,2 Cleveland,Baltimore,2,4
Baltimore,Milwaukee,2,5 Baltimore,Detroit,1,5 Baltimore,Toronto,1,6 Baltimore,New-York,2,4
Baltimore,Boston,1,6 Baltimore,Cleveland,3,4
"""


def rank(outcomes: Outcomes) -> tuple[tuple[Ranked, ...], int]:
    return ranking.rank(
        {
            sides: {dialogue: scores.WORTH.get(winner) for dialogue, winner in made.items()}
            for sides, made in outcomes.items()
        }
    )


def by_name(outcomes: Outcomes) -> dict[str, Ranked]:
    return {entry.responder: entry for entry in rank(outcomes)[0]}


def won(by_b: int, of: int, ties: int = 0) -> dict[str, Winner]:
    """`of` dialogues: b wins the first ones, then come ties, then wins of a."""
    return {f"d{i}": "b" if i < by_b else "tie" if i < by_b + ties else "a" for i in range(of)}


def test_the_published_strengths_of_baseball_teams() -> None:
    # Every game a hundred times: the half win that everyone is given counts for nothing then.
    games: Outcomes = {
        (away, home): won(100 * int(home_wins), 100 * (int(home_wins) + int(away_wins)))
        for home, away, home_wins, away_wins in (line.split(",") for line in BASEBALL.split())
    }
    found = by_name(games)
    published = {
        "Boston": 1.1077,
        "Cleveland": 0.6839,
        "Detroit": 1.4364,
        "Milwaukee": 1.5814,
        "New-York": 1.2476,
        "Toronto": 1.2945,
    }
    for team, strength in published.items():
        assert found[team].strength - found["Baltimore"].strength == pytest.approx(strength, abs=0.003)
    assert [entry.responder for entry in rank(games)[0]][:2] == ["Milwaukee", "Detroit"]
    assert sum(entry.strength for entry in found.values()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("wins", "ties"), [(180, 0), (30, 60), (245, 4), (250, 0), (0, 0)])
def test_two_responders_are_a_log_odds_apart(wins: int, ties: int) -> None:
    found = by_name({("base", "run"): won(wins, 250, ties)})
    odds = (wins + ties / 2 + 0.5) / (250 - wins - ties / 2 + 0.5)
    assert found["run"].strength - found["base"].strength == pytest.approx(math.log(odds), abs=1e-6)
    assert (found["run"].wins, found["run"].dialogues) == (wins + ties / 2, 250)
    assert (found["base"].wins, found["base"].dialogues) == (250 - wins - ties / 2, 250)


def test_the_interval_of_two_is_as_wide_as_jeffreys() -> None:
    """Found independently: the logit of the posterior of a binomial share under Jeffreys' prior."""
    for wins in (150, 240, 250):
        run = by_name({("base", "run"): won(wins, 250)})["run"]
        low, high = beta.ppf([0.025, 0.975], wins + 0.5, 250 - wins + 0.5)
        width = (math.log(high / (1 - high)) - math.log(low / (1 - low))) / 2
        assert run.high - run.low == pytest.approx(width, rel=0.2)


def test_the_strengths_of_a_simulated_grid_are_in_their_intervals() -> None:
    draw = random.Random(11)
    true = {"base-1": -1.0, "base-2": -0.6} | {f"run-{i:02}": -0.5 + i * 2.2 / 39 for i in range(40)}
    mean = sum(true.values()) / len(true)
    sides = [(f"base-{1 + i % 2}", f"run-{i:02}") for i in range(40)]
    sides += [("run-00", "run-39"), ("run-05", "run-30"), ("base-1", "base-2")]
    games: Outcomes = {
        (a, b): {
            f"d{i}": "b" if draw.random() < 1 / (1 + math.exp(true[a] - true[b])) else "a" for i in range(250)
        }
        for a, b in sides
    }
    entries, groups = rank(games)
    assert groups == 1
    held = [entry.low <= true[entry.responder] - mean <= entry.high for entry in entries]
    assert sum(held) >= 0.85 * len(held)
    by_truth = sorted(true, key=lambda name: -true[name])
    assert len({entry.responder for entry in entries[:10]} & set(by_truth[:10])) >= 7


def test_those_that_never_met_are_in_groups_of_their_own() -> None:
    entries, groups = rank(
        {
            ("u", "v"): won(3, 4),
            ("x", "y"): won(9, 10),
            ("y", "z"): won(2, 10),
            ("alone", "also alone"): dict.fromkeys(("d1", "d2"), "invalid"),
            ("self", "self"): won(1, 2),
        }
    )
    assert groups == 2
    assert [(entry.responder, entry.group) for entry in entries] == [
        ("y", 0),
        ("z", 0),
        ("x", 0),
        ("v", 1),
        ("u", 1),
    ]
    for group in (0, 1):
        assert sum(e.strength for e in entries if e.group == group) == pytest.approx(0, abs=1e-6)


def test_nobody_is_ranked_where_nothing_was_decided() -> None:
    invalid: dict[str, Winner] = {"x": "invalid", "y": "invalid"}
    assert rank({}) == rank({("a", "b"): {}}) == rank({("a", "b"): invalid}) == ((), 0)


def test_who_wins_everything_has_a_finite_strength_and_a_wide_interval() -> None:
    few, many = (by_name({("base", "run"): won(n, n)})["run"] for n in (5, 250))
    assert few.low < few.strength < few.high < math.inf
    assert many.low < many.strength < many.high < math.inf
    assert few.strength < many.strength
    assert many.high - many.low > 1


def test_a_chain_of_undefeated_ones_is_ranked() -> None:
    """Odds of 250 to nothing multiply to more than choix's matrices hold in this order of names."""
    order = random.Random(1).sample(range(21), 21)
    found, _ = rank({(f"run-{a:02}", f"run-{b:02}"): won(250, 250) for a, b in pairwise(order)})
    assert [entry.responder for entry in found] == [f"run-{i:02}" for i in reversed(order)]
    assert all(entry.low < entry.strength < entry.high for entry in found)
    for better, worse in pairwise(found):
        assert better.strength - worse.strength == pytest.approx(math.log(501), abs=0.05)


def test_equals_stand_in_the_order_of_their_names() -> None:
    entries, _ = rank({("base", f"run-{i}"): won(20, 25) for i in (4, 2, 9, 1)})
    assert [entry.responder for entry in entries] == ["run-1", "run-2", "run-4", "run-9", "base"]


def test_the_same_dialogues_in_all_comparisons_are_drawn_together() -> None:
    """Two runs that win on the same dialogues are lucky together; on others, luck averages out."""
    same: Outcomes = {("base", "one"): won(60, 100), ("base", "two"): won(60, 100)}
    moved = {f"d{(i + 37) % 100}": winner for i, winner in enumerate(won(60, 100).values())}
    apart: Outcomes = {("base", "one"): won(60, 100), ("base", "two"): moved}
    assert width(by_name(same)["base"]) > 1.2 * width(by_name(apart)["base"])


def test_the_same_verdicts_twice_do_not_narrow_the_interval() -> None:
    games: Outcomes = {("base", "run"): won(70, 100, 10)}
    mirrored = {name: MIRRORED[winner] for name, winner in games["base", "run"].items()}
    twice: Outcomes = {**games, ("run", "base"): mirrored}
    assert by_name(twice)["run"].dialogues == 200
    assert width(by_name(twice)["run"]) > 0.95 * width(by_name(games)["run"])


def width(entry: Ranked) -> float:
    return entry.high - entry.low


names = st.sampled_from(["p", "q", "r", "s", "t"])
made = st.dictionaries(
    st.sampled_from(["d1", "d2", "d3", "d4", "d5", "d6"]), st.sampled_from(["a", "b", "tie", "invalid"])
)
games = st.dictionaries(st.tuples(names, names), made, max_size=8)


@settings(max_examples=4, deadline=None)
@given(games)
def test_whatever_was_decided_is_ranked_and_turned_round_it_is_mirrored(outcomes: Outcomes) -> None:
    entries, groups = rank(outcomes)
    said = [winner for (a, b), found in outcomes.items() if a != b for winner in found.values()]
    assert sum(entry.wins for entry in entries) == len(said) - said.count("invalid")
    assert sum(entry.dialogues for entry in entries) == 2 * (len(said) - said.count("invalid"))
    assert {entry.group for entry in entries} == set(range(groups))
    for entry in entries:
        assert math.isfinite(entry.strength)
        assert -math.inf < entry.low <= entry.strength <= entry.high < math.inf

    turned = {
        sides: {name: MIRRORED[winner] for name, winner in found.items()} for sides, found in outcomes.items()
    }
    found = by_name(outcomes)
    assert {name: entry.strength for name, entry in by_name(turned).items()} == pytest.approx(
        {name: -entry.strength for name, entry in found.items()}, abs=1e-5
    )
    swapped = {(b, a): turned[a, b] for a, b in outcomes if (b, a) not in outcomes}
    kept = {(a, b): outcomes[a, b] for a, b in outcomes if (b, a) in outcomes}
    assert by_name(swapped | kept) == found
    assert rank(dict(reversed(list(outcomes.items())))) == (entries, groups)


def test_a_tree_of_comparisons_has_the_strengths_that_fitting_finds() -> None:
    random = np.random.default_rng(0)
    first, second = np.array([0, 0, 0, 2, 3]), np.array([1, 2, 3, 4, 5])
    ones, others = random.gamma(3, size=(2, 20, 5))
    found = ranking._of_tree(first, second, ones, others, 6)
    fitted = [ranking._fit(first, second, *wins, 6) for wins in zip(ones, others, strict=True)]
    assert found == pytest.approx(np.array(fitted), abs=1e-6)
