"""Which runs go on from a rung, beside Ray Tune's schedulers on the same numbers; needs the extra `ray`."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.jobs import rungs

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: the extra `ray`")

FACTORS = st.integers(2, 5)
#: Halves of dialogues won, of fifty.
RATES = st.integers(0, 100).map(lambda won: won / 100)


@given(st.lists(RATES, min_size=1, max_size=30), FACTORS)
def test_ashas_cutoff_over_all_results_of_a_rung(rates: list[float], factor: int) -> None:
    from ray.tune.schedulers.async_hyperband import _Bracket

    values = {str(number): rate for number, rate in enumerate(rates)}
    bracket = _Bracket(min_t=1, max_t=factor, reduction_factor=factor, s=0)
    cutoff = bracket.cutoff(values)
    # The cutoff is interpolated between two rates.
    going_on = {name for name, value in values.items() if value >= cutoff - 1e-9}
    assert rungs.promoted(values, factor) == going_on


@given(st.lists(RATES, min_size=1, max_size=30, unique=True), FACTORS)
def test_hyperbands_halving(rates: list[float], factor: int) -> None:
    from ray.tune.schedulers.hyperband import _Bracket

    bracket = _Bracket("examples", len(rates), 1, factor, factor, 1)
    for number, rate in enumerate(rates):
        bracket.add_trial(str(number))
        bracket._live_trials[str(number)] = {"rate": rate, "examples": 1}
    good, _ = bracket.successive_halving("rate", 1.0)
    assert rungs.promoted({str(number): rate for number, rate in enumerate(rates)}, factor) == set(good)
