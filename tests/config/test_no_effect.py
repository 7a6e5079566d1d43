"""Options that have no effect because of others are known, and no others."""

from __future__ import annotations

import pytest

from core.config.load import parse_config
from core.config.no_effect import without_effect
from core.config.reference import options
from core.config.schema import Config, Fsdp, Lora

STUDENT = '[students.small]\nmodel = "small"\n'


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("[sft]\nmax_steps = 9", "sft.num_train_epochs", "sft.max_steps = 9"),
        ("[dpo]\nmax_steps = 9", "dpo.num_train_epochs", "dpo.max_steps = 9"),
        ('[sft]\nlr_scheduler_type = "constant"', "sft.warmup_steps", "sft.lr_scheduler_type = constant"),
        ("", "sft.eval_steps", "sft.eval_share = 0"),
        ("", "sft.early_stopping_threshold", "sft.early_stopping_patience is not set"),
        (
            "[sft]\neval_share = 0.1\nearly_stopping_patience = 3",
            "sft.save_steps",
            "sft.early_stopping_patience = 3",
        ),
        ("[sft]\nneftune_noise_alpha = 5.0", "sft.prefix_tree", "sft.neftune_noise_alpha = 5.0"),
        ("[sft]\nsample_dialogues = 0", "sft.sample_steps", "sft.sample_dialogues = 0"),
        ("[runs]\nlora = false", "lora.r", "runs.lora = false"),
        ('[runs]\nstages = ["sft"]', "dpo.beta", "runs.stages has no sft-dpo"),
        ("[runs]\ngpus_per_run = 2\n[slots]\ngpu = 2", "fsdp.cpu_offload", "runs.distributed = ddp"),
        ("", "rungs.held_out", "rungs.examples is not set"),
        ("[grid.sft]\nlearning_rate = [1e-5, 2e-5]", "sft.learning_rate", "grid.sft.learning_rate lists"),
        ("[grid]\nseeds = [1, 2]", "dpo.seed", "grid.seeds lists its values"),
    ],
)
def test_what_takes_the_effect_of_an_option_away(text: str, key: str, why: str) -> None:
    assert without_effect(parse_config(text, "config.toml"))[key].startswith(why)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "sft.num_train_epochs"),
        ("[sft]\nmax_steps = 0", "sft.num_train_epochs"),
        ("[sft]\nmax_steps = 9", "dpo.num_train_epochs"),
        # Runs of a grid that differ in it have both.
        ("[sft]\nmax_steps = 9\n[grid.sft]\nmax_steps = [-1, 9]", "sft.num_train_epochs"),
        # A grid of some students leaves the setting to the others.
        (f'{STUDENT}[grid]\nstudents = ["small"]\nseeds = [1, 2]', "sft.seed"),
        ("[sft]\neval_share = 0.1", "sft.eval_steps"),
        ('[runs]\ngpus_per_run = 2\ndistributed = "fsdp"\n[slots]\ngpu = 2', "fsdp.cpu_offload"),
    ],
)
def test_what_has_an_effect_is_not_named(text: str, key: str) -> None:
    assert key not in without_effect(parse_config(text, "config.toml"))


def test_whole_tables_are_named_by_their_options() -> None:
    found = without_effect(parse_config("[runs]\nlora = false", "config.toml"))
    for table, options_of in (("lora", options(Lora)), ("fsdp", options(Fsdp))):
        assert {f"{table}.{name}" for name in options_of} <= found.keys()
    assert {key.partition(".")[0] for key in found} <= set(Config.__struct_fields__)
