"""Students, what they are trained on, and how they respond."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from core.config.schema.table import CheckedShare, ConfigTable, NonNegative, Positive, PositiveNumber, Seed

Pairing = Literal["strict", "reference-code"]
Flaw = Literal["refusal", "meta_talk", "over_length", "unchanged", "near_copy", "language", "duplicate"]
FLAWS: tuple[Flaw, ...] = get_args(Flaw)


class Student(ConfigTable, frozen=True):
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
    gpus_per_run: Positive | None = None
    """GPUs that train a run of this student together; by default those of `runs.gpus_per_run`."""


class Recipes(ConfigTable, frozen=True):
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
    the words of the original; `near_copy`, 90 % of them; `language`, in another language than the dialogues,
    or with a part in one; `duplicate`, the same as to an earlier dialogue.
    `empathy-tui recipes --flaws NAME` lists them, left out or not."""
    filter_judge: str | None = None
    """The judge that filters preference pairs: DPO trains on those whose chosen response it prefers, as a
    comparison counts a win (by default in both orders). SFT examples stay as they are. It is a name in
    [judges]. `empathy-tui recipes --dropped NAME` lists the other pairs. By default all pairs are kept."""


class Definition(ConfigTable, frozen=True):
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


class Responding(ConfigTable, frozen=True):
    """How students answer the test split, under the names of Transformers' `GenerationConfig`."""

    max_new_tokens: Positive = 160
    """Maximum length of a response, in tokens."""
    do_sample: bool = False
    """Sample instead of greedy decoding."""
    temperature: PositiveNumber = 1.0
    """With `do_sample`: sampling temperature, from 0.001 to 100."""
    top_p: CheckedShare = 1.0
    """With `do_sample`: nucleus sampling."""
    batch_size: Positive = 64
    """Dialogues that are answered at the same time; halved while memory runs out. Greedy responses do not
    depend on it."""
    seed: Seed = 42
    """With `do_sample`: sampling seed."""


class Server(ConfigTable, frozen=True):
    """A server with an OpenAI-compatible API that answers the test split for the student NAME and its runs,
    such as vLLM with their adapters: see [Answers from a server](guide.md#answers-from-a-server)."""

    base_url: str
    """Its URL, such as `http://localhost:8000/v1`, without user name, password or query."""
    model: str = "{responder}"
    """The name under which it serves a responder; `{responder}` stands for the student's name or the run's,
    such as `smollm2/direct/chatgpt/sft`."""
    models: dict[str, str] = {}
    """The names of single responders, where they differ from `model`."""
    verify: NonNegative = 2
    """Number of test dialogues whose greedy answers are verified token by token by the student in the job's
    own process, on the CPU, before the server answers the others. If they are not the student's, the job
    fails. 0 loads no model, and only compares the length of a prompt."""
    api_key_env: str | None = None
    """Environment variable that holds the API key; by default OPENAI_API_KEY, which may be missing."""
    extra_body: dict[str, Any] = {}
    """Further fields of the request body, such as `{ top_k = -1, repetition_penalty = 1.0 }` of vLLM, which
    otherwise takes them from the model's generation_config.json."""
    max_concurrency: Positive = 64
    """Maximum number of requests in flight."""
    timeout_s: PositiveNumber = 600.0
    """Seconds until a request times out."""
    max_wait_s: PositiveNumber = 3600.0
    """Seconds for which a job waits while the server answers nothing at all; then it fails, and all answers
    are kept."""
