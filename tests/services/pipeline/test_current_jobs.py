"""The jobs of a snapshot, of which only those that changed are made again: the same as all made anew."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.jobs.job import Job
from core.domain.jobs.snapshot import SlotUse
from core.domain.states import JobState
from core.services.pipeline.job_states import CurrentJobs
from tests.services.pipeline.test_forecast import job
from tests.support.records.made_settings import planned

NAMES = tuple("abcdef")
#: Each job depends on those before it of these.
NEEDS = {"b": ("a",), "c": ("a", "b"), "e": ("d",), "f": ("c", "e")}
STATES: tuple[JobState, ...] = ("waiting", "ready", "running", "done", "failed", "cancelled")


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STATES), max_size=3),
            st.sets(st.sampled_from(NAMES)),
            st.booleans(),
            st.integers(0, 1),
        ),
        max_size=6,
    )
)
def test_made_step_by_step_they_are_what_they_are_made_at_once(
    steps: list[tuple[dict[str, JobState], set[str], bool, int]],
) -> None:
    stepwise, jobs, last = CurrentJobs(), dict[str, Job](), dict[str, Job]()
    for changes, configured, paused, used in steps:
        for name, state in changes.items():
            jobs[name] = replace(job(name, state, *NEEDS.get(name, ())), requested=True)
        nodes = tuple(planned(name, *NEEDS.get(name, ())) for name in NAMES if name in configured)
        slots = (SlotUse("gpu", used, 1),)
        found = stepwise.update(nodes, dict(jobs), paused, slots)
        assert found == CurrentJobs().update(nodes, dict(jobs), paused, slots)
        same = [one for one in found if one.id in configured and one == last.get(one.id)]
        assert all(one is last[one.id] for one in same if one.requested)
        last = {one.id: one for one in found}
