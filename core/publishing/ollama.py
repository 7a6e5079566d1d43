"""A Modelfile by which Ollama imports a published model: its chat template as a template of Go."""

from __future__ import annotations

from typing import Any

from core.config.schema import Responding
from core.domain.errors import UserError
from core.students.chat import chat_template
from core.students.chat.chat_format import ChatFormat

#: The architectures whose safetensors Ollama converts itself (`convert/convert.go` of Ollama).
ARCHITECTURES = frozenset(
    {
        *("CohereForCausalLM", "DeepseekV3ForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM"),
        *("Gemma4ForCausalLM", "GemmaForCausalLM", "Glm4MoeLiteForCausalLM", "GptOssForCausalLM"),
        *("Lfm2ForCausalLM", "Lfm2MoeForCausalLM", "LlamaForCausalLM", "Ministral3ForCausalLM"),
        *("MixtralForCausalLM", "NemotronHForCausalLM", "Olmo3ForCausalLM", "Phi3ForCausalLM"),
        "Qwen2ForCausalLM",
    }
)
#: What Go's templates, or the quotes of a Modelfile, would read as their own.
_SYNTAX = ("{{", "}}", '"""')


def check_architecture(architecture: str, *, is_base: bool) -> None:
    """Raise `UserError` if Ollama does not convert weights of this architecture, perhaps those of an
    adapter's base model."""
    if architecture not in ARCHITECTURES:
        remedy = "--merge --gguf" if is_base else "--gguf"
        raise UserError(f"Ollama converts no weights of {architecture}: publish it with {remedy}")


def modelfile(
    chat: ChatFormat, responding: Responding, source: str, adapter: str | None, *, bos_is_added: bool
) -> str:
    """The Modelfile of a model in the file or folder `source`, and an adapter for it.

    `bos_is_added` is whether the model's file has Ollama add the BOS token to prompts.

    Raises `UserError` when the chat template cannot be a template of Ollama.
    """
    lines = [f"FROM {_path(source)}"]
    if adapter is not None:
        lines.append(f"ADAPTER {_path(adapter)}")
    lines.append(f'TEMPLATE """{template(chat, bos_is_added=bos_is_added)}"""')
    temperature = responding.temperature if responding.do_sample else 0
    lines.append(f"PARAMETER temperature {temperature:g}")
    if responding.do_sample:
        lines += ["PARAMETER top_k 0", f"PARAMETER top_p {responding.top_p:g}"]
    # Ollama would make repetitions less likely, which a run does not.
    lines.append("PARAMETER repeat_penalty 1")
    lines.append(f"PARAMETER num_predict {responding.max_new_tokens}")
    for stop in (chat.end_token, *chat.stop_strings):
        if '"' in stop or "\n" in stop:
            raise UserError(f"a Modelfile cannot name the stop text {stop!r}: publish without --ollama")
        lines.append(f'PARAMETER stop "{stop}"')
    return "\n".join(lines) + "\n"


def adds_bos(tokenizer: Any, *, by_ollama: bool) -> bool:
    """Whether a model's file has the BOS token added to prompts.

    Ollama goes by a setting of the tokenizer when it converts weights, llama.cpp by what the tokenizer does.
    """
    if by_ollama:
        return tokenizer.init_kwargs.get("add_bos_token") is True
    return bool(tokenizer.bos_token) and tokenizer.encode("a")[:1] == [tokenizer.bos_token_id]


def template(chat: ChatFormat, *, bos_is_added: bool) -> str:
    """The chat template as Ollama renders it: the same text around each message, without what it adds.

    Raises `UserError` when it writes messages by other rules than one text before and after each.
    """
    tokenizer, model = chat.tokenizer, chat.model
    bos = tokenizer.bos_token if bos_is_added and tokenizer.bos_token else ""
    one = _pieces(tokenizer, ("user",), model)
    three = _pieces(tokenizer, ("user", "assistant", "user"), model)
    before_answer = three[1]
    if three[0] != one[0] or three[3] != one[1] or not one[1].startswith(before_answer):
        raise _refusal(model, "it writes earlier turns in another way than the last one")
    first = one[0].removeprefix(bos)
    # Such as thinking that is closed before it begins, which earlier answers do not have.
    at_answer = one[1].removeprefix(before_answer)
    # What ends an answer belongs to that answer.
    user = _common_end(first, three[2]).rpartition(chat.end_token)[2]
    opening, after_answer = first.removesuffix(user), three[2].removesuffix(user)
    beginning = opening
    try:
        system = _pieces(tokenizer, ("system", "user"), model)
    except UserError:
        # It takes no system message.
        pass
    else:
        if system[2] == one[1] and system[1].endswith(user):
            before, after = system[0].removeprefix(bos), system[1].removesuffix(user)
            beginning = (
                f"{{{{ if .System }}}}{_literal(before, model)}{{{{ .System }}}}{_literal(after, model)}"
            )
            beginning += f"{{{{ else }}}}{_literal(opening, model)}{{{{ end }}}}"
            opening = ""
    if opening:
        beginning = _literal(opening, model)
    return (
        f'{beginning}{{{{ range .Messages }}}}{{{{ if eq .Role "user" }}}}{_literal(user, model)}'
        f"{{{{ .Content }}}}{_literal(before_answer, model)}"
        f'{{{{ else if eq .Role "assistant" }}}}{{{{ .Content }}}}{_literal(after_answer, model)}'
        f"{{{{ end }}}}{{{{ end }}}}{_literal(at_answer, model)}"
    )


def _pieces(tokenizer: Any, roles: tuple[str, ...], model: str) -> tuple[str, ...]:
    return chat_template.frame(tokenizer, roles, add_generation_prompt=True, model=model).pieces


def _common_end(one: str, other: str) -> str:
    """The longest text with which both end."""
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return one[len(one) - length :]


def _literal(text: str, model: str) -> str:
    for syntax in _SYNTAX:
        if syntax in text:
            raise _refusal(model, f"it writes {syntax!r}, which a Modelfile cannot")
    return text


def _refusal(model: str, reason: str) -> UserError:
    return UserError(
        f"the chat template of {model!r} cannot be written for Ollama: {reason}. Publish without --ollama"
    )


def _path(path: str) -> str:
    if "\n" in path or '"' in path:
        raise UserError(f"a Modelfile cannot name the path {path!r}: move the model")
    return f'"{path}"' if " " in path else path
