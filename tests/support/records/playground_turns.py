"""A made conversation of the playground: hostile text, an error, answers that were cut or stopped."""

from __future__ import annotations

from core.api import PlaygroundAnswer, PlaygroundTurn, Responding
from core.config.workspace import WorkspacePaths
from core.playground import history
from core.playground.records import AnswerFinish
from tests.support.workspaces.filled_workspace import HOSTILE, NOW

BASE, SFT, DPO = "smollm2", "smollm2/direct/chatgpt/sft", "smollm2/direct/chatgpt/sft-dpo"


def write(workspace: WorkspacePaths) -> None:
    """Add two turns to the workspace's history."""
    sampling = Responding(max_new_tokens=80, do_sample=True, temperature=0.7, top_p=0.9)
    first = PlaygroundTurn(
        id="6d1f0a2b",
        conversation="6d1f0a2b",
        at=NOW - 60,
        situation="I moved to a town where I know nobody.",
        utterance="Every evening is so quiet.",
        sampling=sampling,
        answers=(
            _answer(
                BASE, "You should go out and make some friends. There are many things to do. " * 3, "length"
            ),
            _answer(
                SFT, "That sounds lonely. A quiet evening can feel very long when everything is new.", "stop"
            ),
            _answer(DPO, "I am sorry. What did your evenings look like before you moved?", "stop"),
        ),
    )
    second = PlaygroundTurn(
        id="7e2f0a2b",
        conversation=first.id,
        number=2,
        at=NOW,
        situation=first.situation,
        utterance="I used to cook with my sister.",
        sampling=sampling,
        answers=(
            _answer(BASE, HOSTILE, "stop"),
            _answer(SFT, "You miss her, and", "stopped"),
            _answer(DPO, "", "failed", "out of memory: ask fewer responders, or begin a new conversation"),
        ),
    )
    history.append(workspace, first)
    history.append(workspace, second)


def _answer(responder: str, text: str, finish: AnswerFinish, error: str | None = None) -> PlaygroundAnswer:
    tokens = len(text.split()) * 4 // 3
    return PlaygroundAnswer(
        responder=responder,
        text=text,
        finish=finish,
        error=error,
        tokens=tokens,
        first_token_s=0.4 if tokens else None,
        seconds=0.4 + tokens / 30,
    )
