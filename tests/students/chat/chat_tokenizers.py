"""Tiny tokenizers with chat templates: those that TRL ships, or others."""

from __future__ import annotations

import re
from pathlib import Path

import trl
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

_TEMPLATES = Path(trl.__file__).with_name("chat_templates")
#: The size of every vocabulary's part that is trained, with the 256 bytes.
_VOCABULARY = 384
#: Room for the control tokens of any template beside it.
EMBEDDINGS = 480

_BOS, _END, _PAD = "<s>", "<|endoftext|>", "<pad>"
_CONTROL_TOKENS = re.compile(
    r"<\|[^|<>\s'\"]+\|>|<｜[^｜<>]+｜>|<\|[a-z_]+>|<[a-z_]+\|>|<(?:start|end)_of_[a-z]+>|\[gMASK\]|<sop>|</s>"
)
#: Tokens of their own that tokenizers do not mark as special.
_ADDED_TOKENS = re.compile(r"</?think>|\[/?INST\]")

_TEXT = (
    "Context: I moved to a town where I know nobody. Utterance: Every evening is so quiet. Response:",
    "I can hear how much this means to you, and I am here if you want to talk about it. That sounds hard.",
    "I am so proud of you! You worked for this, and now you have every reason to celebrate.",
)


def trl_templates() -> dict[str, str]:
    """The chat templates that TRL ships, by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(_TEMPLATES.glob("*.jinja"))}


def tokenizer(chat_template: str | None, *, sentencepiece: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer of bytes, or of the kind of SentencePiece, with the control tokens of a chat template.

    Its end-of-sequence token is a base model's, which few templates write, and it puts a beginning before
    every text.
    """
    tokens = _sentencepiece() if sentencepiece else _byte_level()
    found = chat_template or ""
    tokens.add_special_tokens(sorted(set(_CONTROL_TOKENS.findall(found))))
    tokens.add_tokens([AddedToken(text) for text in sorted(set(_ADDED_TOKENS.findall(found)))])
    tokens.post_processor = processors.TemplateProcessing(
        single=f"{_BOS} $A", special_tokens=[(_BOS, tokens.token_to_id(_BOS))]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokens, bos_token=_BOS, eos_token=_END, pad_token=_PAD)
    assert len(fast) <= EMBEDDINGS
    fast.chat_template = chat_template
    return fast


def _byte_level() -> Tokenizer:
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    _train(tokens, [_BOS, _END, _PAD], pre_tokenizers.ByteLevel.alphabet())
    return tokens


def _sentencepiece() -> Tokenizer:
    """It writes spaces as ▁, puts one before the text, and falls back to bytes."""
    tokens = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokens.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    parts = (decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0))
    tokens.decoder = decoders.Sequence(list(parts))
    _train(tokens, [_BOS, _END, _PAD, "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))], ["▁"])
    return tokens


def _train(tokens: Tokenizer, special: list[str], alphabet: list[str]) -> None:
    tokens.train_from_iterator(
        _TEXT,
        trainers.BpeTrainer(
            vocab_size=_VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
