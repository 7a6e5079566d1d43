"""A tiny model in a GGUF file, as the embedded student's package has one."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from transformers import AutoTokenizer

_SIZE, _HIDDEN = 32, 64


def write(student: Path, path: Path) -> None:
    """Write a random Llama of one layer with the tokenizer of the model in the folder `student`."""
    tokenizer = AutoTokenizer.from_pretrained(student)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = set(tokenizer.all_special_tokens)
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(256)
    writer.add_embedding_length(_SIZE)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_SIZE // 2)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    merges = json.loads((student / "tokenizer.json").read_bytes())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_chat_template(tokenizer.chat_template)
    shapes = {
        "token_embd": (len(tokens), _SIZE),
        "output_norm": (_SIZE,),
        **{f"blk.0.{name}_norm": (_SIZE,) for name in ("attn", "ffn")},
        **{f"blk.0.attn_{name}": (_SIZE, _SIZE) for name in ("q", "k", "v", "output")},
        **{f"blk.0.ffn_{name}": (_HIDDEN, _SIZE) for name in ("gate", "up")},
        "blk.0.ffn_down": (_SIZE, _HIDDEN),
    }
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
