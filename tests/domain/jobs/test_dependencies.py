"""The transitive closure of a graph of jobs, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.jobs.dependencies import dependencies_of, dependents_of, nearest_first


@dataclass(frozen=True)
class _Job:
    id: str
    depends_on: tuple[str, ...] = ()


#: d needs b and c, which both need a; e stands alone.
_JOBS = (_Job("a"), _Job("b", ("a",)), _Job("c", ("a",)), _Job("d", ("b", "c")), _Job("e"))


def test_dependencies_are_found_at_any_distance() -> None:
    assert dependencies_of(_JOBS, ["d"]) == {"a", "b", "c"}
    assert dependencies_of(_JOBS, ["a", "e"]) == set()


def test_dependents_are_found_at_any_distance() -> None:
    assert dependents_of(_JOBS, ["a"]) == {"b", "c", "d"}
    assert dependents_of(_JOBS, ["d", "e"]) == set()


def test_the_jobs_asked_about_are_left_out_though_one_needs_another() -> None:
    assert dependencies_of(_JOBS, ["d", "b"]) == {"a", "c"}
    assert dependents_of(_JOBS, ["a", "b"]) == {"c", "d"}


def test_ids_that_are_not_among_the_jobs_have_no_more_behind_them() -> None:
    assert dependencies_of([_Job("a", ("gone",))], ["a"]) == {"gone"}
    assert dependents_of([_Job("a", ("gone",))], ["gone"]) == {"a"}


def test_a_walk_comes_to_the_nearest_first_and_to_each_once() -> None:
    links = {job.id: job.depends_on for job in _JOBS} | {"a": ("d",)}
    assert list(nearest_first(["d", "e"], lambda id: links[id])) == ["d", "e", "b", "c", "a"]
