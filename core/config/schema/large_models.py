"""Teachers and judges: how they are reached, what they may cost, and how a judge judges."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from core.config.schema.table import (
    CheckedShare,
    ConfigTable,
    NonNegative,
    NonNegativeNumber,
    Positive,
    PositiveNumber,
)


class Teacher(ConfigTable, frozen=True):
    """A large model whose empathy is distilled, and how to reach it. NAME is chosen by you."""

    provider: Literal["openai", "google", "anthropic", "local"]
    """`openai` uses OpenAI's API, or a compatible server at `base_url`; `google` uses the Gemini API;
    `anthropic` uses the Claude API; `local` loads the model in the job's own process with Transformers."""
    model: str
    """The provider's model name; for `local` a Hugging Face Hub name or a folder."""
    mode: Literal["batch", "live"] = "live"
    """`batch` uses the provider's Batch API (cheaper, answers within a day); `live` sends single requests."""
    base_url: str | None = None
    """URL of a server that is compatible with the provider's API, such as `http://localhost:8000/v1`, without
    user name, password or query. Of Azure also the query `?api-version=…`."""
    api_version: str | None = None
    """Only for `openai`: the `api-version` of Azure OpenAI, which each request's URL then has; the key is
    sent as Azure expects it. By default the one in `base_url`, if any."""
    api_key_env: str | None = None
    """Environment variable that holds the API key; by default OPENAI_API_KEY, GEMINI_API_KEY or
    ANTHROPIC_API_KEY."""
    temperature: NonNegativeNumber | None = None
    """Sampling temperature; by default the provider's. Of a `local` model 0, the default, which is greedy
    decoding, or from 0.001 to 100."""
    top_p: CheckedShare | None = None
    """Nucleus sampling; by default the provider's."""
    seed: int | None = None
    """Sampling seed, where the provider supports one."""
    max_output_tokens: Positive | None = None
    """Maximum length of an answer in tokens, reasoning included; by default 512, or 8192 for a model that
    reasons (see `reasoning_tokens`), for `anthropic` with room for a larger `thinking_budget`."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] | None = None
    """Only for `openai`: the name under which `max_output_tokens` is sent. By default the one that the
    endpoint accepts, which is detected from its errors."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """How much a model reasons before it answers: `reasoning_effort` of OpenAI, `thinkingLevel` of Gemini (or
    the `thinkingBudget` that Google lists for it, where a model has only that), `effort` and adaptive
    thinking of Claude; by default the provider's. Models accept different values."""
    thinking_budget: Annotated[int, Meta(ge=-1)] | None = None
    """Only for `google` and `anthropic`: the maximum number of tokens of reasoning; 0 for none, -1 for what
    the model decides. By default the provider's. Claude takes 0, -1, or at least 1024, and fewer than
    `max_output_tokens`."""
    reasoning_tokens: NonNegative | None = None
    """Estimated tokens of reasoning in each answer, for costs and the budget before anything is sent. By
    default 1000 for models that are known to reason by their name or settings, else 0. Once there are
    answers, further costs are estimated from their tokens."""
    top_logprobs: Annotated[int, Meta(ge=2, le=20)] | None = None
    """Only for a judge behind an API: number of log-probabilities to request for each token, from which the
    judge's confidence is computed."""
    extra_body: dict[str, Any] = {}
    """Further fields of the request body, merged into it, as the provider defines them. `openai`: for example
    `{ chat_template_kwargs = { enable_thinking = false } }` of vLLM. `google`: for example
    `{ generationConfig = { thinkingConfig = { thinkingBudget = 0 } } }` or `{ safetySettings = [{ category =
    "HARM_CATEGORY_HARASSMENT", threshold = "BLOCK_NONE" }] }`. `anthropic`: for example `{ system = "…" }` or
    `{ cache_control = { type = "ephemeral" } }`. Not for `local`."""
    tries: Positive = 3
    """How often a request is sent in all while its answer is refused, empty, cut off, unfinished or too long.
    A filtered one is not requested again. If none of the first 20 can be used, no more are sent."""
    max_left_out: CheckedShare = 0.02
    """Share of the requests that may stay without a usable answer; above it the job fails. One is always
    allowed, unless the share is 0."""
    max_concurrency: Positive = 64
    """`live`: maximum number of requests in flight."""
    requests_per_minute: Positive | None = None
    """`live`: rate limit in requests; none by default."""
    tokens_per_minute: Positive | None = None
    """`live`: rate limit in tokens; none by default."""
    timeout_s: PositiveNumber = 120.0
    """`live`: seconds until a request times out."""
    call_tries: Positive = 8
    """`live`: how often a request is sent in all while the connection or the server fails. A try that the
    server refuses because of its rate limit counts a tenth."""
    resend: Literal["ask", "always"] = "ask"
    """`live`: how to handle requests whose answers were lost because their worker was killed: they may have
    been charged. `ask`: the job fails and reports their number, and a retry sends them again. `always`: they
    are sent again, and may be charged twice."""
    max_wait_s: PositiveNumber = 3600.0
    """Seconds for which a job waits while the provider answers nothing at all, because of its rate limits or
    because it cannot be reached; then the job fails, and all answers are kept."""
    batch_requests: Annotated[int, Meta(ge=1, le=50_000)] = 50_000
    """`batch`: maximum number of requests in one batch file."""
    batch_bytes: Annotated[int, Meta(ge=1, le=200_000_000)] = 200_000_000
    """`batch`: maximum size of one batch file, in bytes."""
    batch_window: str = "24h"
    """`batch`: the time in which the provider must complete a batch (`completion_window`), such as `24h` or
    `7d`, as the provider supports it. Only for `openai`."""
    batch_tries: Positive = 8
    """`batch`: how many batches in a row may carry the same request before it counts as failed."""
    poll_min_s: PositiveNumber = 5.0
    """`batch`: seconds between two polls at first, and after a change."""
    poll_max_s: PositiveNumber = 300.0
    """`batch`: maximum number of seconds between two polls; at least `poll_min_s`."""


class JudgeConfig(Teacher, frozen=True):
    """What picks the better of two responses. NAME is chosen by you. All options of a teacher apply."""

    provider: Literal["embedded", "openai", "google", "anthropic", "local"]  # type: ignore[assignment]
    """`embedded` is a ridge regression from sentence embeddings to your data's ratings, and takes no other
    option than `stop` and `comparisons`; the others are as for a teacher."""
    model: str = ""
    """The provider's model name; required unless `embedded`."""
    tries: Positive = 3
    """How often a request is sent in all while its answer names neither response; then the verdict is
    invalid."""
    swap: bool = True
    """Judge each pair in both orders. Otherwise each is judged once, the baseline's response first, as in
    the paper."""
    repeats: Annotated[int, Meta(ge=1, le=100)] = 1
    """How often each pair is judged in each order."""
    dimensions: bool = False
    """In the same request, also ask which response is better in cognitive, affective and compassionate
    empathy: there is a win rate for each, beside that overall. The prompt is `judge_dimensions`; not with
    `top_logprobs`."""
    comparisons: bool = True
    """Judge all comparisons. `false`: only what names the judge elsewhere, such as `recipes.filter_judge`,
    `rungs.judge`, `judge validate` and the playground."""
    stop: Literal["decided"] | None = None
    """`decided`: judge the test dialogues of a comparison in random order, and stop once it is decided which
    responder is better: once 50 % is outside the 95 % confidence sequence of the win rate. Not with `mode`
    `batch`."""
    structured_output: bool = False
    """Request answers as JSON of a fixed schema: `response_format` of OpenAI, `responseSchema` of Gemini,
    `output_config.format` of Claude. An endpoint that refuses it gets requests without it. Not for `local`,
    and not with `top_logprobs`."""


class Price(ConfigTable, frozen=True):
    """The prices of one model, in US dollars per million tokens."""

    input: NonNegativeNumber
    """Input tokens of live calls."""
    output: NonNegativeNumber
    """Output tokens of live calls."""
    cached_input: NonNegativeNumber | None = None
    """Cached input tokens of live calls; by default as `input`."""
    batch_input: NonNegativeNumber | None = None
    """Input tokens in a batch; by default as `input`."""
    batch_cached_input: NonNegativeNumber | None = None
    """Cached input tokens in a batch; by default as `batch_input`."""
    batch_output: NonNegativeNumber | None = None
    """Output tokens in a batch; by default as `output`."""
    cache_write: NonNegativeNumber | None = None
    """Input tokens that Claude writes to its cache in live calls; by default twice `input`, the most that it
    charges. Other providers report none."""
    batch_cache_write: NonNegativeNumber | None = None
    """The same in a batch; by default twice `batch_input`."""


class Prices(ConfigTable, frozen=True):
    """The price list from which costs are computed."""

    date: datetime.date | None = None
    """The day on which the providers listed these prices; required with prices."""
    models: dict[str, Price] = {}
    """The prices of each model."""


class SpendingLimits(ConfigTable, frozen=True):
    """Limits on what teachers and judges may cost."""

    budget_usd: NonNegativeNumber | None = None
    """Budget of the workspace in US dollars: no request is sent whose estimate would exceed it, and live
    calls in flight reserve what they may cost at most. No limit by default."""
