"""A stage for tests: it counts its steps, and misbehaves as the workspace's plan.json says.

plan.json: {"steps": n, "fail": [names], "raise": [names], "lose": [names], "hold": [names], "deaf": [names],
"die": {name: [step per attempt]}, "preempt": {name: [step per attempt]}, "unprepared": [names],
"damage": [names], "linger": [names], "lost_deaf": [names]}. Every step that is really done, and the begin and
end of every attempt, is one line of done.log.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

from core.domain.errors import UserError
from core.domain.jobs.results import Result
from core.domain.states import Stage
from core.jobs import journal
from core.jobs.context import JobContext
from core.jobs.records import Metric, Progress, ResponseRecord, Sample, VerdictRecord
from core.jobs.settings import Settings
from tests.support.records import made_results

OUTPUTS: dict[Stage, tuple[str, ...]] = {
    "recipe": ("sft", "preferences"),
    "sft": ("adapter",),
    "sft-dpo": ("adapter",),
    "respond": ("responses",),
    "judge": ("judge",),
    "compare": (),
}


def run(job: JobContext[Settings]) -> Result:
    root = job.folder.parents[3]
    plan = json.loads((root / "plan.json").read_text())
    name = f"{job.spec.stage}:{job.spec.name}"
    _note(root, job, "begin")
    (job.folder / "visible_devices").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    for given in job.spec.inputs.values():
        assert Path(given).exists()
    if name in plan.get("fail", ()):
        raise UserError(f"{name} cannot be done: " + os.environ.get("TEST_API_KEY", "no key"))
    if name in plan.get("raise", ()):
        raise RuntimeError("first line\nsecond line " + os.environ.get("TEST_API_KEY", "no key"))
    if name in plan.get("lose", ()) and job.spec.attempt == 1:
        lost = next(Path(given) for given in job.spec.inputs.values() if "jobs" in Path(given).parts)
        lost.unlink()
        lost.read_bytes()
    if name in plan.get("exit", ()):
        raise SystemExit(7)
    if name in plan.get("deaf", ()):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deaths = plan.get("die", {}).get(name, [])
    dies_at = deaths[job.spec.attempt - 1] if job.spec.attempt <= len(deaths) else None
    preemptions = plan.get("preempt", {}).get(name, [])
    preempted_at = preemptions[job.spec.attempt - 1] if job.spec.attempt <= len(preemptions) else None
    if name in plan.get("unprepared", ()):
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    if name in plan.get("damage", ()):
        with (job.folder / journal.NAME).open("ab") as file:
            file.write(b'{"seq": 2, "at": 0, "record": {"type": "nonsense"}}\n')
    earlier = {response.dialog_id for response in job.prior(ResponseRecord)}
    steps = plan.get("steps", 4)
    for step in range(steps):
        while name in plan.get("lost_deaf", ()) and not (root / "go").exists():
            time.sleep(0.01)
        while name in plan.get("hold", ()) and not (root / "go").exists():
            job.check()
            time.sleep(0.01)
        job.check()
        if step == preempted_at:
            os.kill(os.getpid(), signal.SIGUSR1)
        if step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if f"d{step}" not in earlier:
            _note(root, job, f"d{step}")
            job.journal.write(
                Metric(step, {"loss": 1 / (step + 1)}),
                Sample(step, "d0", f"sample {step}"),
                VerdictRecord(f"d{step}", "ab", "a", "1"),
                # Last: with it, and only with it, the step is done.
                ResponseRecord(f"d{step}", f"answer {step}", "stop"),
            )
        job.journal.write(Progress(step + 1, steps))
    for output in OUTPUTS[job.spec.stage]:
        path = job.folder / output
        if output == "adapter":
            path.mkdir(exist_ok=True)
            (path / "weights").write_text(name)
        else:
            path.write_text(f"{output} of {name}\n")
        job.publish(output, path)
    _note(root, job, "end")
    if name in plan.get("linger", ()):
        threading.Thread(target=threading.Event().wait).start()
    return made_results.of_stage(job.spec.stage)


def _note(root: Path, job: JobContext[Settings], what: str) -> None:
    with (root / "done.log").open("a") as file:
        file.write(json.dumps([time.time(), job.spec.job, job.spec.attempt, what]) + "\n")
