"""The graph of jobs while it is planned.

Every job's fingerprint is known before anything runs: the hash of its stage's code version, its
settings, and the fingerprints of its inputs. The same fingerprint means the same results, so a job
that is done is never run again under the same fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from core.domain.names import JobId
from core.domain.states import Slot
from core.jobs.fingerprinted_settings import KnownParts, fingerprinted
from core.jobs.inputs import Input, JobOutput, JobResult
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import Settings
from core.jobs.stages import STAGES


class JobGraph:
    """Jobs, each after its dependencies."""

    def __init__(self) -> None:
        self.jobs: dict[str, PlannedJob] = {}
        # The same objects for all jobs, of which `known_parts` knows what is fingerprinted.
        self._known_parts: KnownParts = {}

    def add(
        self,
        name: str,
        slot: Slot,
        settings: Settings,
        inputs: Mapping[str, Input],
        data: Sequence[str] = (),
        gate: PlannedJob | None = None,
    ) -> PlannedJob:
        """Add a job.

        `data` are the hashes of the parts of the data that it reads beside its inputs. `gate` is the rung
        that decides whether it starts, which changes nothing of its work.
        """
        outputs = {key: read for key, read in inputs.items() if isinstance(read, JobOutput | JobResult)}
        fingerprint = _hash(
            {
                "stage": settings.stage,
                "version": STAGES[settings.stage].code_version,
                "name": name,
                "settings": fingerprinted(settings, self._known_parts),
                "inputs": {key: self._read(read) for key, read in outputs.items()},
                "data": data,
            }
        )
        after = [read.job for read in outputs.values()]
        job = PlannedJob(
            id=str(JobId.of(settings.stage, fingerprint)),
            name=name,
            fingerprint=fingerprint,
            slot=slot,
            settings=settings,
            inputs=dict(inputs),
            depends_on=tuple(dict.fromkeys(after if gate is None else [*after, gate.id])),
        )
        self.jobs[job.id] = job
        return job

    def _read(self, read: JobOutput | JobResult) -> list[str]:
        fingerprint = self.jobs[read.job].fingerprint
        return [fingerprint] if isinstance(read, JobResult) else [fingerprint, read.name]


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
