"""What jobs of the pipeline's graph depend on, and what depends on them, at any distance.

Plain sets rather than a graph library: importing networkx takes more than half a second on two cores,
which the way to the first screen cannot afford, and graphlib sorts a graph but knows no ancestors or
descendants.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Dependent(Protocol):
    """Anything with an id that names the ids of what it depends on directly."""

    @property
    def id(self) -> str: ...

    @property
    def depends_on(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Link:
    """A job in the graph."""

    id: str
    """The job's id."""
    depends_on: tuple[str, ...]
    """The ids of what it depends on directly."""


def dependencies_of(jobs: Iterable[Dependent], ids: Iterable[str]) -> frozenset[str]:
    """The ids of all that the jobs `ids` depend on, at any distance, without `ids` themselves.

    An id that `jobs` does not contain is kept, and depends on nothing that is known.
    """
    return _closure({job.id: job.depends_on for job in jobs}, ids)


def dependents_of(jobs: Iterable[Dependent], ids: Iterable[str]) -> frozenset[str]:
    """The ids of all jobs that depend on the jobs `ids`, at any distance, without `ids` themselves."""
    return _closure(_direct_dependents(jobs), ids)


def dependents_of_each(jobs: Iterable[Dependent], ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Each of the jobs `ids`, with the ids of all jobs that depend on it, at any distance."""
    dependents = _direct_dependents(jobs)
    return {id: _closure(dependents, [id]) for id in ids}


def nearest_first(ids: Iterable[str], links: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """`ids`, then all that `links` leads to from them, each once: the nearest first.

    `links` is called for an id when the walk comes to it, after the id was yielded.
    """
    queue = deque(dict.fromkeys(ids))
    seen = set(queue)
    while queue:
        id = queue.popleft()
        yield id
        for near in links(id):
            if near not in seen:
                seen.add(near)
                queue.append(near)


def _direct_dependents(jobs: Iterable[Dependent]) -> Mapping[str, Sequence[str]]:
    dependents: defaultdict[str, list[str]] = defaultdict(list)
    for job in jobs:
        for dependency in job.depends_on:
            dependents[dependency].append(job.id)
    return dependents


def _closure(edges: Mapping[str, Sequence[str]], ids: Iterable[str]) -> frozenset[str]:
    start = frozenset(ids)
    return frozenset(nearest_first(start, lambda id: edges.get(id, ()))) - start
