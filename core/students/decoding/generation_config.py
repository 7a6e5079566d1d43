"""How a model decodes: by one configuration, whatever its checkpoint brings along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import GenerationConfig

from core.config.schema import Responding


def configuration(
    settings: Responding, ends: Sequence[int], padding: int, stop_strings: Sequence[str] = ()
) -> GenerationConfig:
    """The settings of config.toml and the end tokens as Transformers takes them; the cache is on."""
    sampling: dict[str, Any] = {}
    if settings.do_sample:
        # Transformers would otherwise sample from the 50 likeliest tokens only.
        sampling = {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
    return GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        do_sample=settings.do_sample,
        num_beams=1,
        use_cache=True,
        pad_token_id=padding,
        eos_token_id=list(ends),
        stop_strings=list(stop_strings) or None,
        **sampling,
    )


@contextmanager
def decoding(model: Any, configuration: GenerationConfig) -> Iterator[None]:
    """Evaluate the model, and generate by this configuration alone; everything is as before afterwards.

    `generate` would fill unset options from the model's own configuration. A mixture of experts would compute
    its training loss with each token, which fails with a key-value cache.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    text = base.config.get_text_config(decoder=True)
    own, was_training = base.generation_config, model.training
    router = getattr(text, "output_router_logits", None)
    base.generation_config = configuration
    if router is not None:
        text.output_router_logits = False
    model.eval()
    try:
        yield
    finally:
        base.generation_config = own
        if router is not None:
            text.output_router_logits = router
        model.train(was_training)
