"""Rungs: which runs go on, and what is said of those that do not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.jobs import rungs
from core.domain.jobs.results import RungPlace, RungResult
from core.domain.names import RunName, held_out, is_of_rung

FACTORS = st.integers(2, 5)
SHARES = st.floats(0, 1)
VALUES = st.dictionaries(st.text("abcdefghij", min_size=1, max_size=2), SHARES | st.none(), min_size=1)


@given(st.lists(SHARES, min_size=1, unique=True), FACTORS)
def test_one_in_so_many_goes_on_rounded_up(values: list[float], factor: int) -> None:
    named = {str(number): value for number, value in enumerate(values)}
    found = rungs.promoted(named, factor)
    assert len(found) == math.ceil(len(values) / factor)
    others = [value for name, value in named.items() if name not in found]
    assert min(named[name] for name in found) > max(others, default=-1)


@given(VALUES, FACTORS)
def test_what_is_as_good_as_one_that_goes_on_goes_on_and_what_failed_never(
    values: dict[str, float | None], factor: int
) -> None:
    found = rungs.promoted(values, factor)
    going = [value for name in found if (value := values[name]) is not None]
    assert len(going) == len(found)
    assert bool(found) == any(value is not None for value in values.values())
    for name, value in values.items():
        if value is not None and going:
            assert (name in found) == (value >= min(going))
    wanted = math.ceil(len(values) / factor)
    known = [value for value in values.values() if value is not None]
    assert len(found) >= min(wanted, len(known))
    # Of more than wanted, each ties with the last.
    assert sum(value > min(going) for value in going) < wanted if going else True


@given(VALUES, FACTORS, SHARES)
def test_a_run_that_does_better_never_loses_by_it(
    values: dict[str, float | None], factor: int, more: float
) -> None:
    for name in rungs.promoted(values, factor):
        before = values[name]
        assert before is not None
        assert name in rungs.promoted(values | {name: max(before, more)}, factor)


@given(VALUES)
def test_a_larger_factor_lets_fewer_go_on(values: dict[str, float | None]) -> None:
    few, many = rungs.promoted(values, 4), rungs.promoted(values, 2)
    assert few <= many


def result(*rates: float | None, stage: str = "sft", rung: int = 1, factor: int = 3) -> RungResult:
    """A rung of runs `s/direct/0/sft`, `s/direct/1/sft`, … with these win rates."""
    values = {f"s/direct/{number}/{stage}": rate for number, rate in enumerate(rates)}
    going_on = rungs.promoted(values, factor)
    places = [
        RungPlace(run=name, win_rate=value, promoted=name in going_on) for name, value in values.items()
    ]
    return RungResult(rung=rung, examples=32, places=tuple(places))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ("s/direct/1/sft", "stopped at rung 1: 2nd of 4, the best went on"),
        ("s/direct/1/sft/seed=2", "stopped at rung 1: 2nd of 4, the best went on"),
        ("s/direct/1/sft/seed=2,examples=128", "stopped at rung 1: 2nd of 4, the best went on"),
        ("s/direct/1/sft-dpo/dpo.beta=0.3", "stopped at rung 1: 2nd of 4, the best went on"),
        ("s/direct/3/sft", "stopped at rung 1: without a result, the best went on"),
        ("s/direct/9/sft", "stopped before rung 1"),
    ],
)
def test_why_a_run_stopped(run: str, why: str) -> None:
    found = result(0.5, 0.4, 0.3, None, factor=4)
    assert not rungs.goes_on(run, found)
    assert rungs.why_stopped(run, found) == why


def test_ranks_are_counted_as_people_count_them() -> None:
    found = result(*(0.9 - number / 100 for number in range(21)))
    why = [rungs.why_stopped(f"s/direct/{number}/sft", found) for number in range(7, 21)]
    assert why[0] == "stopped at rung 1: 8th of 21, the best 7 went on"
    assert [line.split()[4] for line in why] == [
        *("8th", "9th", "10th", "11th", "12th", "13th", "14th", "15th", "16th", "17th", "18th"),
        *("19th", "20th", "21st"),
    ]
    same = result(0.5, 0.4, 0.4, factor=3)
    assert "2nd of 3" in rungs.why_stopped("s/direct/2/sft", same)


def test_a_run_whose_interval_reaches_those_that_go_on_is_undecided() -> None:
    values = {"a": (0.7, 0.9), "b": (0.6, 0.8), "c": (0.5, 0.65), "d": (0.3, 0.5)}
    places = tuple(
        RungPlace(run=f"s/direct/{name}/sft", win_rate=rate, ci_low=0.1, ci_high=high, promoted=name in "ab")
        for name, (rate, high) in values.items()
    )
    found = RungResult(rung=1, examples=32, places=places)
    assert rungs.why_stopped("s/direct/c/sft", found).endswith("3rd of 4, the best 2 went on (undecided)")
    assert rungs.why_stopped("s/direct/d/sft", found).endswith("4th of 4, the best 2 went on")


def test_a_run_of_one_rung_is_that_of_all_for_every_seed_and_what_continues_from_it() -> None:
    found = result(0.9, 0.2, 0.1)
    for name in ("sft", "sft/seed=7", "sft/examples=128", "sft-dpo", "sft-dpo/dpo.beta=0.3,seed=7"):
        assert rungs.goes_on(f"s/direct/0/{name}", found)
        assert not rungs.goes_on(f"s/direct/1/{name}", found)
    # Another setting is another run.
    assert not rungs.goes_on("s/direct/0/sft/sft.learning_rate=1e-05", found)
    assert not rungs.goes_on("embedded", found)


def test_what_a_job_needs_and_what_it_only_waits_for() -> None:
    needed = ("rung-1", "compare-1", "holdout-1")
    assert rungs.gates("sft-1", needed) == ("rung-1",)
    assert rungs.awaited("sft-1", needed) == ()
    assert rungs.work_of("sft-1", needed) == ("compare-1", "holdout-1")
    assert rungs.gates("rung-2", needed) == ()
    assert rungs.awaited("rung-2", needed) == ("compare-1",)
    assert rungs.needed("rung-2", needed) == ("rung-1", "holdout-1")


def test_names_of_rungs() -> None:
    run = RunName.parse("s/direct/a/sft/sft.learning_rate=0.1,seed=2")
    assert run is not None
    small = run.on_rung(32)
    assert str(small) == "s/direct/a/sft/sft.learning_rate=0.1,seed=2,examples=32"
    assert RunName.parse(str(small)) == small
    assert (small.examples, run.examples) == (32, None)
    assert small.over_rungs == run.over_seeds
    assert is_of_rung(str(small))
    assert is_of_rung(f"{small}@epochs=1")
    assert is_of_rung(held_out("s"))
    for name in ("s", "human", str(run), "gpt-4o", "s@epochs=1", "s/direct/a/sft/examples=many"):
        assert not is_of_rung(name)
