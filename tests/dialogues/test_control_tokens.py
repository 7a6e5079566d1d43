"""Control tokens of chat formats in text, and what only looks like them."""

from __future__ import annotations

import pytest

from core.dialogues import control_tokens

TOKENS = """
    <|im_start|> <|im_end|> <|eot_id|> <|endoftext|> <|START_OF_TURN_TOKEN|> <|reserved_special_token_7|>
    <｜User｜> <｜end▁of▁sentence｜> <|turn> <turn|> <start_of_turn> <end_of_utterance> <s> </s> <bos> <think>
    </think> <tool_call> <image> <video> <extra_id_0> <unused12> <seed:think> [INST] [/INST] <<SYS>> <</SYS>>
    [gMASK] [|endofturn|] [THINK]
"""


@pytest.mark.parametrize("token", TOKENS.split())
def test_control_tokens_are_found_in_text(token: str) -> None:
    assert control_tokens.is_control_token(token)
    assert control_tokens.find(f"I see.{token}And {token} more") == (token, token)


@pytest.mark.parametrize(
    "text", ["I <3 you", "a < b > c", "[sic] and [link]", "<b>bold</b>", "| a | b |", "x<y|z>", "<|>", "[1]"]
)
def test_other_text_has_none(text: str) -> None:
    assert control_tokens.find(text) == ()
