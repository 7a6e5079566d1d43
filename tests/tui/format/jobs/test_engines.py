"""Where jobs run, as text and as columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.domain.jobs.engines import EngineUse, ResourceUse
from core.domain.jobs.job import Job
from tests.tui.format.jobs.test_waits import JOB
from tui.format.jobs import engines, job_states
from tui.screens.pipeline import job_rows

FAR = replace(JOB, engine="far", node="gpu-node-017")


@pytest.mark.parametrize(
    ("job", "place"),
    [
        (JOB, ""),
        (replace(JOB, node="here"), ""),
        (replace(JOB, gpu="GPU-1"), "GPU-1"),
        (replace(FAR, node=None), "far"),
        (FAR, "far gpu-node-017"),
    ],
)
def test_the_place_of_a_job(job: Job, place: str) -> None:
    assert engines.place(job) == place


def test_what_waits_in_a_cluster_is_queued_and_not_running() -> None:
    assert job_states.look(replace(FAR, state="running")).word == "running"
    assert job_states.look(replace(FAR, state="running", queue="place 2 of 9")).word == "queued"


def test_the_use_of_a_cluster_or_why_it_is_not_known() -> None:
    use = EngineUse("far", "ray", 0.0, None, (ResourceUse("CPU", 1.5, 4), ResourceUse("GPU", 3, 8)))
    assert engines.use(use) == "far (ray): 1.5/4 CPU, 3/8 GPU"
    assert engines.use(replace(use, problem="it is away")) == "far (ray): it is away"
    lost = replace(use, lost_nodes=("node-1", "node-7"))
    assert engines.use(lost) == "far (ray): 1.5/4 CPU, 3/8 GPU; lost: node-1, node-7"
    many = replace(use, resources=(), lost_nodes=tuple("abcdefg"))
    assert engines.use(many).endswith("; lost: a, b, c, d, e and 2 more")


def test_the_column_is_shown_where_a_job_runs_elsewhere_and_there_is_room() -> None:
    shown = [
        [column.key for column in job_rows.columns(width, has_engines=job_rows.has_engines(jobs))]
        for width, jobs in ((120, (JOB, FAR)), (120, (JOB,)), (80, (JOB, FAR)))
    ]
    assert ["where" in keys for keys in shown] == [True, False, False]
