"""Rows of a pipeline in the store: jobs, attempts, metrics, responses, verdicts, answers and votes."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import msgspec

from benchmarks.store import made_records
from benchmarks.store.planned_states import job_states
from core.api import WorkspacePaths
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import Order
from core.domain.evaluation.votes import Choice
from core.domain.jobs.results import Result
from core.domain.names import ComparisonName
from core.domain.states import JobState
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
from core.judging import protocol
from core.judging import (
    voting as votes,
)
from core.judging.metrics import comparison_metrics, length_control
from core.store.evaluation import votes as stored_votes
from core.store.jobs import jobs, submissions
from tests.support.records import made_results

RECORDS, RESPONSES, VERDICTS = 1_000_000, 100_000, 200_000
#: Steps of the longest runs, and the pairs of runs (student, recipe) whose SFT is one; the last of them,
#: whose DPO runs, has one there too.
STEPS, LONG = 100_000, (4, 12, 17)
#: Tables with a row for each record of a journal, but for those that only bring a job forward.
TABLES = ("metrics", "samples", "responses", "verdicts", "answers", "submission_states")

_DAY_S = 86_400.0
_BOTH: tuple[Order, ...] = ("ab", "ba")


def count(connection: sqlite3.Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _model(node: PlannedJob) -> str:
    """The large model that a job asks."""
    match node.settings:
        case GenerateSettings(model=model):
            return model.identity.model
        case ValidateSettings(judge=judge) | CompareSettings(judge=LlmJudge() as judge):
            return judge.model.identity.model
    raise ValueError(f"{node.id} asks no large model")


class FilledStore:
    """Fills an empty store with a pipeline's jobs and everything that they yielded."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        workspace: WorkspacePaths,
        dialogues: Sequence[Dialogue],
        *,
        asked: int | None = None,
        records: int = RECORDS,
    ) -> None:
        """A job asks about at most `asked` dialogues of its split; None for all."""
        self.connection = connection
        self.records = records
        self.workspace = workspace
        self.draw = random.Random(0)
        self.now = time.time()
        self.train = [dialogue for dialogue in dialogues if dialogue.split == "train"][:asked]
        self.test = [dialogue for dialogue in dialogues if dialogue.split == "test"][:asked]
        #: Responder → its texts by dialogue.
        self.texts = {
            source: {d.dialog_id: d.responses[source].text for d in self.test}
            for source in self.test[0].responses
        }
        self.counts: Counter[str] = Counter()

    def run(self, nodes: Sequence[PlannedJob], earlier: Sequence[Sequence[PlannedJob]]) -> None:
        """The grid's jobs, and behind them so many of earlier configurations as are wanted."""
        jobs.put(self.connection, nodes)
        states = job_states(nodes)
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
        result = made_results.validated(
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
        self.end(node, "done", 5_000, 800, result)

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
        ordered_pairs = protocol.ordered_pairs(self.test, self.texts[a], self.texts[b], _BOTH)
        odds = made_records.strength(b) - made_records.strength(a)
        verdicts = [
            VerdictRecord(
                ordered_pair.dialog_id,
                ordered_pair.order,
                *made_records.winner(self.draw, ordered_pair, odds),
            )
            for ordered_pair in (ordered_pairs if state == "done" else ordered_pairs[:400])
        ]
        rows = [(judge, v.dialog_id, v.raw, "invalid" if v.winner == "invalid" else "ok") for v in verdicts]
        self.ask(node, state, rows, len(ordered_pairs), usd=0.00047 if judge == "gpt-4o" else 0.00002)
        result = None
        if state == "done":
            # A judge's verdicts are in once all are.
            # Probabilities and dimensions were not requested.
            unasked = (None,) * 4
            self.put(
                "verdicts", [(node.id, v.dialog_id, v.order, 1, v.winner, v.raw, *unasked) for v in verdicts]
            )
            # Fitting it takes seconds a comparison.
            with patch.object(length_control, "length_controlled", lambda *_: None):
                result = comparison_metrics.of_comparison(
                    ordered_pairs, verdicts, placed=True, design="both orders"
                )
        self.end(node, state, 4_000, len(verdicts), result, total=len(ordered_pairs))

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
        left = self.records - self.counts.total() - sum(steps.values()) - sum(samples.values())
        short = [node.id for node in begun if node.id not in steps]
        whole = left / sum(shares[job] for job in short)
        steps |= {job: int(shares[job] * whole) for job in short}
        # What rounding took.
        steps[short[0]] += self.records - self.counts.total() - sum(steps.values()) - sum(samples.values())
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
        self.counts["submission_states"] = count(self.connection, "submission_states")

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
        encoded = msgspec.json.encode(result).decode() if state == "done" else None
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
                encoded,
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
