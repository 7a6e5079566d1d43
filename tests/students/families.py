"""Tiny students of many model families: random weights, each with the chat template of its family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

from tests.students.chat.chat_tokenizers import EMBEDDINGS, tokenizer, trl_templates

_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 2048,
}
_TWO_LAYERS: dict[str, Any] = {"num_hidden_layers": 2}
#: The sizes under GPT-2's names.
_GPT2_SIZES: dict[str, Any] = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 2048}
_EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2}
_HEADS: dict[str, Any] = {"head_dim": 16}
#: The window is shorter than the prompts.
_WINDOW: dict[str, Any] = {"sliding_window": 16}
_TWO_KINDS: dict[str, Any] = _WINDOW | _TWO_LAYERS | {"layer_types": ["sliding_attention", "full_attention"]}
_VISION: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
_MAMBA: dict[str, Any] = {
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_state": 8,
    "mamba_chunk_size": 8,
}


@dataclass(frozen=True)
class Family:
    """A model family, as Transformers knows it."""

    model_type: str
    models: str
    """Known models of it."""
    template: str | None = None
    """Its chat template among those that TRL ships; None where it ships none: it is used as a base model."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Its configuration beside the common sizes."""
    vision: Mapping[str, Any] | None = None
    """The configuration of the part that sees, in a model that has one."""
    sentencepiece: bool = False
    """Whether its tokenizers are of the kind of SentencePiece, which begin a text with a space."""

    @property
    def name(self) -> str:
        return f"{self.model_type} ({self.models})"


FAMILIES = (
    Family("llama", "Llama 3, SmolLM2", "llama3", _TWO_LAYERS),
    Family("mistral", "Mistral 7B", None, _WINDOW, sentencepiece=True),
    Family("ministral3", "Ministral 3", None, _HEADS),
    Family("mixtral", "Mixtral 8x7B", None, _EXPERTS | {"num_local_experts": 4}, sentencepiece=True),
    Family("qwen2", "Qwen2.5", "qwen2_5"),
    Family(
        "qwen2_moe",
        "Qwen1.5-MoE",
        "qwen2_5",
        _EXPERTS | {"num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
    ),
    Family("qwen3", "Qwen3", "qwen3", _HEADS),
    Family(
        "qwen3_moe",
        "Qwen3-30B-A3B",
        "qwen3_instruct_2507",
        _HEADS | _EXPERTS | {"num_experts": 4, "moe_intermediate_size": 32},
    ),
    Family(
        "qwen3_5_text",
        "Qwen3.5",
        "qwen3_5_think",
        _HEADS
        | {
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 2,
            "num_hidden_layers": 2,
            "layer_types": ["linear_attention", "full_attention"],
        },
    ),
    Family("gemma", "Gemma", "gemma", _HEADS, sentencepiece=True),
    Family("gemma2", "Gemma 2", "gemma", _HEADS | _WINDOW),
    Family("gemma3_text", "Gemma 3 1B", "gemma3", _HEADS | _TWO_KINDS),
    Family("gemma3", "Gemma 3 4B", "gemma3", _HEADS | _TWO_KINDS, _VISION),
    Family(
        "gemma4_text",
        "Gemma 4",
        "gemma4_v5",
        _HEADS
        | _TWO_KINDS
        | {
            "vocab_size_per_layer_input": EMBEDDINGS,
            "hidden_size_per_layer_input": 8,
            "num_global_key_value_heads": 1,
            "global_head_dim": 16,
        },
    ),
    Family("phi", "Phi-2"),
    Family("phi3", "Phi-3, Phi-4-mini", "phi3", sentencepiece=True),
    Family("phimoe", "Phi-3.5-MoE", "phi3_5", _EXPERTS | {"num_local_experts": 4}),
    Family("smollm3", "SmolLM3"),
    Family("olmo", "OLMo"),
    Family("olmo2", "OLMo 2"),
    Family("olmo3", "Olmo 3", None, _TWO_KINDS),
    Family("olmoe", "OLMoE", None, _EXPERTS | {"num_experts": 4}),
    Family("granite", "Granite 3"),
    Family("granitemoe", "Granite 3 MoE", None, _EXPERTS | {"num_local_experts": 4}),
    Family(
        "granitemoehybrid",
        "Granite 4",
        None,
        _EXPERTS
        | _MAMBA
        | {
            "num_local_experts": 4,
            "shared_intermediate_size": 32,
            "num_hidden_layers": 2,
            "layer_types": ["mamba", "attention"],
        },
    ),
    Family(
        "granitemoehybrid",
        "Granite 4 Micro",
        None,
        _MAMBA
        | {
            "num_local_experts": 0,
            "num_experts_per_tok": 0,
            "shared_intermediate_size": 32,
            "layer_types": ["attention"],
        },
    ),
    Family("falcon", "Falcon 7B"),
    Family("falcon_h1", "Falcon-H1", None, _MAMBA | {"mamba_d_ssm": 64}),
    Family("gpt2", "GPT-2", None, _GPT2_SIZES),
    Family(
        "gpt_neo",
        "GPT-Neo",
        None,
        {
            "num_hidden_layers": 2,
            "num_heads": 2,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 16,
        },
    ),
    Family("gptj", "GPT-J", None, _GPT2_SIZES | {"rotary_dim": 8}),
    Family("gpt_neox", "Pythia"),
    Family("opt", "OPT", None, {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    Family("bloom", "BLOOM", None, {"n_layer": 1, "n_head": 2}),
    Family("mpt", "MPT", None, {"d_model": 32, "n_heads": 2, "n_layers": 1}),
    Family("stablelm", "StableLM 2"),
    Family("starcoder2", "StarCoder2"),
    Family("cohere", "Command R, Aya Expanse", "cohere"),
    Family("cohere2", "Command R7B, Tiny Aya", "cohere2", _TWO_KINDS),
    Family("glm", "GLM-4-9B", None, _HEADS),
    Family("glm4", "GLM-4-0414", None, _HEADS),
    Family(
        "glm4_moe",
        "GLM-4.5",
        "glm4moe",
        _HEADS | _EXPERTS | _TWO_LAYERS | {"moe_intermediate_size": 32, "n_routed_experts": 4},
    ),
    Family("exaone4", "EXAONE 4.0", None, _TWO_KINDS),
    Family("helium", "Helium", None, _HEADS),
    Family("ernie4_5", "ERNIE 4.5", None, _HEADS),
    Family("seed_oss", "Seed-OSS", None, _HEADS),
    Family("hunyuan_v1_dense", "Hunyuan 7B", None, _HEADS),
    Family(
        "lfm2",
        "LFM2",
        "lfm2",
        _TWO_LAYERS | {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    ),
    Family(
        "nemotron_h",
        "Nemotron 3 Nano",
        "nemotron_3_nano",
        _HEADS
        | {
            "num_hidden_layers": 2,
            "layers_block_type": ["mamba", "attention"],
            "ssm_state_size": 8,
            "mamba_num_heads": 4,
            "mamba_head_dim": 16,
            "n_groups": 1,
            "chunk_size": 8,
        },
    ),
    Family("gpt_oss", "gpt-oss", "gptoss", _HEADS | _EXPERTS | _WINDOW | {"num_local_experts": 4}),
    Family(
        "deepseek_v3",
        "DeepSeek-V3",
        "deepseekv3",
        _EXPERTS
        | {
            "moe_intermediate_size": 32,
            "n_routed_experts": 4,
            "kv_lora_rank": 16,
            "q_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "v_head_dim": 16,
            "qk_nope_head_dim": 8,
            "n_group": 1,
            "topk_group": 1,
            "num_hidden_layers": 2,
            "first_k_dense_replace": 1,
            "num_key_value_heads": 2,
        },
    ),
    Family("mamba", "Mamba", None, {"state_size": 8}),
    Family(
        "mamba2", "Mamba 2", None, {"state_size": 8, "num_heads": 4, "n_groups": 1, "chunk_size": 8} | _HEADS
    ),
    Family(
        "recurrent_gemma",
        "RecurrentGemma",
        None,
        _TWO_LAYERS | {"attention_window_size": 16, "block_types": ["recurrent", "attention"]},
    ),
    Family(
        "t5", "T5, Flan-T5", None, {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2}
    ),
    Family(
        "bart",
        "BART",
        None,
        {
            "d_model": 32,
            "decoder_layers": 1,
            "encoder_layers": 1,
            "decoder_ffn_dim": 64,
            "encoder_ffn_dim": 64,
        },
    ),
    Family("bert", "BERT"),
)


def make(family: Family, folder: Path) -> Path:
    """Write a model of the family with its tokenizer to `folder`, which then is a student."""
    template = None if family.template is None else trl_templates()[family.template]
    tokens = tokenizer(template, sentencepiece=family.sentencepiece)
    ids = {f"{kind}_token_id": getattr(tokens, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    language = _SIZES | {"vocab_size": EMBEDDINGS} | ids | dict(family.config)
    if family.vision is None:
        config = AutoConfig.for_model(family.model_type, **language)
    else:
        config = AutoConfig.for_model(
            family.model_type, text_config=language, vision_config=dict(family.vision), **ids
        )
    torch.manual_seed(0)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model = kind.from_config(config)
    # Logits of a trained model's size: small ones would hide how they are scaled or capped.
    model.get_output_embeddings().weight.data *= 20
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def load(family: Family, folder: Path) -> Any:
    """A model of the family, made in `folder`."""
    return AutoModelForCausalLM.from_pretrained(make(family, folder)).eval()
