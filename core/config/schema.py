"""The schema of config.toml: every table and option, with its type, default, range and meaning.

docs/configuration.md is generated from the docstrings here.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from core.domain.app_settings import AppSettings
from core.domain.names import RunStage

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
PositiveNumber = Annotated[float, Meta(gt=0)]
NonNegativeNumber = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["nf4"]
Pairing = Literal["strict", "reference-code"]
Flaw = Literal["refusal", "meta_talk", "over_length", "unchanged", "near_copy", "duplicate"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Slots(_Table, frozen=True):
    """How many jobs run at the same time, by the resource that they use."""

    gpu: NonNegative = 1
    """Jobs on the GPU."""
    cpu: Positive = 1
    """Jobs on the CPU."""
    api: Positive = 1
    """Jobs that make live API calls. Each keeps up to `max_concurrency` requests in flight by itself, and its
    rate limits apply to it alone."""
    batch: Positive = 32
    """Jobs that wait for a provider's batch."""


class Teacher(_Table, frozen=True):
    """A large model whose empathy is distilled, and how to reach it. NAME is chosen by you."""

    provider: Literal["openai", "google", "local"]
    """`openai` uses OpenAI's API, or a compatible server at `base_url`; `google` uses the Gemini API; `local`
    loads the model in the job's own process with Transformers."""
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
    """Environment variable that holds the API key; by default OPENAI_API_KEY or GEMINI_API_KEY."""
    temperature: NonNegativeNumber | None = None
    """Sampling temperature; by default the provider's. A `local` model decodes greedily by default."""
    top_p: Share | None = None
    """Nucleus sampling; by default the provider's."""
    seed: int | None = None
    """Sampling seed, where the provider supports one."""
    max_output_tokens: Positive | None = None
    """Maximum length of an answer in tokens, reasoning included; by default 512, or 8192 for a model that
    reasons (see `reasoning_tokens`)."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    """How much a model reasons before it answers: `reasoning_effort` of OpenAI, `thinkingLevel` of Gemini; by
    default the provider's. Models accept different values."""
    thinking_budget: Annotated[int, Meta(ge=-1)] | None = None
    """Only for `google`: Gemini's `thinkingBudget`, the maximum number of tokens of reasoning; 0 for none, -1
    for what the model decides. By default the provider's."""
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
    "HARM_CATEGORY_HARASSMENT", threshold = "BLOCK_NONE" }] }`. Not for `local`."""
    tries: Positive = 3
    """How often a request is sent in all while its answer is refused, empty, cut off, unfinished or too long.
    A filtered one is not requested again."""
    max_left_out: Share = 0.02
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
    """`live`: what becomes of requests whose answers were lost because their worker was killed: they are
    perhaps paid. `ask`: the job fails and says how many they are, and a retry sends them again. `always`:
    they are sent again, and perhaps paid twice."""
    max_wait_s: PositiveNumber = 3600.0
    """Seconds for which a job waits while the provider answers nothing at all, because of its rate limits or
    because it cannot be reached; then the job fails, and all answers are kept."""
    batch_requests: Annotated[int, Meta(ge=1, le=50_000)] = 50_000
    """`batch`: maximum number of requests in one batch file."""
    batch_bytes: Annotated[int, Meta(ge=1, le=200_000_000)] = 200_000_000
    """`batch`: maximum size of one batch file, in bytes."""
    batch_window: str = "24h"
    """`batch`: the time in which the provider shall complete a batch (`completion_window`), such as `24h` or
    `7d`, as the provider supports it. Only for `openai`."""
    batch_tries: Positive = 8
    """`batch`: how many batches in a row may carry the same request before it counts as failed."""
    poll_min_s: PositiveNumber = 5.0
    """`batch`: seconds between two polls at first, and after a change."""
    poll_max_s: PositiveNumber = 300.0
    """`batch`: maximum number of seconds between two polls; at least `poll_min_s`."""


class Price(_Table, frozen=True):
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


class Prices(_Table, frozen=True):
    """The price list from which costs are computed."""

    date: datetime.date | None = None
    """The day on which the providers listed these prices; required with prices."""
    models: dict[str, Price] = {}
    """The prices of each model."""


class SpendingLimits(_Table, frozen=True):
    """Limits on what teachers and judges may cost."""

    budget_usd: NonNegativeNumber | None = None
    """Budget of the workspace in US dollars: no request is sent that would exceed it. No limit by default."""


class Student(_Table, frozen=True):
    """A small model that is fine-tuned. NAME is chosen by you."""

    model: str
    """`embedded/smollm2-135m-instruct`, a Hugging Face Hub name, or a folder; a relative one is in the
    workspace's. Jobs are done again when the folder's files change."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; by default the main branch. The workspace stays at the commit that a
    branch or tag stands for at its first use."""
    chat_template: str | None = None
    """Path of a Jinja file with the chat template, for a model that has none; a relative one is in the
    workspace's folder."""
    chat_template_kwargs: dict[str, Any] = {}
    """Variables of the chat template. Where it has one that turns thinking off, such as
    `enable_thinking = false`, that is set by default."""
    template_date: datetime.date = datetime.date(2024, 7, 26)
    """The date that the chat template writes, if it writes today's: prompts must not change with the day."""
    eos_token: str | None = None
    """The EOS token; by default the tokenizer's. It is appended to answers where the chat template writes no
    token after them, and ends generation."""
    stop_strings: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Texts at which generation stops, beside the end token. A response ends before them."""


class Definition(_Table, frozen=True):
    """The quality that is distilled and judged, by default the paper's empathy: words for the prompts of
    students, of judges, and of the strategies `naive` and your own. Other strategies, and judges with
    `dimensions`, are about dimensions of empathy."""

    name: Annotated[str, Meta(min_length=1)] = "empathy"
    """A noun, such as `politeness`: `{virtue}` in templates."""
    adjective: Annotated[str, Meta(min_length=1)] = "empathetic"
    """Its adjective, such as `polite`: `{adjective}` in templates."""
    text: str | None = None
    """What it is, in some sentences: `{definition}` in templates. By default empathy with its three
    dimensions; required with another name."""
    importance: str | None = None
    """Why it matters, in the prompt of students: `{importance}` in templates. By default that of empathy, and
    none with another text."""


class Recipes(_Table, frozen=True):
    """Which recipes to train on, and how to draw their training data."""

    train: tuple[str, ...] = ("direct/all_together",)
    """Names of recipes; `empathy-tui recipes` lists all of them."""
    pairing: Pairing = "strict"
    """Which responses form a preference pair. `strict`: human rated 1 or 2, LLM rated 3. `reference-code`:
    the rule of the paper's published code, which also keeps every pair whose human response is rated 2."""
    sft_limit: Positive | None = None
    """Draw at most this many SFT examples; all by default."""
    preference_limit: Positive | None = None
    """Draw at most this many preference pairs; all by default."""
    seed: int = 42
    """Seed of the draw under the two limits."""
    teacher: str | None = None
    """The teacher for recipes that need one; required when several are configured."""
    improve_llm_sft: Annotated[int, Meta(ge=0, le=1750)] = 950
    """improve-llm: how many of the paper's 1,750 train dialogues yield SFT examples; the others yield
    preference pairs. For another number of dialogues the share is the same."""
    improve_llm_seed: int = 42
    """improve-llm: seed of that draw."""
    leave_out: tuple[Flaw, ...] = ()
    """improve-human and improve-llm: the teacher's responses that give no examples, by their flaw. `refusal`;
    `meta_talk`, about the response instead of one; `over_length`, more words than prompts allow; `unchanged`,
    the words of the original; `near_copy`, 90 % of them; `duplicate`, the same as to an earlier dialogue.
    `empathy-tui recipes --flaws NAME` lists them, left out or not."""


class Lora(_Table, frozen=True):
    """LoRA adapters, under the names of PEFT's `LoraConfig`."""

    r: Positive = 8
    """Rank."""
    lora_alpha: Positive = 16
    """Scaling factor: the update is multiplied by `lora_alpha` / `r`."""
    lora_dropout: Share = 0.0
    """Dropout probability."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Modules that get an adapter: a list of names, a regular expression, or `all-linear`, which leaves out
    the head and layers on which an adapter has no effect."""
    use_rslora: bool = False
    """Rank-stabilized LoRA: scale by `lora_alpha` / √`r` instead of `lora_alpha` / `r`."""
    use_dora: bool = False
    """DoRA: train the magnitude of each weight apart from its direction; slower."""
    modules_to_save: tuple[str, ...] = ()
    """Modules that are trained and saved whole beside the adapter."""
    lora_bias: bool = False
    """Give the second matrix of each adapter a bias."""
    init_lora_weights: bool | str = True
    """How the adapter's weights begin: `true` for zero effect, `gaussian`, `orthogonal`, `olora`, `pissa` or
    `pissa_niter_16` (16 iterations of a fast SVD). An adapter of the last three is saved as a plain one of
    twice the rank, because they change the base model."""


class Training(_Table, frozen=True):
    """Supervised fine-tuning, under the names of TRL's `SFTConfig` and Transformers' `TrainingArguments`."""

    learning_rate: PositiveNumber = 5e-5
    """Peak learning rate."""
    num_train_epochs: PositiveNumber = 3.0
    """Passes over the training data."""
    max_steps: Annotated[int, Meta(ge=-1)] = -1
    """Number of optimizer steps, instead of `num_train_epochs`; -1 for no such limit."""
    per_device_train_batch_size: Positive = 2
    """Examples in one forward pass."""
    gradient_accumulation_steps: Positive = 8
    """Forward passes in one optimizer step."""
    lr_scheduler_type: str = "cosine"
    """Learning rate schedule, such as `linear`, `cosine` or `constant`."""
    warmup_steps: NonNegativeNumber = 0.0
    """Steps of linear warm-up; a number below 1 is a share of all steps."""
    weight_decay: NonNegativeNumber = 0.0
    """AdamW's weight decay."""
    max_grad_norm: NonNegativeNumber = 1.0
    """Gradient clipping."""
    max_length: Positive = 2048
    """Maximum length of an example, in tokens; longer ones are truncated, and lose the token that ends an
    answer."""
    max_truncated: Share = 0.02
    """Share of the examples that `max_length` may truncate or leave out; above it the run fails."""
    group_by_dialogue: bool = True
    """Keep the examples of a dialogue in one optimizer step, which makes steps faster. `false`: TRL's random
    order."""
    prefix_tree: bool = True
    """Compute what examples of an optimizer step share, such as their prompts' beginning, once. The gradient
    is that of TRL, up to rounding. Where a model or a loss does not allow it, TRL's own steps are used, and
    the log says why."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, slower steps."""
    packing: bool = False
    """Put several SFT examples into one row of `max_length` tokens. Only with `prefix_tree = false` and
    `group_by_dialogue = false`; a prefix tree saves more."""
    optim: str = "adamw_torch_fused"
    """Optimizer, such as `adafactor`, `adamw_torch_8bit`, or `paged_adamw_8bit`, which needs bitsandbytes and
    a GPU."""
    use_liger_kernel: bool = False
    """Replace layers by Liger's Triton kernels, which need the package liger-kernel and a GPU. Steps are
    computed without prefix trees."""
    neftune_noise_alpha: PositiveNumber | None = None
    """NEFTune: add noise of this strength to embeddings during training; none by default. Steps are computed
    without prefix trees."""
    eval_share: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the train dialogues whose examples are held out of training. Their loss is logged as
    `eval_loss`. 0 for no evaluation."""
    eval_steps: Positive = 50
    """With `eval_share`: optimizer steps between two evaluations."""
    early_stopping_patience: Positive | None = None
    """With `eval_share`: stop after this many evaluations in a row without a lower `eval_loss`, and keep the
    weights of the lowest. There is a checkpoint at each evaluation instead of each `save_steps`. By default
    training goes on to its end, and keeps its last weights."""
    early_stopping_threshold: NonNegativeNumber = 0.0
    """With `early_stopping_patience`: by how much an `eval_loss` must be lower to count."""
    logging_steps: Positive = 1
    """Optimizer steps between two records of metrics."""
    save_steps: Positive = 50
    """Optimizer steps between two checkpoints."""
    save_total_limit: Positive = 2
    """Number of checkpoints to keep."""
    seed: int = 42
    """Seed of initialization and data order."""
    report_to: tuple[str, ...] = ()
    """Integrations that also get the metrics, such as `tensorboard` or `wandb`. One that fails is a
    warning of the run, which goes on."""
    sample_steps: Positive = 50
    """Optimizer steps between two rounds of sample answers."""
    sample_dialogues: NonNegative = 2
    """Number of test dialogues that the student answers in each round; always the same ones."""
    extra: dict[str, Any] = {}
    """Further arguments of TRL's `SFTConfig` (in `[dpo.extra]` its `DPOConfig`), such as `adam_beta2`. Those
    that other options stand for are refused."""


class Dpo(Training, frozen=True):
    """DPO on top of SFT, under the names of TRL's `DPOConfig`. All options of `[sft]` apply."""

    learning_rate: PositiveNumber = 5e-6
    """Peak learning rate."""
    beta: PositiveNumber = 0.1
    """DPO's beta: a higher one keeps the student closer to the reference model."""
    loss_type: str = "sigmoid"
    """Loss, such as `sigmoid` (the DPO paper's) or `ipo`."""
    reference: Literal["sft", "base"] = "sft"
    """The reference model: the student after SFT, or the base model as in the paper."""


class Runs(_Table, frozen=True):
    """Which runs to do for each student and recipe, and on which device."""

    stages: tuple[RunStage, ...] = ("sft", "sft-dpo")
    """`sft`, or both: `sft-dpo` continues from `sft`."""
    device: Device = "auto"
    """`auto` takes a GPU when there is one."""
    dtype: Dtype = "auto"
    """Number format of the weights. `auto`: bfloat16 on a GPU that supports it, else float32; with
    `lora = false` the weights stay float32, and bfloat16 is used to compute."""
    lora: bool = True
    """Train adapters as `[lora]` says. `false`: full fine-tuning of all weights, which takes several times
    the memory and the disk space of the model."""
    quantization: Quantization | None = None
    """`nf4`: load students in 4 bits (QLoRA) through bitsandbytes, for training and for answering, base
    students too. It needs a CUDA GPU and the optional packages of `empathy-tui[quantization]`. Not with
    `lora = false`."""


class Responding(_Table, frozen=True):
    """How students answer the test split, under the names of Transformers' `GenerationConfig`."""

    max_new_tokens: Positive = 160
    """Maximum length of a response, in tokens."""
    do_sample: bool = False
    """Sample instead of greedy decoding."""
    temperature: PositiveNumber = 1.0
    """With `do_sample`: sampling temperature."""
    top_p: Share = 1.0
    """With `do_sample`: nucleus sampling."""
    batch_size: Positive = 64
    """Dialogues that are answered at the same time; halved while memory runs out. Greedy responses do not
    depend on it."""
    seed: int = 42
    """With `do_sample`: sampling seed."""


class JudgeConfig(Teacher, frozen=True):
    """What picks the better of two responses. NAME is chosen by you. All options of a teacher apply."""

    provider: Literal["embedded", "openai", "google", "local"]  # type: ignore[assignment]
    """`embedded` is a small classifier that is trained on your data's ratings and takes no other option than
    `stop`; the others are as for a teacher."""
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
    stop: Literal["decided"] | None = None
    """`decided`: judge the test dialogues of a comparison in random order, and stop once it is decided which
    responder is better: once 50 % is outside the 95 % confidence sequence of the win rate. Not with `mode`
    `batch`."""
    structured_output: bool = False
    """Request answers as JSON of a fixed schema: `response_format` of OpenAI, `responseSchema` of Gemini. An
    endpoint that refuses it gets requests without it. Not for `local`, and not with `top_logprobs`."""


class ExtraComparison(_Table, frozen=True):
    """Two responders: students, runs (`STUDENT/RECIPE/STAGE`), teachers, or sources in the data."""

    a: str
    """The baseline."""
    b: str
    """The responder whose win rate is reported."""


class Comparisons(_Table, frozen=True):
    """Which responders to compare, under every judge."""

    baseline: bool = True
    """Compare every run with its base student."""
    extra: tuple[ExtraComparison, ...] = ()
    """Further comparisons."""


class Config(_Table, frozen=True):
    """A whole config.toml."""

    slots: Slots = Slots()
    """How many jobs run at the same time."""
    students: dict[str, Student] = {}
    """The small models, by name."""
    teachers: dict[str, Teacher] = {}
    """The large models, by name; none has a student's name."""
    prices: Prices = Prices()
    """The price list."""
    spending: SpendingLimits = SpendingLimits()
    """The budget."""
    definition: Definition = Definition()
    """The quality that is distilled."""
    recipes: Recipes = Recipes()
    """What students are trained on."""
    runs: Runs = Runs()
    """The fine-tunings."""
    lora: Lora = Lora()
    """LoRA adapters."""
    sft: Training = Training()
    """Supervised fine-tuning."""
    dpo: Dpo = Dpo()
    """Preference tuning."""
    responding: Responding = Responding()
    """How the test split is answered."""
    judges: dict[str, JudgeConfig] = {}
    """The judges, by name."""
    comparisons: Comparisons = Comparisons()
    """What is compared."""
    app: AppSettings = AppSettings()
    """How the app looks."""
