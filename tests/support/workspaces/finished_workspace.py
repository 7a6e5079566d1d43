"""A workspace whose comparisons are finished: two judges, hostile texts, one thing of everything."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue, RatedResponse
from core.domain.evaluation.verdicts import MIRRORED, Winner
from core.domain.evaluation.votes import Choice
from core.jobs.records import Metric, VerdictRecord
from core.jobs.settings import CompareSettings, LlmJudge
from core.judging import protocol, voting
from core.judging.llm import llm_judge
from core.judging.metrics import comparison_metrics
from core.judging.protocol import OrderedPair
from core.pipeline.planning import workspace_graph
from core.pipeline.supervision.intent_handlers import carry_out
from core.services.creation.workspace_creation import create_workspace
from core.services.workspace import open_workspace
from core.store import connections, intents
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs
from tests.support.records import made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces import made_once

#: What no format may take for its own: HTML, Markdown, LaTeX, formulas, escapes, direction.
HOSTILE = (
    "=HYPERLINK(\"http://evil.example\") <script>alert('x')</script><img src=x onerror=alert(1)> "
    "]]></svg> \\input{/etc/passwd} $x^2$ 100% & #_{} `a` | b **c** [d](javascript:alert(2)) "
    "Response 1: bad. \x1b[31m \u202eesrever\u202c \x00"
)
RUN = "small/direct/chatgpt"
CONFIG = """
[students.small]
model = "made/small"
[recipes]
train = ["direct/chatgpt", "direct/llama"]
[judges.gpt]
provider = "openai"
model = "gpt-4o"
dimensions = true
[judges.paper]
provider = "openai"
model = "gemini"
swap = false
[comparisons]
extra = [{ a = "human", b = "chatgpt" }]
"""


def make(root: Path, *, finished: bool = True, more: str = "") -> WorkspacePaths:
    """The workspace; without `finished` only half of its comparisons are. `more` is added to config.toml."""

    def make_here(place: Path) -> None:
        _make(place, finished, more)

    made_once.put(root, make_here, finished, more)
    return WorkspacePaths(root)


def _make(root: Path, finished: bool, more: str) -> None:
    workspace = create_workspace(root)
    workspace.config.write_text(CONFIG + more)
    dialogues = [_hostile(d) if number == 0 else d for number, d in enumerate(synthetic_dialogues(rows=160))]
    imported = staging.describe(dialogues, 'made "<b>.csv', "0" * 64)
    staging.stage(workspace, dialogues, imported)
    nodes = workspace_graph.plan(workspace, load_config(workspace.config), imported, {})
    test = [d for d in dialogues if d.split == "test"]
    texts: dict[str, dict[str, str]] = {
        source: {d.dialog_id: d.responses[source].text for d in test} for source in ("human", "chatgpt")
    }
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        compared = [node for node in nodes if node.stage == "compare"]
        left_out = [] if finished else compared[::2]
        jobs.put(connection, (node for node in nodes if node not in left_out))
        for number, node in enumerate(node for node in nodes if node not in left_out):
            result = made_results.of_stage(node.stage)
            attempt = job_attempts.begin_attempt(connection, node.id, 1, f"artifacts/jobs/{node.id}/1")
            if node.stage == "respond":
                texts[node.name] = {d.dialog_id: _text(node.name, i) for i, d in enumerate(test)}
                for name, text in texts[node.name].items():
                    job_records.put_response(connection, node.id, name, text, "stop")
            elif node.stage in ("sft", "sft-dpo"):
                for step in range(1, 30):
                    values = {"loss": 2 / step, "grad_norm": 1.0, "rewards/margins": step / 30}
                    job_records.put_metric(connection, node.id, 1000.0 + step, Metric(step, values))
            elif isinstance(node.settings, CompareSettings):
                judge = node.settings.judge
                assert isinstance(judge, LlmJudge)
                orders = llm_judge.orders(judge)
                a, b = texts[node.settings.a], texts[node.settings.b]
                ordered_pairs = protocol.ordered_pairs(test, a, b, orders)
                verdicts = [_verdict(ordered_pair, number, judge) for ordered_pair in ordered_pairs]
                for verdict in verdicts:
                    job_records.put_verdict(connection, node.id, verdict)
                result = comparison_metrics.of_comparison(
                    ordered_pairs, verdicts, placed=judge.swap, design=llm_judge.design(judge)
                )
            job_attempts.end_attempt(connection, attempt, "done")
            jobs.set_state(connection, node.id, "done", result=result)
    _vote(workspace)


def _hostile(dialogue: Dialogue) -> Dialogue:
    responses = {
        source: RatedResponse(HOSTILE + source, rated.rating) for source, rated in dialogue.responses.items()
    }
    return msgspec.structs.replace(
        dialogue, responses=responses, situation=HOSTILE, utterance=HOSTILE, emotion="<i>=odd|emotion</i>"
    )


def _text(name: str, number: int) -> str:
    if number == 0:
        return f"{HOSTILE} {name}"
    return f"I hear you, says {name}. " + "Tell me more. " * ((number * 7 + len(name)) % 11)


def _verdict(ordered_pair: OrderedPair, number: int, judge: LlmJudge) -> VerdictRecord:
    drawn = sum(map(ord, ordered_pair.dialog_id)) * 31 + number * 17
    winner: Winner = "b" if drawn % 10 < 6 else "a"
    if drawn % 10 == 9 and ordered_pair.order == "ba":
        winner = "b"
    if drawn % 23 == 0:
        winner = "invalid"
    # The same as overall, the opposite, and always b.
    parts: tuple[Winner, ...] = (winner, MIRRORED[winner], "b")
    return VerdictRecord(
        ordered_pair.dialog_id,
        ordered_pair.order,
        winner,
        HOSTILE if drawn % 5 == 0 else "1",
        form=None if winner == "invalid" else "digit",
        dimensions=dict(zip(llm_judge.dimensions(judge), parts, strict=False)),
    )


def _vote(workspace: WorkspacePaths) -> None:
    with open_workspace(workspace) as opened:
        items = opened.evaluation.ballot_items("human", "chatgpt", "ana")[:12]
    choices: tuple[Choice, ...] = ("a", "b", "tie")
    with closing(connections.writer(workspace.state)) as connection:
        for number, item in enumerate(items):
            for voter in ("ana", "ben") if number % 2 else ("ana",):
                choice = choices[(number + len(voter)) % 3]
                vote = voting.record(item, "human", "chatgpt", voter, choice, float(number))
                intents.add(connection, intents.CastVote(vote))
        for intent in intents.pending(connection):
            with connections.transaction(connection):
                outcome = carry_out(connection, workspace, intent.request())
                intents.finish(connection, intent.id, outcome)
