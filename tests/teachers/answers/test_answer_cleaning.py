"""What is taken off an answer, and what stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dialogues import control_tokens
from core.teachers.answers import cleaning
from core.teachers.answers.cleaning import CleanedText, Removal

SAID = "It must be so lonely without her; I am glad you told me."

#: An answer as a model may write it, and what is taken off it.
WRAPPED: list[tuple[str, Removal]] = [
    (f"<think>\n\n</think>\n\n{SAID}", "thinking"),
    (f"<THINK>They miss her.</THINK>{SAID}", "thinking"),
    (f"They miss her; be warm.\n</think>\n{SAID}", "thinking"),
    (f"<think>Should I write <think>?</think>{SAID}", "thinking"),
    (f"<think>one</think><think>two</think>{SAID}", "thinking"),
    (f"<thought>They miss her.</thought>{SAID}", "thinking"),
    (f"[THINK]They miss her.[/THINK]{SAID}", "thinking"),
    (f"◁think▷They miss her.◁/think▷{SAID}", "thinking"),
    (f"<seed:think>They miss her.</seed:think>{SAID}", "thinking"),
    (f"<mm:think>They miss her.</mm:think>{SAID}", "thinking"),
    (f"<hidden_thought_process>They miss her.</hidden_thought_process>{SAID}", "thinking"),
    (f"<scratch_pad>They miss her.</scratch_pad>{SAID}", "thinking"),
    (f"< think >They miss her.</ think >{SAID}", "thinking"),
    (f"<think\u200b>They miss her.</think\u200b>{SAID}", "thinking"),
    (f"&lt;think&gt;They miss her.&lt;/think&gt;{SAID}", "thinking"),
    (f"＜think＞They miss her.＜/think＞{SAID}", "thinking"),
    (f"<think>They miss her.<\\/think>{SAID}", "thinking"),
    (f"<!-- Thinking: they miss her. -->{SAID}", "thinking"),
    (f"```thinking\nThey miss her.\n```\n{SAID}", "thinking"),
    (f"<|im_start|>think\nThey miss her.\n<|im_start|>answer\n{SAID}", "thinking"),
    (f"<|channel>thought\nThey miss her.<channel|>{SAID}", "thinking"),
    (
        "<|channel|>analysis<|message|>They miss her.<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{SAID}<|return|>",
        "thinking",
    ),
    (f"They miss her.<|end|><|start|>assistant<|channel|>final<|message|>{SAID}", "thinking"),
    (f"analysisThey miss her.assistantfinal{SAID}", "thinking"),
    (f"assistantfinal{SAID}", "thinking"),
    (f"Here is my thought process:\nWarm.\n\nHere is my response:\n{SAID}", "thinking"),
    (f"<unused94>thought\nThey miss her.<unused95>{SAID}", "thinking"),
    (f"<details><summary>Thinking</summary>They miss her.</details>\n{SAID}", "thinking"),
    (f"Okay, let me think. The user misses her.\n\nResponse: {SAID}", "thinking"),
    (f"{SAID}<|im_end|>", "control token"),
    (f"<|im_start|>assistant\n{SAID}<|im_end|>\n<|im_start|>user\nAnd then", "control token"),
    (f"<|start_header_id|>assistant<|end_header_id|>\n\n{SAID}<|eot_id|>", "control token"),
    (f"<start_of_turn>model\n{SAID}<end_of_turn>", "control token"),
    (f"<s>{SAID}</s>", "control token"),
    (f"[/INST] {SAID}", "control token"),
    (f"<s>[INST] Be warm. [/INST] {SAID}</s>", "control token"),
    (f"<|im_start|>user\nBe warm.<|im_end|>\n<|im_start|>assistant\n{SAID}<|im_end|>", "control token"),
    (f"{SAID}<｜end▁of▁sentence｜>", "control token"),
    (SAID.replace("lonely", "lonely<unk>"), "control token"),
    (f"```\n{SAID}\n```", "markdown"),
    (f"```text\n{SAID}", "markdown"),
    (f"> {SAID}", "markdown"),
    (f"**{SAID}**", "markdown"),
    (f"Sure! Here is a warmer, more empathetic version:\n\n{SAID}", "preamble"),
    (f"Here's a revised response: {SAID}", "preamble"),
    (f"The most empathetic response:\n\n{SAID}", "preamble"),
    (f"Certainly!\n\n{SAID}", "preamble"),
    (f"**Improved response:** {SAID}", "label"),
    (f"## Revised Response\n{SAID}", "label"),
    (f"Assistant: {SAID}", "label"),
    (f"<answer>{SAID}</answer>", "label"),
    (f'{{"response": "{SAID}"}}', "label"),
    (f"Human: I lost her.\n\nAssistant: {SAID}", "label"),
    (f"Context: She left.\nListener: When?\nUtterance: I lost her.\nResponse: {SAID}", "label"),
    (f"Context: She left.\nUtterance: Oh.\nResponse: Oh no.\nImproved response: {SAID}", "label"),
    (f"Context: She left.\nResponse: Oh no.\nMore empathetic response (warmer): {SAID}", "label"),
    (f"Context: She left.\nResponse: Oh no.\n\nHere is a more empathetic version:\n\n{SAID}", "label"),
    (f"Context: Her.\nImproved response: {SAID}\n\nContext: Him.\nImproved response: Oh.", "label"),
    (f"Client: I lost her.\nCounselor: {SAID}", "label"),
    (f"{SAID}\n\n### Instruction:\nAnd then", "next turn"),
    (f"{SAID} ###", "markdown"),
    (f"\x1b[1m{SAID}\x1b[0m", "control character"),
    (f"“{SAID}”", "quotes"),
    (f"'{SAID}'", "quotes"),
    (f"{SAID}\n\nThis response acknowledges the loss.\n\nLet me know if I should change the tone!", "remark"),
    (f"{SAID}\n\nWould you like a more empathetic response?\n\nFeel free to modify this.", "remark"),
    (f"{SAID}\n\nWould you like me to revise it?\n\nLet me know if you want any changes.", "remark"),
    (f"{SAID}\n\n**Explanation:** it is warm.\n\n- and short", "remark"),
    (f"{SAID} \ud83d", "broken character"),
    (f"{SAID}\ufffd", "broken character"),
    (SAID.replace("lonely", "lonely\x00\x1b"), "control character"),
    (f"Thinking...\nThey miss her.\n...done thinking.\n\n{SAID}", "thinking"),
    (
        f'<details type="reasoning" done="true">\n<summary>3 s</summary>\n> sad\n</details>\n{SAID}',
        "thinking",
    ),
    (f"**Reasoning:** They miss her.\n\n**Answer:** {SAID}", "thinking"),
    (f"Here you go!\n\n{SAID}", "preamble"),
    (f"Sure, I can help with that!\n\n{SAID}", "preamble"),
    (f"Of course. Here's a kinder way to say it:\n\n{SAID}", "preamble"),
    (f"Here’s how I would respond:\n\n{SAID}", "preamble"),
    (f'You could say: "{SAID}"', "preamble"),
    (f"Sure! Here's a more empathetic version – {SAID}", "preamble"),
    (f"Rewritten to be more empathetic: {SAID}", "label"),
    (f"### Assistant: {SAID}", "label"),
    (f"<empathetic_response>{SAID}</empathetic_response>", "label"),
    (f'{{"reasoning": "They miss her.", "improved": "{SAID}"}}', "label"),
    (f'["{SAID}"]', "label"),
    (f"{SAID}\n\nUser: And then?\nAssistant: Then it rained.", "next turn"),
    (f"„{SAID}”", "quotes"),
    (f"{SAID}\n\n(12 words)", "remark"),
    (f"{SAID} (Word count: 12)", "remark"),
    (f"{SAID}\n\nHope this helps!", "remark"),
    (f'"{SAID}"\n\nI made it warmer.', "remark"),
]


@pytest.mark.parametrize(("text", "removal"), WRAPPED)
def test_what_stands_around_an_answer(text: str, removal: Removal) -> None:
    found = cleaning.clean(text)
    assert found.text == SAID
    assert removal in found.removed


def test_several_layers() -> None:
    text = f"<think>x</think>\n\nOf course! Here is the revised version:\n\n“{SAID}”\n\nNote: it is short."
    found = cleaning.clean(text)
    assert found == CleanedText(SAID, ("thinking", "preamble", "quotes"))


@pytest.mark.parametrize(
    "text",
    [
        "<think>They miss her",
        "<think>They miss her.</think>",
        "<|channel|>analysis<|message|>They miss her.",
        "analysisThey miss her",
        "Here is my thought process:\nThey miss her.",
        "<|im_end|>",
        "```\n```",
        '""',
    ],
)
def test_nothing_but_what_stands_around(text: str) -> None:
    assert cleaning.clean(text).text == ""


@pytest.mark.parametrize(
    "text",
    [
        SAID,
        "I hear you: that is hard.",
        "Here's the thing: you did nothing wrong.",
        "Sure: it hurts.",
        "Okay. I will be there for you:\n1. today\n2. tomorrow",
        "Of course you are sad: this version of events hurts.",
        '"I" and "you"',
        "My response: none.",
        "I love you <3 and I think, think, think of you.",
        "You said *never* and **always**.",
        "I think that a > b.\n\nThis is hard.",
        "Let me know how it goes!",
        f"{SAID}\n\nFeel free to change your mind.\n\nLet me know if anything changes or you get a reply.",
        f"Context: She left.\nResponse: Oh no.\n\n{SAID}",
        f"{SAID}\n\nLet me know if you get a different response, or of any changes with her.",
        f"{SAID}\n\nDo you want to revise your plan together?",
        "'s",
        "Analysis won't help now; a hug might.",
        "I can help you with that if you like.\n\nIt is a lot.",
        "Of course I'd be happy to help you move!\n\nIt will be fine.",
        "Here you go again, blaming yourself.\n\nIt hurts.",
        "You could try this:\n- breathe\n- call me",
        "The final response — silence — must have hurt.",
        '"Everything will be fine."\n\nThey all said that, and it hurt.',
        "I hope this helps you feel less alone.",
        "Thoughts: they come and go.",
        '["you", "me"]',
    ],
)
def test_an_answer_stays_word_for_word(text: str) -> None:
    assert cleaning.clean(text) == CleanedText(text, ())


PARTS = st.sampled_from(
    (
        *(
            "<think>",
            "</think>",
            "<|im_end|>",
            "<|channel|>final<|message|>",
            "```",
            '"',
            "“",
            "”",
            ":",
            "\n",
        ),
        *("Sure! Here is the revised response:", "Response:", "> ", "**", "<answer>", "</answer>", "\ud83d"),
        *("This version is better.", "[INST]", "assistant\n", "<s>", "'", "{", "}", "I hear you.", "\n\n"),
        *("\ude00", " ", "analysis", "\n"),
    )
)


@given(st.lists(PARTS | st.text(max_size=4), max_size=12).map("".join))
def test_a_clean_text_is_clean(text: str) -> None:
    found = cleaning.clean(text)
    assert cleaning.clean(found.text) == CleanedText(found.text, ())
    assert control_tokens.find(found.text) == ()
    found.text.encode()
    assert len(found.text) <= len(text)
    if found.text != text.strip():
        assert found.removed or found.text in text


@given(st.text(st.characters(codec="utf-8", categories=["L", "Nd", "Zs", "Sc"]), max_size=80))
def test_plain_words_stay(text: str) -> None:
    assert cleaning.clean(text).text.split() == text.replace("\ufeff", " ").split()
