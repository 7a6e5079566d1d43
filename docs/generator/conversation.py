"""A made-up conversation of the playground in the scene's workspace. No number in it was measured."""

from __future__ import annotations

from core.api import PlaygroundAnswer, PlaygroundTurn, Responding, WorkspacePaths
from core.playground import history
from docs.generator.scene import NOW

_SITUATION = "I moved to a town where I know nobody."
#: Utterance → responder → answer, and the tokens a second that it came with.
_TURNS = {
    "Every evening is so quiet. I had not expected to miss the noise.": {
        "llama-8b": ("You could join a club or a gym. There are many ways to meet people in a new town.", 71),
        "llama-8b/direct/chatgpt/sft": (
            "That sounds lonely. A quiet evening can feel very long when everything around you is new.",
            64,
        ),
        "llama-8b/improve-human/naive/sft-dpo": (
            "It makes sense that you miss it: the noise was company. Being new is hard, and it says "
            "nothing about you. Is there an evening of the week that is a little easier?",
            63,
        ),
    },
    "Sundays, I think. I call my sister then.": {
        "llama-8b": ("That is nice. You should call her more often.", 72),
        "llama-8b/direct/chatgpt/sft": (
            "I am glad that you have her. It must be good to hear her.",
            66,
        ),
        "llama-8b/improve-human/naive/sft-dpo": (
            "Then Sundays have someone in them who knows you. It is fine to lean on that while the rest is "
            "still growing.",
            64,
        ),
    },
}


def write(workspace: WorkspacePaths) -> None:
    """Add the conversation to the workspace's history."""
    name = "5f2c81d0"
    sampling = Responding(max_new_tokens=120, do_sample=True, temperature=0.7, top_p=0.95)
    for number, (utterance, answers) in enumerate(_TURNS.items(), 1):
        history.append(
            workspace,
            PlaygroundTurn(
                id=name if number == 1 else "91b3e6a4",
                conversation=name,
                number=number,
                at=NOW - 600 + 60 * number,
                situation=_SITUATION,
                utterance=utterance,
                sampling=sampling,
                answers=tuple(_answer(responder, *said) for responder, said in answers.items()),
            ),
        )


def _answer(responder: str, text: str, speed: int) -> PlaygroundAnswer:
    tokens = len(text.split()) * 4 // 3
    return PlaygroundAnswer(
        responder=responder,
        text=text,
        finish="stop",
        tokens=tokens,
        first_token_s=0.2,
        seconds=0.2 + (tokens - 1) / speed,
    )
