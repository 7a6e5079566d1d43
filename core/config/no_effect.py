"""Options of a configuration that have no effect, because of what others say."""

from __future__ import annotations

from collections.abc import Iterator

from core.config.schema import Config, Dpo, Fsdp, Lora, Rungs, Training

#: Schedules to which Transformers gives no number of warm-up steps.
_WITHOUT_WARMUP = ("constant", "reduce_lr_on_plateau", "greedy")


def without_effect(config: Config) -> dict[str, str]:
    """Key → what takes the effect away, such as `sft.max_steps = 100` for `sft.num_train_epochs`."""
    grid = config.grid
    found = dict(_of_runs(config))
    for key, training, varied in (("sft", config.sft, grid.sft), ("dpo", config.dpo, grid.dpo)):
        for name, by, value in _of_training(training):
            # The runs of a grid may differ in it.
            if by not in varied:
                words = "is not set" if value is None else f"= {value}"
                found.setdefault(f"{key}.{name}", f"{key}.{by} {words}")
    return found


def _of_runs(config: Config) -> Iterator[tuple[str, str]]:
    runs, grid = config.runs, config.grid
    if not runs.lora:
        yield from _all("lora", Lora, "runs.lora = false")
    if runs.gpus_per_run == 1:
        yield "runs.distributed", "runs.gpus_per_run = 1"
        yield from _all("fsdp", Fsdp, "runs.gpus_per_run = 1")
    elif runs.distributed != "fsdp":
        yield from _all("fsdp", Fsdp, f"runs.distributed = {runs.distributed}")
    if "sft-dpo" not in runs.stages:
        yield from _all("dpo", Dpo, "runs.stages has no sft-dpo")
    if not config.rungs.examples:
        rungs = _all("rungs", Rungs, "rungs.examples is not set")
        yield from (one for one in rungs if one[0] != "rungs.examples")
    if not (grid.students or grid.recipes):
        for table, varied in (("lora", grid.lora), ("sft", grid.sft), ("dpo", grid.dpo)):
            yield from ((f"{table}.{name}", f"grid.{table}.{name} lists its values") for name in varied)
        if grid.seeds:
            yield from ((f"{table}.seed", "grid.seeds lists its values") for table in ("sft", "dpo"))


def _of_training(training: Training) -> Iterator[tuple[str, str, object]]:
    """Options of a stage without effect, and the option of the same table because of which they have none,
    with its value."""
    if training.max_steps > 0:
        yield "num_train_epochs", "max_steps", training.max_steps
    if training.lr_scheduler_type in _WITHOUT_WARMUP:
        yield "warmup_steps", "lr_scheduler_type", training.lr_scheduler_type
    if not training.eval_share:
        yield "eval_steps", "eval_share", 0
    if training.early_stopping_patience is not None:
        yield "save_steps", "early_stopping_patience", training.early_stopping_patience
    else:
        yield "early_stopping_threshold", "early_stopping_patience", None
    if training.prefix_tree and training.use_liger_kernel:
        yield "prefix_tree", "use_liger_kernel", "true"
    if training.prefix_tree and training.neftune_noise_alpha is not None:
        yield "prefix_tree", "neftune_noise_alpha", training.neftune_noise_alpha
    if not training.sample_dialogues:
        yield "sample_steps", "sample_dialogues", 0


def _all(
    key: str, table: type[Lora] | type[Fsdp] | type[Dpo] | type[Rungs], why: str
) -> Iterator[tuple[str, str]]:
    return ((f"{key}.{name}", why) for name in table.__struct_fields__)
