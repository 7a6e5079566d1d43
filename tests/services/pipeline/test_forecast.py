"""When all work will have ended, from what such work has taken so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from core.domain.jobs.job import Job
from core.domain.states import JobState, Slot, Stage
from core.services.pipeline.forecast import forecast

NOW = 1000.0
SLOTS: dict[Slot, int] = {"gpu": 1, "cpu": 2, "api": 1, "batch": 8}


def job(
    name: str,
    state: JobState = "waiting",
    *needs: str,
    stage: Stage = "sft",
    slot: Slot = "gpu",
    took: float | None = None,
    eta_s: float | None = None,
    requested: bool = True,
) -> Job:
    started = None if took is None else NOW - took
    return Job(
        id=name,
        stage=stage,
        name=name,
        state=state,
        requested=requested,
        reason=None,
        done=None,
        total=None,
        eta_s=eta_s,
        attempt=1,
        started_at=started,
        finished_at=NOW if state == "done" else None,
        error=None,
        slot=slot,
        fingerprint="",
        depends_on=needs,
        result=None,
        folder=None,
    )


def test_nothing_is_left_of_what_is_done_or_was_not_asked_for() -> None:
    assert forecast([job("a", "done", took=9), job("b", requested=False)], SLOTS, NOW) is None


def test_a_chain_takes_the_sum_and_one_slot_serves_one_at_a_time() -> None:
    jobs = [
        job("a", "done", took=100),
        job("b", "running", took=40),
        job("c", "ready"),
        job("d", "waiting", "c", stage="respond", slot="cpu"),
        job("e", "done", stage="respond", took=10),
    ]
    found = forecast(jobs, SLOTS, NOW)
    assert found is not None
    assert found.stages == {"sft": 160.0, "respond": 170.0}
    assert (found.seconds, found.is_lower_bound) == (170.0, False)


def test_what_a_running_job_tells_counts_more_than_what_others_took() -> None:
    found = forecast([job("a", "done", took=100), job("b", "running", took=1, eta_s=7)], SLOTS, NOW)
    assert found is not None
    assert found.seconds == 7


def test_two_slots_serve_two_at_a_time() -> None:
    jobs = [
        job("a", "done", stage="respond", took=10),
        *(job(n, "ready", stage="respond", slot="cpu") for n in "bcd"),
    ]
    found = forecast(jobs, SLOTS, NOW)
    assert found is not None
    assert found.seconds == 20


def test_an_unknown_duration_makes_it_a_lower_bound() -> None:
    found = forecast(
        [job("a", "running", took=3, eta_s=60), job("b", "waiting", "a", stage="sft-dpo")], SLOTS, NOW
    )
    assert found is not None
    assert (found.seconds, found.is_lower_bound) == (60, True)
    assert found.unmeasured == ("sft-dpo",)
    assert found.lower_bounds == {"sft-dpo"}


def test_what_follows_from_an_unknown_duration_or_waits_for_its_slot_is_a_lower_bound() -> None:
    jobs = [
        job("a", "done", stage="respond", took=10),
        job("b", "running", stage="recipe", slot="api", took=1, eta_s=5),
        job("c", "ready", stage="sft"),
        job("d", "waiting", "c", stage="respond", slot="cpu"),
        job("e", "ready", stage="judge"),
        job("f", "done", stage="judge", took=7),
    ]
    found = forecast(jobs, SLOTS, NOW)
    assert found is not None
    assert found.unmeasured == ("sft",)
    assert found.lower_bounds == {"sft", "respond", "judge"}
    assert found.stages["recipe"] == 5


def test_what_waits_for_a_person_is_left_out() -> None:
    jobs = [
        job("a", "failed", took=3),
        job("b", "waiting", "a"),
        job("c", "waiting", "b"),
        job("d", "ready", slot="gpu"),
        job("e", "running", slot="cpu", took=1, eta_s=5),
    ]
    found = forecast(jobs, SLOTS | {"gpu": 0}, NOW)
    assert found is not None
    assert (found.seconds, found.is_lower_bound) == (5, False)
    assert set(found.stages) == {"sft"}


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from(["gpu", "cpu"]), st.sets(st.integers(0, 19))),
        max_size=20,
    )
)
def test_no_schedule_is_shorter_than_its_longest_chain_or_its_fullest_slot(
    made: list[tuple[int, Slot, set[int]]],
) -> None:
    """Each job has a stage of its own, of which one of that length is done."""
    jobs, longest = [], dict[str, float]()
    for place, (length, slot, needs) in enumerate(made):
        name, before = f"j{place}", [f"j{i}" for i in sorted(needs) if i < place]
        jobs += [
            job(f"done{place}", "done", stage=cast(Stage, name), took=length),
            job(name, "waiting", *before, stage=cast(Stage, name), slot=slot),
        ]
        longest[name] = length + max((longest[i] for i in before), default=0)
    found = forecast(jobs, SLOTS, NOW)
    if found is None:
        assert not made
        return
    work = {kind: sum(length for length, slot, _ in made if slot == kind) for kind in ("gpu", "cpu")}
    lower_bound = max(*longest.values(), work["gpu"], work["cpu"] / 2)
    assert lower_bound <= found.seconds <= sum(work.values())
    assert not found.is_lower_bound


def _simulated(jobs: Sequence[Job], slots: Mapping[Slot, int]) -> float:
    """When the last job ends, if at each end all that waits is looked through."""
    took = {one.stage: (one.finished_at or 0) - (one.started_at or 0) for one in jobs if one.state == "done"}
    left = [one for one in jobs if one.state != "done"]
    free, running, ended, now = Counter(slots), dict[str, float](), set[str](), 0.0
    done = {one.id for one in jobs if one.state == "done"}
    while len(ended) < len(left):
        for one in left:
            able = one.id not in running and done.union(ended).issuperset(one.depends_on)
            if able and free[one.slot] > 0:
                free[one.slot] -= 1
                running[one.id] = now + took[one.stage]
        now = min(end for name, end in running.items() if name not in ended)
        for one in left:
            if one.id in running and one.id not in ended and running[one.id] <= now:
                ended.add(one.id)
                free[one.slot] += 1
    return now


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["gpu", "cpu"]), st.sets(st.integers(0, 14))),
        min_size=1,
        max_size=15,
    )
)
def test_it_is_what_a_simulation_finds_that_looks_through_all_jobs(
    made: list[tuple[int, Slot, set[int]]],
) -> None:
    jobs = []
    for place, (length, slot, needs) in enumerate(made):
        stage = cast(Stage, f"s{place}")
        jobs.append(job(f"done{place}", "done", stage=stage, took=length))
        before = [f"j{i}" for i in sorted(needs) if i < place]
        jobs.append(job(f"j{place}", "waiting", *before, stage=stage, slot=slot))
    found = forecast(jobs, SLOTS, NOW)
    assert found is not None
    assert found.seconds == _simulated(jobs, SLOTS)
