"""The workspace that a storm goes over, and the rows that it must have in the end."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.config.workspace import WorkspacePaths
from tests.loopback import Api
from tests.support.records.synthetic_dialogues import synthetic_csv

Kind = Literal["requests", "models"]
Mode = Literal["live", "batch"]
Resend = Literal["ask", "always"]
Rows = dict[str, list[tuple[Any, ...]]]

DIALOGUES = 16
#: The judge that is validated, and the pairs on which it is.
VALIDATED, PAIRS = "one", 4
CSV = "made.csv"

_MODEL = """
[{table}.{name}]
provider = "openai"
base_url = "{url}"
model = "model-{name}"
mode = "{mode}"
resend = "{resend}"
max_concurrency = 3
poll_min_s = 0.02
poll_max_s = 0.1
"""
_COMMON = """
[recipes]
train = ["direct/chatgpt", "improve-human/naive"]
teacher = "gpt"
sft_limit = 6
preference_limit = 4
[slots]
cpu = 2
api = 4
[[comparisons.extra]]
a = "human"
b = "other"
"""
_STUDENT = """
[students.tiny]
model = "{student}"
[runs]
device = "cpu"
[sft]
max_steps = 4
save_steps = 2
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 1
sample_steps = 2
[dpo]
max_steps = 2
save_steps = 1
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
[responding]
max_new_tokens = 6
[judges.embedded]
provider = "embedded"
"""


@dataclass(frozen=True)
class Study:
    """What is done in a round: `requests` are the jobs that ask large models, `models` trains, answers and
    judges in the machine too."""

    kind: Kind
    mode: Mode
    """How the teacher of the recipes is asked; other models are asked in both ways."""
    resend: Resend

    def make(self, root: Path, url: str, student: Path) -> WorkspacePaths:
        """A workspace with nothing but a config.toml, and a CSV beside it to import."""
        root.mkdir(parents=True, exist_ok=True)
        models = (("teachers", "gpt", self.mode), ("teachers", "other", "live"))
        judges = (("judges", VALIDATED, "live"), ("judges", "two", "batch"))
        text = "".join(
            _MODEL.format(table=table, name=name, url=url, mode=mode, resend=self.resend)
            for table, name, mode in (*models, *judges)
        )
        text += _COMMON + (_STUDENT.format(student=student) if self.kind == "models" else "")
        workspace = WorkspacePaths(root)
        workspace.config.write_text(text)
        synthetic_csv(root / CSV, rows=DIALOGUES)
        return workspace


def answer(text: str) -> str | None:
    """What the models answer: a judge always the same to the same question, a teacher as loopback does."""
    if "\nResponse 2: " not in text:
        return None
    return "say:1" if hashlib.sha256(text.encode()).digest()[0] < 150 else "say:2"


def forget(api: Api) -> None:
    """Let a loopback server begin anew, at the same address."""
    with api.lock:
        for held in (api.paid, api.calls, api.files, api.batches):
            held.clear()
        api.deleted.clear()
        api.idempotency_keys.clear()
        api.faults.throttle = 0
        api.faults.break_calls = 0
        api.faults.retry_after = None


#: What a result says of its own making: how long it took, and which answers were there before.
_OF_MAKING = ("train_runtime_s", "reused")
_QUERIES = {
    "data": "SELECT dialog_id, split, situation, utterance FROM dialogues ORDER BY position",
    "ratings": "SELECT dialog_id, source, text, rating FROM ratings ORDER BY 1, 2",
    "samples": "SELECT j.stage, j.name, step, dialog_id, text FROM samples s JOIN jobs j ON j.id = s.job",
    "responses": "SELECT j.stage, j.name, dialog_id, text, finish FROM responses s"
    " JOIN jobs j ON j.id = s.job",
    "verdicts": "SELECT j.stage, j.name, dialog_id, ordering, number, winner, raw FROM verdicts s"
    " JOIN jobs j ON j.id = s.job",
    # An adapter's card says how long its training took: its weights are compared by what they answer.
    "artifacts": "SELECT j.stage, j.name, s.name, iif(s.name = 'adapter', NULL, sha256),"
    " iif(s.name = 'adapter', NULL, bytes) FROM artifacts s JOIN jobs j ON j.id = s.job",
    # Once each, however often an answer was paid for.
    "answers": "SELECT DISTINCT j.stage, j.name, dialog_id, a.text FROM answers a"
    " JOIN submissions USING (token) JOIN jobs j ON j.id = job WHERE outcome = 'ok'",
}


def rows(state: Path) -> Rows:
    """All rows that must be the same whatever happened: without ids, times and attempts, sorted."""
    with closing(sqlite3.connect(f"{state.as_uri()}?mode=ro", uri=True)) as connection:
        found = {name: sorted(connection.execute(sql).fetchall(), key=repr) for name, sql in _QUERIES.items()}
        jobs = connection.execute(
            "SELECT stage, name, state, done, total, error, result FROM jobs"
        ).fetchall()
        metrics = connection.execute(
            "SELECT j.stage, j.name, step, metrics_json FROM metrics m JOIN jobs j ON j.id = m.job"
        ).fetchall()
    found["jobs"] = sorted(((*row[:6], _without_making(row[6])) for row in jobs), key=repr)
    found["metrics"] = sorted(((*row[:3], _of_weights(row[3])) for row in metrics), key=repr)
    return found


def _without_making(result: str | None) -> str:
    kept = {name: value for name, value in json.loads(result or "{}").items() if name not in _OF_MAKING}
    return json.dumps(kept, sort_keys=True)


def _of_weights(metrics: str) -> str:
    return json.dumps({name: value for name, value in json.loads(metrics).items() if "loss" in name})
