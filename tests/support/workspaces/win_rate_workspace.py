"""A workspace in which three judges compared runs of both stages: metrics of every kind that win rates have.

The verdicts are drawn from known chances, and the metrics, length-controlled ones apart, are what the core
makes of them.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest.mock import patch

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.evaluation.votes import Choice
from core.domain.jobs.results import Result
from core.domain.names import ComparisonName
from core.jobs.planned_job import PlannedJob
from core.jobs.records import VerdictRecord
from core.judging import protocol
from core.judging import (
    voting as votes,
)
from core.judging.metrics import comparison_metrics, length_control
from core.judging.metrics.length_control import LengthControlled
from core.judging.protocol import OrderedPair
from core.pipeline.planning import planner
from core.prompts import templates
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.evaluation import votes as stored_votes
from core.store.jobs import job_attempts, job_records, jobs
from tests.support.records import made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces import made_once
from tests.support.workspaces.filled_workspace import HOSTILE, LABEL

CONFIG = """
[students.smollm2]
model = "embedded/smollm2-135m-instruct"
[teachers.gpt]
provider = "openai"
model = "gpt-4o"
[recipes]
train = ["direct/chatgpt", "direct/llama", "improve-human/naive"]
[runs]
device = "cpu"
[judges.gpt-4o]
provider = "openai"
model = "gpt-4o"
[judges.gemini]
provider = "google"
model = "gemini-2.0-flash"
swap = false
[judges.embedded]
provider = "embedded"
[comparisons]
extra = [{ a = "human", b = "chatgpt" }]
"""

#: Responder → the log-odds that it adds, and the words that it adds to each of its responses.
STRENGTHS = {
    "smollm2": (0.0, 0),
    "smollm2/direct/chatgpt/sft": (0.5, 2),
    "smollm2/direct/chatgpt/sft-dpo": (1.6, 3),
    "smollm2/direct/llama/sft": (0.1, 58),
    "smollm2/direct/llama/sft-dpo": (-0.2, 22),
    "smollm2/improve-human/naive/sft": (0.4, 1),
    "smollm2/improve-human/naive/sft-dpo": (0.8, 1),
    "human": (0.0, 0),
    "chatgpt": (0.7, 8),
}
#: The comparison whose judge names neither response in a fifth of its dialogues.
INVALID = "smollm2 vs smollm2/improve-human/naive/sft @ gpt-4o"
#: The one whose length-controlled win rate parts from the raw one.
LENGTH_BIASED = "smollm2 vs smollm2/direct/llama/sft-dpo @ gpt-4o"
UNFINISHED = "smollm2 vs smollm2/direct/llama/sft-dpo @ gemini"
FAILED = "smollm2 vs smollm2/improve-human/naive/sft @ gemini"
#: What nobody has requested yet.
LEFT = ("smollm2 vs smollm2/improve-human/naive/sft-dpo @ gemini", "human vs chatgpt @ gemini")


def make(root: Path, rows: int = 240) -> WorkspacePaths:
    """`rows` dialogues, a quarter of them test dialogues; comparisons finished, under way, failed, not
    requested; one judge validated, and two voters."""

    def make_here(place: Path) -> None:
        _make(place, rows)

    made_once.put(root, make_here, rows)
    return WorkspacePaths(root)


def _make(root: Path, rows: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    workspace = WorkspacePaths(root)
    workspace.config.write_text(CONFIG)
    dialogues = synthetic_dialogues(rows=rows)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    nodes = planner.plan(load_config(workspace.config), imported, templates.load, "cpu", {"gpt-4o": 200})
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        filling = _Filling(connection, nodes, [d for d in dialogues if d.split == "test"])
        filling.responses()
        filling.comparisons()
        filling.judges()
        filling.votes()


class _Filling:
    def __init__(
        self, connection: sqlite3.Connection, nodes: Sequence[PlannedJob], test: list[Dialogue]
    ) -> None:
        self.connection = connection
        self.nodes = nodes
        self.test = test
        self.texts: dict[str, dict[str, str]] = {
            source: {d.dialog_id: d.responses[source].text for d in test} for source in ("human", "chatgpt")
        }

    def responses(self) -> None:
        for node in self.nodes:
            if node.stage == "respond":
                self.texts[node.name] = {d.dialog_id: _text(node.name, d) for d in self.test}
                self._end(node, made_results.responded(responses=len(self.test)))
                for name, text in self.texts[node.name].items():
                    job_records.put_response(self.connection, node.id, name, text, "stop")

    def comparisons(self) -> None:
        for node in self.nodes:
            if node.stage != "compare" or node.name in LEFT:
                continue
            if node.name == UNFINISHED:
                self._begin(node)
                jobs.set_progress(self.connection, node.id, 21, len(self.test), 95.0)
            elif node.name == FAILED:
                attempt = self._begin(node)
                error = f"the provider refused: {HOSTILE}"
                job_attempts.end_attempt(self.connection, attempt, "failed", error)
                jobs.set_state(self.connection, node.id, "failed", error=error)
            else:
                self._compare(node)

    def judges(self) -> None:
        for node in self.nodes:
            if node.stage == "judge":
                self._end(node, made_results.judge(agreement=0.571, label=LABEL))
            elif node.stage == "validate":
                validated = made_results.validated(
                    agreement=0.735,
                    agreement_low=0.67,
                    agreement_high=0.79,
                    agreement_pairs=200,
                    prefers_first=0.58,
                    placed=392,
                    flip_rate=0.21,
                    paired=196,
                    verdicts=400,
                    invalid_verdicts=8,
                )
                self._end(node, validated)

    def votes(self) -> None:
        a, b = "smollm2", "smollm2/direct/chatgpt/sft-dpo"
        for voter in ("ann", "ben"):
            for paper in votes.ballot_items(self.test, self.texts[a], self.texts[b], voter, ())[:24]:
                draw = _chance("vote", voter if _chance(paper.dialog_id) < 0.3 else "", paper.dialog_id)
                choice: Choice = "b" if draw < 0.65 else "a" if draw < 0.9 else "tie"
                stored_votes.put(self.connection, votes.record(paper, a, b, voter, choice, 1.0))

    def _compare(self, node: PlannedJob) -> None:
        name = ComparisonName.parse(node.name)
        a, b, judge = name.a, name.b, name.judge
        orders: tuple[Order, ...] = ("ab", "ba") if judge == "gpt-4o" else ("ab",)
        ordered_pairs = protocol.ordered_pairs(self.test, self.texts[a], self.texts[b], orders)
        verdicts = [
            VerdictRecord(ordered_pair.dialog_id, ordered_pair.order, winner, _raw(ordered_pair, winner))
            for ordered_pair in ordered_pairs
            for winner in [_winner(node.name, ordered_pair, a, b)]
        ]
        designs = {"gpt-4o": "both orders", "gemini": "the baseline first"}
        with patch.object(length_control, "length_controlled", partial(_length_controlled, node.name)):
            result = comparison_metrics.of_comparison(
                ordered_pairs,
                verdicts,
                placed=judge != "embedded",
                design=designs.get(judge, "each response by itself"),
                label=LABEL if judge == "embedded" else None,
            )
        self._end(node, result)
        for verdict in verdicts:
            job_records.put_verdict(self.connection, node.id, verdict)

    def _begin(self, node: PlannedJob) -> job_attempts.Attempt:
        jobs.put(
            self.connection,
            [node],
        )
        return job_attempts.begin_attempt(self.connection, node.id, 1, f"artifacts/jobs/{node.id}/1")

    def _end(self, node: PlannedJob, result: Result) -> None:
        attempt = self._begin(node)
        job_attempts.end_attempt(self.connection, attempt, "done")
        jobs.set_state(self.connection, node.id, "done", result=result)


def _text(responder: str, dialogue: Dialogue) -> str:
    more = STRENGTHS[responder][1] + int(_chance("words", responder, dialogue.dialog_id) * 40)
    return " ".join([f"I hear you, {dialogue.emotion} as you feel.", *["Really."] * more])


def _winner(name: str, ordered_pair: OrderedPair, a: str, b: str) -> Winner:
    """Drawn: by who is better, a liking for the first place, and for length where the win rates part."""
    if name == INVALID and _chance("invalid", name, ordered_pair.dialog_id) < 0.2:
        return "invalid"
    odds = STRENGTHS[b][0] - STRENGTHS[a][0] + (0.3 if ordered_pair.order == "ba" else -0.3)
    if name == LENGTH_BIASED:
        odds += 2.6 * math.tanh(
            (len(ordered_pair.response_b.split()) - len(ordered_pair.response_a.split())) / 12
        )
    # The same draw for both orders: a judge changes its mind only where that is a close thing.
    return "b" if _chance("verdict", name, ordered_pair.dialog_id) < 1 / (1 + math.exp(-odds)) else "a"


def _length_controlled(name: str, scores: Sequence[float | None], *words: object) -> LengthControlled | None:
    """In place of the estimate, which takes the most time: near the raw one, but where they part."""
    if not name.endswith("gpt-4o"):
        return None
    valid = [score for score in scores if score is not None]
    raw = sum(valid) / len(valid)
    is_biased = name == LENGTH_BIASED
    rate = 0.515 if is_biased else raw
    reach = 0.22 if is_biased else 0.12
    return LengthControlled(
        win_rate_b=rate,
        low=rate - reach,
        high=min(1.0, rate + reach),
        coefficient=2.1 if is_biased else 0.1,
        difference=rate - raw,
        difference_low=rate - raw - 0.1,
        difference_high=rate - raw + 0.1,
        differs=is_biased,
        overlap=0.05 if is_biased else 0.4,
    )


def _raw(ordered_pair: OrderedPair, winner: Winner) -> str:
    return HOSTILE if winner == "invalid" else str(ordered_pair.order.index(winner) + 1)


def _chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) / 2**64
