"""A tiny student for tests: a random Llama of two layers, with a real tokenizer of its own."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)

_TEXT = (
    "I can hear how much this means to you, and I am here if you want to talk about it.",
    "That sounds really hard. Anyone in your place would feel lonely, and it will not stay that way.",
    "I am so proud of you! You worked for this, and now you have every reason to celebrate.",
    "Context: I moved to a town where I know nobody. Utterance: Every evening is so quiet. Response:",
)


def make(folder: Path, *, template: bool = True, padding: bool = True, seed: int = 0) -> Path:
    """Write a causal language model with its tokenizer to `folder`, which then is a student.

    Without `template` it has no chat template, and without `padding` no padding token, as base
    models have it. The same seed gives the same weights.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(
        _TEXT,
        trainers.BpeTrainer(
            vocab_size=384,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>" if padding else None,
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = TEMPLATE if template else None
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=fast.eos_token_id,
            pad_token_id=fast.pad_token_id,
        )
    )
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
