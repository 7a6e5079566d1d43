"""config.toml: the shipped files are valid, and an error names what is invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import schema
from core.config.load import load_config, parse_config
from core.domain.errors import UserError
from core.services.creation.workspace_creation import TEMPLATES
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "path", [*TEMPLATES.glob("*.toml"), ROOT / "config.toml"], ids=lambda path: path.name
)
def test_shipped_files_are_valid(path: Path) -> None:
    assert load_config(path).students


def test_the_default_templates_values_are_the_defaults() -> None:
    template = load_config(TEMPLATES / "default.toml")
    assert (template.sft, template.dpo, template.lora) == (schema.Training(), schema.Dpo(), schema.Lora())
    assert (template.slots, template.responding) == (schema.Slots(), schema.Responding())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sft]\nbeta = 1", "line 2: sft.beta: .* did you mean dpo.beta"),
        ("\n[sft]\nnum_train_epoch = 1", "line 3: .* did you mean num_train_epochs"),
        ("[stf]\nseed = 1", "line 1: stf: .* did you mean sft"),
        ("[recipes]\npairing = 'strct'", "line 2: .* did you mean strict"),
        ("[students.a]\nmodel = 'x'\n[students.'b.c']\nmodel = 'x'\nseed = 1", "line 5: students.b.c.seed"),
        ("[lora]\nr = [\n1,\n2]", "line 2: lora.r: expected integer, ≥ 1, got a list"),
        ("[sft]\nlearning_rate = 0", "sft.learning_rate"),
        ("[recipes]\npairing = 'loose'", "recipes.pairing.*'loose'"),
        ("[students.a]\n", "line 1: students.a: model is missing"),
        ("[students.'a/b']\nmodel = 'x'", "a name may contain letters"),
        ("[students.a]\nmodel = 'x'\nchat_template_kwargs = {messages = 1}", "'messages' is not a variable"),
        ("[students.a]\nmodel = 'x'\nchat_template_kwargs = {day = 2024-01-01}", "kwargs.day.*as a string"),
        ("[students.a]\nmodel = 'x'\nstop_strings = ['']", r"students\.a\.stop_strings|length >= 1"),
        ("[runs]\nstages = ['sft-dpo']", "continues from 'sft'"),
        ("x =", "not valid TOML"),
        ("lora = false", r"lora: is a table; full fine-tuning is lora = false in \[runs\]"),
        (
            "[runs]\nlora = false\nquantization = 'nf4'",
            "runs.quantization: weights in 4 bits cannot be trained",
        ),
        ("[lora]\ninit_lora_weights = 'eva'", "lora.init_lora_weights: 'eva' is none of"),
        ("[sft]\noptim = 'page_adamw_8bit'", "sft.optim: .* did you mean paged_adamw_8bit"),
        ("[sft]\npacking = true", "sft.packing: packed rows allow neither prefix trees"),
        ("[dpo]\npacking = true", "dpo.packing: TRL packs SFT examples only"),
        ("[sft]\nearly_stopping_patience = 3", "there is no evaluation; set eval_share"),
        ("[dpo]\noptim = 'adamw'", "dpo.optim: Transformers has no optimizer 'adamw'"),
        ("[sft]\nlr_scheduler_type = 'cosin'", "sft.lr_scheduler_type: .* did you mean cosine"),
        (
            "[sft]\nreport_to = ['tensorboard', 'wanbd']",
            "sft.report_to: Transformers has no integration 'wanbd'; did you mean wandb",
        ),
        ("[dpo]\nloss_type = 'sigmod'", "dpo.loss_type: TRL's DPOTrainer has no loss .* mean sigmoid"),
        (
            '[teachers.g]\nprovider = "openai"\nmodel = "m"\nmax_wait_s = inf',
            "line 4: teachers.g.max_wait_s: must be finite",
        ),
        (
            '[teachers.g]\nprovider = "openai"\nmodel = "m"\nextra_body = { a = [{ b = nan }] }',
            "teachers.g.extra_body.a.b: must be finite",
        ),
        ("[sft.extra]\nadam_beta2 = inf", "sft.extra.adam_beta2: expected float, got inf"),
        ("[sft.extra]\nadam_beta3 = 1", "sft.extra.adam_beta3: TRL's SFTConfig .* mean adam_beta2"),
        ("[dpo.extra]\nldalpha = 1", "dpo.extra.ldalpha: TRL's DPOConfig .* mean ld_alpha"),
        (
            "[sft.extra]\nlabel_smoothing = 0.1",
            "SFTConfig has no such argument; did you mean label_smoothing_f",
        ),
        ("[sft.extra]\nlearning_rate = 1", "it is an option itself; set sft.learning_rate"),
        ("[sft.extra]\nbf16 = true", "the program sets this argument: set runs.dtype"),
        ("[sft.extra]\nhub_token = 'x'", "the program uploads nothing"),
        ("[sft.extra]\nadam_beta2 = 'x'", "sft.extra.adam_beta2: expected float, got 'x'"),
        ("[sft.extra]\nadam_beta2 = true", "sft.extra.adam_beta2: expected float, got True"),
        ("[dpo.extra]\nloss_weights = ['x']", r"dpo.extra.loss_weights: expected list\[float\] | None, got"),
        ("[sft.extra]\nloss_type = 'nil'", "sft.extra.loss_type: expected one of nll, dft, .*; got 'nil'"),
        ("[sft.extra]\npacking_strategy = 'x'", "expected one of bfd, bfd_split, wrapped; got 'x'"),
        (
            "[dpo.extra]\nf_divergence_type = 'kl'",
            "expected one of reverse_kl, forward_kl, js_divergence, alpha_divergence; got 'kl'",
        ),
        ("[sft]\nlr_scheduler_type = 'greedy'", "greedy follows the loss of an evaluation; set eval_share"),
        (
            "[sft]\nlr_scheduler_type = 'cosine_with_min_lr'",
            "needs min_lr or min_lr_rate in lr_scheduler_kwargs of",
        ),
        ("[lora]\ntarget_modules = '(q_proj'", "lora.target_modules: is no regular expression"),
        ("[dpo]\nloss_type = 'exo_pair'", "dpo.loss_type: exo_pair needs label smoothing"),
        ("[sft.extra]\nfsdp = true", "set runs.gpus_per_run, runs.distributed and"),
        (
            "[slots]\ngpu = 2\n[runs]\ngpus_per_run = 4",
            "runs.gpus_per_run: a run takes 4 places of slots.gpu, which is 2: no run could start",
        ),
        (
            "[slots]\ngpu = 4\n[runs]\ngpus_per_run = 4\nnodes_per_run = 3",
            "runs.gpus_per_run: 4 GPUs cannot be divided equally over 3 nodes",
        ),
        ("[runs]\nnodes_per_run = 2", "runs.nodes_per_run: is 2: set runs.gpus_per_run to a multiple of it"),
        (
            "[engines.far]\ntype = 'slurm'\nstorage = 'ssh://me:secret@host/x'",
            "line 3: engines.far.storage: has a password: remove it",
        ),
        (
            "[engines.far]\ntype = 'slurm'\nstorage = '/folder'",
            "engines.far.storage: must be a URL such as",
        ),
        (
            "[students.a]\nmodel = 'x'\ngpus_per_run = 2\n[runs]\ndevice = 'cpu'",
            'line 3: students.a.gpus_per_run: runs.device is "cpu", and only CUDA GPUs train together',
        ),
        ("[runs]\ndistributed = 'dpp'", "did you mean ddp"),
        ("[runs]\ndistributed = 'fsdp'\nquantization = 'nf4'", "weights in 4 bits are not divided"),
        ("[fsdp]\nreshard_after_foward = true", "did you mean reshard_after_forward"),
        (
            "[fsdp]\nactivation_checkpointing = true\n[dpo]\ngradient_checkpointing = true",
            "dpo.gradient_checkpointing: fsdp.activation_checkpointing does the same",
        ),
        ("[sft.extra]\ntrain_sampling_strategy = 'sequential'", "group_by_dialogue decides the order"),
    ],
)
def test_errors_name_what_is_invalid(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(text)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="empathy-tui init"):
        load_config(tmp_path / "config.toml")


TEACHER = "[teachers.gpt]\nprovider = 'openai'\nmodel = 'm'\n"
LOCAL = "[teachers.here]\nprovider = 'local'\nmodel = 'm'\n"
JUDGE = "[judges.it]\nprovider = 'openai'\nmodel = 'm'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # What the types say.
        ("[teachers.gpt]\nmodel = 'm'", "teachers.*: provider is missing"),
        ("[teachers.gpt]\nprovider = 'openai'", "teachers.*: model is missing"),
        ("[teachers.gpt]\nprovider = 'someone'\nmodel = 'm'", "provider: 'someone' is none of its values"),
        (TEACHER + "api_key = 'x'", "teachers.*api_key: there is no such option"),
        (TEACHER + "mode = 'later'", "mode: 'later' is none of its values"),
        (TEACHER + "temperature = -1", "temperature: expected number, "),
        (LOCAL + "temperature = 1e-9", r"here\.temperature: must be 0, or from 0\.001 to 100"),
        (
            "[responding]\ndo_sample = true\ntemperature = 101",
            r"responding\.temperature: must be from 0\.001 to 100",
        ),
        (TEACHER + "top_p = 1.5", "top_p: expected number, "),
        (TEACHER + "tries = 0", "tries: expected integer, ≥ 1"),
        (TEACHER + "max_left_out = 2", "max_left_out: expected number, "),
        (TEACHER + "timeout_s = 0", "timeout_s: expected number, "),
        (TEACHER + "batch_requests = 50001", "batch_requests: expected integer, "),
        (TEACHER + "batch_bytes = 200000001", "batch_bytes: expected integer, "),
        (TEACHER + "requests_per_minute = 0", "requests_per_minute: expected integer, ≥ 1"),
        ("[recipes]\nimprove_llm_sft = 1751", "recipes.improve_llm_sft: expected integer, "),
        ("[spending]\nbudget_usd = -0.5", "spending.budget_usd: expected number, "),
        ("[spending]\nlimit = 3", "spending.limit: there is no such option"),
        ("[prices.models.m]\ninput = 1", "prices.models.*: output is missing"),
        ("[prices.models.m]\ninput = 1\noutput = -1", "output: expected number, "),
        ("[prices]\ndate = 'yesterday'", "prices.date: Invalid RFC3339"),
        ("[slots]\nbatch = 0", "slots.batch: expected integer, ≥ 1"),
        ("[judges.it]\nprovider = 'someone'", "provider: 'someone' is none of its values"),
        # What the checks say.
        (
            "[teachers.'a b']\nprovider = 'openai'\nmodel = 'm'",
            r"teachers\.a b: a name may contain letters",
        ),
        ("[judges.'a/b']\nprovider = 'embedded'", r"judges\.a/b: a name may contain letters"),
        (LOCAL + "mode = 'batch'", r"teachers\.here\.mode: a local model has no batch mode"),
        (
            LOCAL + "base_url = 'http://x'",
            r"teachers\.here: a local model takes neither base_url nor api_key_env",
        ),
        (
            LOCAL + "api_key_env = 'KEY'",
            r"teachers\.here: a local model takes neither base_url nor api_key_env",
        ),
        (LOCAL + "[teachers.here.extra_body]\nx = 1", "here.extra_body: a local model sends no request"),
        (TEACHER + "thinking_budget = 0", 'gpt.thinking_budget: only provider "google"'),
        (TEACHER.replace("openai", "anthropic") + "thinking_budget = 500", "Claude takes at least 1024"),
        (
            TEACHER.replace("openai", "anthropic") + "thinking_budget = 2000\nmax_output_tokens = 900",
            "max_output_tokens: must exceed thinking_budget",
        ),
        (TEACHER.replace("openai", "anthropic") + "seed = 1", "gpt.seed: Claude takes no seed"),
        (
            TEACHER.replace("openai", "anthropic") + "base_url = 'http://h/v1/messages'",
            "leave out /messages",
        ),
        (
            TEACHER.replace("openai", "google") + "token_limit = 'max_tokens'",
            "gpt.token_limit: only provider",
        ),
        (
            TEACHER.replace("openai", "google") + "thinking_budget = 0\nreasoning_effort = 'low'",
            "set either thinking_budget or reasoning_effort",
        ),
        (TEACHER.replace("openai", "google") + "api_version = '1'", "gpt.api_version: only provider"),
        (TEACHER + "base_url = 'http://h/v1/chat/completions'", "leave out /chat/completions"),
        (TEACHER + "base_url = 'http://h/v1?key=x'", r"base_url: must be a URL"),
        (TEACHER + "batch_window = 'soon'", "batch_window: must be a number of hours or days"),
        (
            TEACHER + "poll_min_s = 9\npoll_max_s = 8",
            r"teachers\.gpt\.poll_min_s: must not exceed poll_max_s",
        ),
        (
            "[recipes]\nteacher = 'gpt'",
            "recipes.teacher: there is no teacher 'gpt'; known: none",
        ),
        (
            '[recipes]\nfilter_judge = "gpt"',
            "recipes.filter_judge: there is no judge 'gpt'; known: none",
        ),
        (TEACHER + "[recipes]\nteacher = 'gtp'", "there is no teacher 'gtp'; known: gpt"),
        (
            "[prices.models.m]\ninput = 1\noutput = 2",
            "line 1: prices.date: is missing",
        ),
        ("[judges.it]\nprovider = 'google'", r"judges\.it\.model: is missing"),
        (
            "[judges.it]\nprovider = 'embedded'\nmodel = 'm'",
            "the embedded judge takes no setting other than prov",
        ),
        (
            "[judges.it]\nprovider = 'embedded'\nmode = 'batch'",
            "judges.it: the embedded judge takes no setting",
        ),
        (
            JUDGE + "base_url = 'localhost:8000'",
            r"judges\.it\.base_url: must be a URL such as http://localhost",
        ),
        (JUDGE + "poll_min_s = 301", r"judges\.it\.poll_min_s: must not exceed poll_max_s"),
        (
            JUDGE.replace("openai", "local") + "mode = 'batch'",
            r"judges\.it\.mode: a local model has no batch mode",
        ),
    ],
)
def test_what_is_said_of_teachers_judges_and_money(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(text)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000/v1",
        "ftp://localhost/v1",
        "https://",
        "http://sk-secret@localhost/v1",
        "http://me:sk-secret@localhost/v1",
        "http://localhost/v1?key=sk-secret",
        "http://localhost?key=sk-secret",
        "http://local host/v1",
    ],
)
def test_an_address_holds_no_key_and_the_message_neither(url: str) -> None:
    with pytest.raises(
        UserError, match="base_url: must be a URL such as http://localhost:8000/v1"
    ) as refused:
        parse_config(f"{TEACHER}base_url = '{url}'")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/v1", "https://a.b/x/v1/", "http://[::1]:80", "http://h"]
)
def test_addresses(url: str) -> None:
    assert parse_config(f"{TEACHER}base_url = '{url}'").teachers["gpt"].base_url == url


@pytest.mark.parametrize(
    "name", ["sk-proj-secret", "AIzaSecret0123456789", "hf_secret", "gsk_secret", "A B", ""]
)
def test_a_key_is_not_taken_for_the_name_of_its_variable(name: str) -> None:
    with pytest.raises(
        UserError, match="api_key_env: must be the name of an environment variable, never"
    ) as refused:
        parse_config(f"{TEACHER}api_key_env = '{name}'")
    assert "ecret" not in str(refused.value)


def test_what_holds() -> None:
    found = parse_config(
        TEACHER
        + LOCAL
        + """
        [recipes]
        teacher = "here"
        [prices]
        date = 2026-01-31
        [prices.models."some/model:1"]
        input = 2.5
        output = 10
        [spending]
        budget_usd = 0
        [judges.embedded]
        provider = "embedded"
        [judges.asked]
        provider = "google"
        model = "g"
        mode = "batch"
        """
    )
    assert found.recipes.teacher == "here"
    assert found.prices.models["some/model:1"].batch_input is None
    assert found.spending.budget_usd == 0
    assert found.judges["asked"].mode == "batch"
    assert found.teachers["gpt"].mode == "live"


def test_further_arguments_of_trl() -> None:
    text = (
        "[sft.extra]\nadam_beta2 = 0.95\nlr_scheduler_kwargs = {num_cycles = 2}\nloss_type = 'dft'\n"
        "[dpo]\nloss_type = 'exo_pair'\n[dpo.extra]\nlabel_smoothing = 0.001\n"
        "f_divergence_type = 'js_divergence'\nld_alpha = 1\nloss_weights = [1]"
    )
    config = parse_config(text)
    assert config.sft.extra == {
        "adam_beta2": 0.95,
        "lr_scheduler_kwargs": {"num_cycles": 2},
        "loss_type": "dft",
    }
    assert config.dpo.extra == {
        "label_smoothing": 0.001,
        "f_divergence_type": "js_divergence",
        "ld_alpha": 1,
        "loss_weights": [1],
    }


def test_arguments_are_those_of_the_installed_trl() -> None:
    """They are read from its source, without importing it."""
    from dataclasses import fields

    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames
    from trl import DPOConfig, SFTConfig

    from core.config import training_arguments as arguments

    for kind, classes in ((SFTConfig, arguments._SFT), (DPOConfig, arguments._DPO)):
        assert set(arguments._arguments(classes)) >= {field.name for field in fields(kind) if field.init}
        known = set(arguments._arguments(arguments._SFT)) | set(arguments._arguments(arguments._DPO))
        assert set(arguments._SET_BY_PROGRAM) <= known
        for field in fields(kind):
            if field.init and field.name not in arguments._SET_BY_PROGRAM:
                choices = field.metadata.get("choices", ())
                assert list(arguments._arguments(classes)[field.name].values) == list(choices)
    assert list(arguments._loggers()) == list(INTEGRATION_TO_CALLBACK)
    assert set(arguments._optimizers()) == {name.value for name in OptimizerNames}
    assert set(arguments._schedules()) == {name.value for name in SchedulerType}
