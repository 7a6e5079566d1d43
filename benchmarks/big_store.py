"""A workspace after months of work, for the benchmarks that need one: a million journal records in its store.

    python -m benchmarks.big_store [--folder DIR]

The paper's grid (two students, 21 recipes, both stages, two judges) over 2,000 made dialogues: most of it is
done, some twenty jobs run, others failed, were cancelled, are ready or wait, and responses and verdicts of
earlier configurations lie beside it. 100,000 responses, 200,000 verdicts, and as many metrics, sample
answers, answers of teachers and judges, and states of their batches as make it a million. Made once, in half
a minute; a folder that is there stays as it is.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from benchmarks import made_records
from core.api import WorkspacePaths
from core.config.load import load_config
from core.dialogues import staging
from core.domain.dialogues import HUMAN, Dialogue
from core.domain.jobs import JobState
from core.domain.names import ComparisonName
from core.domain.results import Result
from core.domain.verdicts import Order
from core.domain.votes import Choice
from core.jobs.planned_job import PlannedJob
from core.jobs.records import BatchRecord, SubmissionRecord, VerdictRecord
from core.jobs.settings import (
    CompareSettings,
    DpoSettings,
    GenerateSettings,
    LlmJudge,
    SftSettings,
    ValidateSettings,
)
from core.judging import (
    comparison_metrics,
    length_control,
    protocol,
)
from core.judging import (
    voting as votes,
)
from core.pipeline import supervisor, workspace_graph
from core.recipes import catalog
from core.store import (
    connections,
    jobs,
    schema,
    submissions,
)
from core.store import (
    dialogues as data,
)
from core.store import votes as stored_votes
from tests.support import made_results
from tests.support.synthetic_dialogues import synthetic_dialogues

#: Of each schema its own, so that a store of an earlier one does not stand in for it.
FOLDER = Path(tempfile.gettempdir()) / f"empathy-big-store-{schema.VERSION}"

DIALOGUES, RECORDS, RESPONSES, VERDICTS = 2_000, 1_000_000, 100_000, 200_000
#: Steps of the longest runs, and the pairs of runs (student, recipe) whose SFT is one; the last of them,
#: whose DPO runs, has one there too.
STEPS, LONG = 100_000, (4, 12, 17)
#: Tables with a row for each record of a journal, but for those that only bring a job forward.
TABLES = ("metrics", "samples", "responses", "verdicts", "answers", "submission_states")

_DAY_S = 86_400.0
_BOTH: tuple[Order, ...] = ("ab", "ba")
_STUDENTS = ("llama-8b", "mistral-7b")
_CONFIG = """
[students.llama-8b]
model = "meta-llama/Llama-3.1-8B"
[students.mistral-7b]
model = "mistralai/Mistral-7B-v0.3"
[teachers.gpt-4o]
provider = "openai"
model = "gpt-4o-2024-08-06"
mode = "batch"
[judges.gpt-4o]
provider = "openai"
model = "gpt-4o-2024-08-06"
mode = "batch"
max_output_tokens = 16
[judges.gemini]
provider = "google"
model = "gemini-2.0-flash"
mode = "batch"
max_output_tokens = 16
[prices]
date = 2026-06-01
[prices.models."gpt-4o-2024-08-06"]
input = 2.5
output = 10.0
batch_input = 1.25
batch_output = 5.0
[prices.models."gemini-2.0-flash"]
input = 0.1
output = 0.4
[spending]
budget_usd = 250.0
[slots]
gpu = {gpu}
cpu = 2
api = 1
batch = {batch}
[runs]
device = "cuda"
[responding]
max_new_tokens = {max_new_tokens}
[recipes]
train = {recipes}
[comparisons]
extra = [{extra}]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder.resolve()
    if folder.exists():
        print(f"{folder} is there already")
    began = time.perf_counter()
    workspace = made(folder)
    print(f"{workspace.state.stat().st_size / 1e6:,.0f} MB, {time.perf_counter() - began:.0f} s")
    with closing(connections.reader(workspace.state)) as connection:
        counts = {table: _count(connection, table) for table in TABLES}
        for table, count in (*counts.items(), ("together", sum(counts.values()))):
            print(f"{table:<18} {count:>10,}")
        states = connection.execute("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY 2 DESC")
        print("jobs: " + ", ".join(f"{count} {state}" for state, count in states))
    return 0


def made(folder: Path = FOLDER) -> WorkspacePaths:
    """The workspace in `folder`, made unless it is there."""
    workspace = WorkspacePaths(folder)
    if not folder.exists():
        # Under another name until it is whole.
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
        _make(WorkspacePaths(part))
        part.rename(folder)
    # Brings the store of an older program up to date, which those who only watch it cannot.
    connections.writer(workspace.state).close()
    return workspace


@contextmanager
def supervised(workspace: WorkspacePaths) -> Iterator[None]:
    """Hold the supervisor's lock, so that nobody takes up what the store says is running."""
    lock = supervisor.acquire(workspace)
    if lock is None:
        raise SystemExit(f"a supervisor works on {workspace.root}")
    with lock:
        yield


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _make(workspace: WorkspacePaths) -> None:
    dialogues = synthetic_dialogues(DIALOGUES)
    facts = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, facts)
    names = catalog.names(facts.sources)
    runs = [f"{_STUDENTS[0]}/{name}/sft-dpo" for name in names[:13]]
    pairs = [*((HUMAN, source) for source in facts.sources), *pairwise(runs)]
    extra = ", ".join(f'{{ a = "{a}", b = "{b}" }}' for a, b in pairs)
    plans = []
    for max_new_tokens in (96, 128, 160):
        text = _CONFIG.format(
            gpu=13, batch=9, max_new_tokens=max_new_tokens, recipes=json.dumps(names), extra=extra
        )
        workspace.config.write_text(text)
        asked = load_config(workspace.config)
        plans.append(workspace_graph.plan(workspace, asked, facts, {}, {"gpt-4o": 400, "gemini": 400}))
    with closing(connections.writer(workspace.state)) as connection:
        with connections.transaction(connection):
            data.replace(connection, facts, dialogues)
            _Filling(connection, workspace, dialogues).run(plans[-1], plans[-2::-1])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fates(nodes: Sequence[PlannedJob]) -> dict[str, JobState]:
    """How each of the grid's jobs stands, by its id.

    One set of answers is still on its way, and what needs it waits. The second student's last runs are
    at work, then what follows from those that are done.
    """
    found: dict[str, JobState] = {}
    by_stage: dict[str, list[PlannedJob]] = {}
    for node in nodes:
        by_stage.setdefault(node.stage, []).append(node)
    for node in (*by_stage["generate"], *by_stage["validate"]):
        found[node.id] = "running" if node.name == "improve-llm/sequential/compassionate" else "done"
    for node in by_stage["recipe"]:
        found[node.id] = _after(node, found, "done")
    for number, (sft, dpo) in enumerate(zip(by_stage["sft"], by_stage["sft-dpo"], strict=True)):
        fate: JobState = "done"
        if number in range(36, 39):
            fate = "running"
        elif number in (39, 40):
            fate = "failed" if number == 39 else "cancelled"
        found[sft.id] = _after(sft, found, fate)
        found[dpo.id] = _after(dpo, found, "running" if number in range(30, 36) else "done")
    ends: dict[str, Sequence[JobState]] = {
        "respond": ("failed", *3 * ("ready",), *4 * ("running",)),
        "compare": (*3 * ("failed",), *2 * ("cancelled",), *5 * ("ready",), *8 * ("running",)),
    }
    for stage, last in ends.items():
        able = [node for node in by_stage[stage] if _after(node, found, "done") == "done"]
        found |= {node.id: "waiting" for node in by_stage[stage]}
        found |= {node.id: "done" for node in able}
        found |= {node.id: fate for node, fate in zip(able[-len(last) :], last, strict=True)}
    return found


def _after(node: PlannedJob, found: Mapping[str, JobState], fate: JobState) -> JobState:
    """`fate`, unless the node waits for another."""
    return fate if all(found[needed] == "done" for needed in node.depends_on) else "waiting"


def _model(node: PlannedJob) -> str:
    """The large model that a job asks."""
    match node.settings:
        case GenerateSettings(model=model):
            return model.identity.model
        case ValidateSettings(judge=judge) | CompareSettings(judge=LlmJudge() as judge):
            return judge.model.identity.model
    raise ValueError(f"{node.id} asks no large model")


class _Filling:
    def __init__(
        self, connection: sqlite3.Connection, workspace: WorkspacePaths, dialogues: Sequence[Dialogue]
    ) -> None:
        self.connection = connection
        self.workspace = workspace
        self.draw = random.Random(0)
        self.now = time.time()
        self.train = [dialogue for dialogue in dialogues if dialogue.split == "train"]
        self.test = [dialogue for dialogue in dialogues if dialogue.split == "test"]
        #: Responder → its texts by dialogue.
        self.texts = {
            source: {d.dialog_id: d.responses[source].text for d in self.test}
            for source in self.test[0].responses
        }
        self.counts: Counter[str] = Counter()

    def run(self, nodes: Sequence[PlannedJob], earlier: Sequence[Sequence[PlannedJob]]) -> None:
        """The grid's jobs, and behind them so many of earlier configurations as are wanted."""
        jobs.put(self.connection, nodes)
        states = fates(nodes)
        runs = [node for node in nodes if node.stage in ("sft", "sft-dpo")]
        for node in nodes:
            if node not in runs:
                self.job(node, states[node.id])
        self.history(earlier)
        self.votes(runs[1])
        self.submission_states()
        self.runs(runs, states)

    def job(self, node: PlannedJob, state: JobState) -> None:
        match node.stage:
            case "generate":
                self.generate(node, state)
            case "validate":
                self.validate(node)
            case "recipe":
                self.end(node, state, 3, 1, made_results.recipe(sft_examples=1900, preference_pairs=800))
            case "respond":
                self.respond(node, state)
            case "compare":
                self.compare(node, state)

    def history(self, earlier: Sequence[Sequence[PlannedJob]]) -> None:
        """Done jobs of earlier configurations, until there are as many responses and verdicts as wanted."""
        for nodes in earlier:
            for node in nodes:
                wanted, table = (
                    (RESPONSES, "responses") if node.stage == "respond" else (VERDICTS, "verdicts")
                )
                if node.stage not in ("respond", "compare") or self.counts[table] >= wanted:
                    continue
                jobs.put(self.connection, [node])
                self.job(node, "done")

    def generate(self, node: PlannedJob, state: JobState) -> None:
        asked = self.train if state == "done" else self.train[: len(self.train) // 2]
        rows = [
            ("gpt-4o", d.dialog_id, self.text(d), "ok" if self.draw.random() > 0.01 else "error")
            for d in asked
        ]
        self.ask(node, state, rows, len(self.train), usd=0.00052)
        result = made_results.generated(answers=len(asked))
        self.end(node, state, 14_000, len(asked), result, total=len(self.train))

    def validate(self, node: PlannedJob) -> None:
        rows = [(node.name, d.dialog_id, str(number), "ok") for d in self.train[:400] for number in (1, 2)]
        self.ask(node, "done", rows, len(rows), usd=0.0009)
        said = made_results.validated(
            agreement=0.735,
            agreement_low=0.69,
            agreement_high=0.78,
            agreement_pairs=400,
            prefers_first=0.58,
            placed=792,
            flip_rate=0.21,
            paired=396,
            verdicts=800,
            invalid_verdicts=8,
            invalid=6,
        )
        self.end(node, "done", 5_000, 800, said)

    def respond(self, node: PlannedJob, state: JobState) -> None:
        answered = {"done": self.test, "running": self.test[: len(self.test) // 2]}.get(state, [])
        texts = {dialogue.dialog_id: self.text(dialogue) for dialogue in answered}
        rows = [(node.id, name, text, "stop") for name, text in texts.items()]
        self.put("responses", rows)
        if state == "done":
            self.texts[node.name] = texts
        self.end(
            node,
            state,
            700,
            len(rows),
            made_results.responded(responses=len(rows), cut=3),
            total=len(self.test),
        )

    def compare(self, node: PlannedJob, state: JobState) -> None:
        name = ComparisonName.parse(node.name)
        a, b, judge = name.a, name.b, name.judge
        if state not in ("done", "running"):
            self.end(node, state, 300, 0, None, total=2 * len(self.test))
            return
        contests = protocol.contests(self.test, self.texts[a], self.texts[b], _BOTH)
        odds = made_records.strength(b) - made_records.strength(a)
        verdicts = [
            VerdictRecord(contest.dialog_id, contest.order, *made_records.winner(self.draw, contest, odds))
            for contest in (contests if state == "done" else contests[:400])
        ]
        rows = [(judge, v.dialog_id, v.raw, "invalid" if v.winner == "invalid" else "ok") for v in verdicts]
        self.ask(node, state, rows, len(contests), usd=0.00047 if judge == "gpt-4o" else 0.00002)
        result = None
        if state == "done":
            # A judge's verdicts are in once all are.
            self.put(
                "verdicts", [(node.id, v.dialog_id, v.order, 1, v.winner, v.raw, None) for v in verdicts]
            )
            # Fitting it takes seconds a comparison.
            with patch.object(length_control, "length_controlled", lambda *_: None):
                result = comparison_metrics.of_comparison(
                    contests, verdicts, placed=True, design="both orders"
                )
        self.end(node, state, 4_000, len(verdicts), result, total=len(contests))

    def runs(self, runs: Sequence[PlannedJob], states: Mapping[str, JobState]) -> None:
        """All runs; the shorter ones have as many steps as make up the records that are wanted."""
        begun = [node for node in runs if states[node.id] in ("done", "running")]
        settings = [node.settings for node in runs if isinstance(node.settings, SftSettings | DpoSettings)]
        pairs = list(dict.fromkeys((one.student_name, one.recipe) for one in settings))
        long = {f"{student}/{recipe}/sft" for student, recipe in (pairs[number] for number in LONG)}
        long.add(f"{'/'.join(pairs[30])}/sft-dpo")
        shares = {node.id: 0.6 if states[node.id] == "running" else 1.0 for node in begun}
        steps = {node.id: round(shares[node.id] * STEPS) for node in begun if node.name in long}
        samples = {node.id: 2 * 40 for node in begun}
        left = RECORDS - self.counts.total() - sum(steps.values()) - sum(samples.values())
        short = [node.id for node in begun if node.id not in steps]
        whole = left / sum(shares[job] for job in short)
        steps |= {job: round(shares[job] * whole) for job in short}
        # What rounding took or gave.
        steps[short[0]] += RECORDS - self.counts.total() - sum(steps.values()) - sum(samples.values())
        for node in runs:
            state = states[node.id]
            made = steps.get(node.id, 0)
            seconds = made * 1.1
            total = round(made / shares[node.id]) if node.id in shares else None
            began = self.end(node, state, seconds, made, self.run_result(node, made), total=total)
            if made:
                rows = made_records.metric_rows(
                    node.id, made, began, began + seconds, dpo=node.stage == "sft-dpo"
                )
                self.put("metrics", list(rows))
                self.put("samples", self.sample_rows(node.id, made, samples[node.id]))

    def run_result(self, node: PlannedJob, steps: int) -> Result:
        make = made_results.sft if node.stage == "sft" else made_results.dpo
        return make(
            steps=steps,
            train_loss=1.4 + self.draw.random() / 5,
            train_runtime_s=steps * 1.1,
            examples=1900,
            device="cuda",
            dtype="bfloat16",
        )

    def sample_rows(self, job: str, steps: int, count: int) -> list[tuple[object, ...]]:
        """What the student answers to two dialogues as it goes."""
        times = count // 2
        return [
            (job, steps * (number + 1) // times, dialogue.dialog_id, self.text(dialogue))
            for number in range(times)
            for dialogue in self.test[:2]
        ]

    def votes(self, run: PlannedJob) -> None:
        assert isinstance(run.settings, SftSettings | DpoSettings)
        a, b = run.settings.student_name, run.name
        choices: Sequence[Choice] = ("a", "b", "tie")
        for voter in ("ann", "ben"):
            for paper in votes.ballot_items(self.test, self.texts[a], self.texts[b], voter, ())[:120]:
                choice = self.draw.choices(choices, (3, 6, 1))[0]
                stored_votes.put(self.connection, votes.record(paper, a, b, voter, choice, self.now))

    def ask(
        self,
        node: PlannedJob,
        state: JobState,
        answers: Sequence[tuple[str, str, str, str]],
        asked: int,
        usd: float,
    ) -> None:
        """A batch of `asked` requests with its answers: (model, dialogue, text, outcome)."""
        token, at = f"token-{node.id}", self.now - self.draw.uniform(2, 30) * _DAY_S
        if state == "running":
            at = self.now - 5_000
        submission = SubmissionRecord(
            token=token,
            mode="batch",
            provider="google" if answers[0][0] == "gemini" else "openai",
            base_url="https://api.openai.com/v1",
            key_digest="140bedbf9c3f",
            model=_model(node),
            requests={f"{number:032x}": "" for number in range(asked)},
            usd=asked * usd * 1.1,
            path=f"artifacts/jobs/{node.id}/1/{token}.jsonl",
        )
        submissions.put(self.connection, node.id, at, submission)
        shares = (0.0, 0.1, 0.35, 0.6, 0.9, 1.0) if state == "done" else (0.0, 0.2, 0.4)
        for number, share in enumerate(shares):
            last = share == 1.0
            change = BatchRecord(
                token=token,
                state="completed" if last else "in_progress" if share else "validating",
                id=f"batch_{node.id}",
                completed=round(asked * share),
                failed=0,
                total=asked,
                expires_at=at + _DAY_S,
                output_path=f"artifacts/jobs/{node.id}/1/output.jsonl" if last else None,
                collected=last,
            )
            submissions.put_state(self.connection, at + 600 * (number + 1), change)
        rows = [
            made_records.answer_row(token, number, name, at + 3600, text, outcome, usd)
            for number, (_, name, text, outcome) in enumerate(answers)
        ]
        self.put("answers", rows)

    def submission_states(self) -> None:
        self.counts["submission_states"] = _count(self.connection, "submission_states")

    def end(
        self,
        node: PlannedJob,
        state: JobState,
        seconds: float,
        done: int,
        result: Result | None,
        total: int | None = None,
    ) -> float:
        """Bring a job to its state, with its attempts, their folders and logs; when it began."""
        began = self.now - self.draw.uniform(1, 29) * _DAY_S - seconds
        if state in ("waiting", "ready"):
            self.connection.execute(
                "UPDATE jobs SET state = ?, requested_at = ? WHERE id = ?", (state, began, node.id)
            )
            return began
        if state == "running":
            began = self.now - seconds
        errors = {
            "failed": "CUDA out of memory: lower per_device_train_batch_size, or set gradient_checkpointing",
            "cancelled": None,
        }
        ended = None if state == "running" else began + seconds
        # What runs is at its second attempt, whose journal begins now: a benchmark may write it.
        numbers = (1, 2) if state in ("running", "failed") or self.draw.random() < 0.1 else (1,)
        for number in numbers:
            last = number == numbers[-1]
            folder = self.workspace.attempt(node.id, number)
            folder.mkdir(parents=True)
            lines = 20_000 if done >= STEPS // 2 else 60 + min(done, 600)
            (folder / "log.txt").write_text(made_records.log_lines(f"{node.stage} {node.name}", lines))
            self.connection.execute(
                "INSERT INTO attempts (job, number, folder, state, started_at, ended_at, seq, reached, error)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    node.id,
                    number,
                    folder.relative_to(self.workspace.root).as_posix(),
                    state if last else "lost",
                    began + seconds * (number - 1) / len(numbers),
                    ended if last else began + seconds / 2,
                    0 if last and state == "running" else 2 * done // len(numbers),
                    done,
                    errors.get(state) if last else "by SIGKILL (out of memory?)",
                ),
            )
            self.event(began + number, "running", node.id, number)
        if ended is not None:
            self.event(ended, state, node.id, None)
        said = msgspec.json.encode(result).decode() if state == "done" else None
        eta_s = seconds / 3 if state == "running" else None
        self.connection.execute(
            "UPDATE jobs SET state = ?, attempt = ?, requested_at = ?, started_at = ?, finished_at = ?,"
            " done = ?, total = ?, eta_s = ?, error = ?, result = ? WHERE id = ?",
            (
                state,
                numbers[-1],
                began - 60,
                began,
                ended,
                done,
                done if total is None else total,
                eta_s,
                errors.get(state),
                said,
                node.id,
            ),
        )
        return began

    def event(self, at: float, text: str, job: str, attempt: int | None) -> None:
        self.connection.execute(
            "INSERT INTO events (at, job, attempt, text) VALUES (?, ?, ?, ?)", (at, job, attempt, text)
        )

    def put(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert whole rows, and count them."""
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            self.counts[table] += len(rows)

    def text(self, dialogue: Dialogue) -> str:
        return made_records.text(self.draw, dialogue.emotion)


if __name__ == "__main__":
    sys.exit(main())
