"""The grid: several runs for each student and recipe, which differ in their seeds and settings."""

from __future__ import annotations

from typing import Any

from core.config.schema.table import ConfigTable, Seed


class Grid(ConfigTable, frozen=True):
    """Several runs for each student, recipe and stage: one with each combination of the listed values. Those
    of a run that are not in the tables `[lora]`, `[sft]` and `[dpo]` become part of its name, such as
    `smollm2/direct/chatgpt/sft/sft.learning_rate=1e-05,seed=2`."""

    seeds: tuple[Seed, ...] = ()
    """Seeds of training: each stands for `sft.seed` and `dpo.seed` of one run. Win rates are then shown with
    their mean and spread over seeds."""
    students: tuple[str, ...] = ()
    """The students whose runs are varied; all by default. Others have one run for each recipe and stage."""
    recipes: tuple[str, ...] = ()
    """The recipes of `recipes.train` whose runs are varied; all by default."""
    lora: dict[str, tuple[Any, ...]] = {}
    """Lists of values of options of `[lora]`, such as `r = [8, 16]`."""
    sft: dict[str, tuple[Any, ...]] = {}
    """Lists of values of options of `[sft]`, such as `learning_rate = [1e-5, 5e-5]`."""
    dpo: dict[str, tuple[Any, ...]] = {}
    """Lists of values of options of `[dpo]`, such as `beta = [0.1, 0.3]`. Runs that differ in these alone
    continue from the same SFT adapter."""
