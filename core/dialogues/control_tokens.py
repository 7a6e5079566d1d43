"""Control tokens of chat formats, found in text.

Text that spells such a token is common in scraped data and in answers of large models. Students read it as
plain text; here it is found, so that it can be counted and shown.
"""

from __future__ import annotations

import re

#: A word of a control token, with the characters that stand for a space in some vocabularies.
_WORD = r"[\w./:▁-]{1,60}"
_NAMES = (
    # Of a sequence, and of masked or unknown text.
    "s|bos|eos|pad|unk|mask|cls|sep|sop|eop|sot|eot|eom|eod",
    # Of a turn.
    r"(?:start|end|begin)_of_(?:turn|text|utterance|image|sentence|audio|video)",
    r"_?(?:system|user|bot|assistant|human|model|observation|end|start)",
    # Of reasoning and tools.
    r"think|thinking|thought|thoughts|reasoning|reflection|analysis|tool_calls?|tool_response|tools|toolcall",
    # Placeholders of other media, and those kept for later use.
    "image|video|audio|img|image_soft_token|fake_token_around_image",
    r"extra_id_\d{1,4}|(?:unused|reserved|special)[_-]?\d{1,5}|reserved_special_token_\d{1,4}",
    r"fim_(?:prefix|middle|suffix|pad)|repo_name|file_sep|jupyter_\w{1,20}|seed:\w{1,20}",
)
_BRACKETED = (
    "INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|ARGS|CALL_ID|IMG|PREFIX",
    "MIDDLE|SUFFIX|PAD|CLS|SEP|MASK|UNK|BOS|EOS|EOT|s?MASK|gMASK|REF|AUDIO|BEGIN_AUDIO|IMG_BREAK|IMG_END",
)
_CONTROL_TOKEN = re.compile(
    "|".join(
        (
            # <|im_end|>, <｜User｜>, <|turn>, <turn|>
            rf"<[|｜]{_WORD}[|｜]?>",
            rf"<{_WORD}[|｜]>",
            # [|endofturn|]
            rf"\[\|{_WORD}\|\]",
            rf"</?(?i:{'|'.join(_NAMES)})/?>",
            rf"\[/?(?:{'|'.join(_BRACKETED)})\]",
            r"<</?SYS>>",
        )
    )
)


def find(text: str) -> tuple[str, ...]:
    """The control tokens in a text, in their order, each as often as it occurs."""
    return tuple(match[0] for match in _CONTROL_TOKEN.finditer(text))


def is_control_token(text: str) -> bool:
    """Whether the whole text is spelled like one control token."""
    return _CONTROL_TOKEN.fullmatch(text) is not None
