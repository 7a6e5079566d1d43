"""The runs that follow from [grid], and checks of what it lists."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from core.config.problems import InvalidOptionError, suggestion
from core.config.schema import Config, Dpo, Lora, Training
from core.domain.names import NamedSettings
from core.domain.versions import setting_value

#: Runs of one student and recipe: more are probably an error.
_MAX_RUNS = 1_000

_Table = TypeVar("_Table", Lora, Training, Dpo)


@dataclass(frozen=True)
class DpoVariant:
    """The settings of one run of stage `sft-dpo`."""

    named: NamedSettings
    """Those that are not in config.toml's tables, with those of its SFT."""
    training: Dpo
    """`[dpo]` with the values of this run."""


@dataclass(frozen=True)
class Variant:
    """The settings of one run of stage `sft`, and of those that continue from it."""

    named: NamedSettings
    """Those that are not in config.toml's tables."""
    lora: Lora
    """`[lora]` with the values of this run."""
    training: Training
    """`[training]` with the values of this run."""
    dpo: tuple[DpoVariant, ...]
    """The runs of stage `sft-dpo` that continue from it."""


def variants(config: Config, student: str, recipe: str) -> tuple[Variant, ...]:
    """The runs of a student on a recipe. Without [grid] it is one, with the settings of the tables."""
    grid = config.grid
    is_varied = (not grid.students or student in grid.students) and (
        not grid.recipes or recipe in grid.recipes
    )
    if not is_varied:
        return (Variant((), config.lora, config.sft, (DpoVariant((), config.dpo),)),)
    adapters = _combinations("lora", config.lora, grid.lora)
    trainings = _combinations("sft", config.sft, grid.sft)
    preferences = _combinations("dpo", config.dpo, grid.dpo)
    found = []
    for (of_lora, lora), (of_sft, sft), seed in itertools.product(adapters, trainings, grid.seeds or (None,)):
        by_seed = _seed(config, seed)
        named = (*of_lora, *of_sft)
        dpo = (
            DpoVariant((*named, *of_dpo, *by_seed), _seeded(training, seed))
            for of_dpo, training in preferences
        )
        found.append(Variant((*named, *by_seed), lora, _seeded(sft, seed), tuple(dpo)))
    return tuple(found)


def check(
    config: Config,
    check_lora: Callable[[str, Lora], None],
    check_training: Callable[[str, Training], None],
) -> None:
    """Raise `InvalidOptionError` for what [grid] lists and no run can have.

    The two functions check a table of that key as if it stood in config.toml.
    """
    grid = config.grid
    _check_known("grid.students", grid.students, config.students, "student")
    _check_known("grid.recipes", grid.recipes, config.recipes.train, "recipe in recipes.train")
    _check_each("grid.seeds", grid.seeds)
    if grid.lora and not config.runs.lora:
        raise InvalidOptionError("grid.lora", "runs.lora = false trains no adapters; remove it")
    count = math.prod(len(values) for values in (grid.seeds or (0,), *_lists(config)))
    if count > _MAX_RUNS:
        raise InvalidOptionError(
            "grid", f"makes {count:,} runs of each student and recipe; list at most {_MAX_RUNS:,}"
        )
    for table in ("sft", "dpo"):
        if grid.seeds and "seed" in getattr(grid, table):
            raise InvalidOptionError(f"grid.{table}.seed", "grid.seeds sets it too; keep one of the two")
    for lora in _checked("lora", config.lora, grid.lora):
        check_lora("grid.lora", lora)
    for sft in _checked("sft", config.sft, grid.sft):
        check_training("grid.sft", sft)
    for dpo in _checked("dpo", config.dpo, grid.dpo):
        check_training("grid.dpo", dpo)


def _lists(config: Config) -> tuple[Sequence[object], ...]:
    grid = config.grid
    return (*grid.lora.values(), *grid.sft.values(), *grid.dpo.values())


def _check_known(
    key: str, names: Sequence[str], known: Mapping[str, object] | Sequence[str], what: str
) -> None:
    for name in names:
        if name not in known:
            hint = suggestion(name, known) or f"; there are: {', '.join(known) or 'none'}"
            raise InvalidOptionError(key, f"there is no {what} named {name!r}{hint}", name)


def _check_each(key: str, values: Sequence[object]) -> None:
    """Raise `InvalidOptionError` for values that would give two runs of the same name."""
    names = [setting_value(value) for value in values]
    for name, value in zip(names, values, strict=True):
        if names.count(name) > 1:
            raise InvalidOptionError(key, f"lists {value!r} twice; remove one")


def _checked(
    table: Literal["lora", "sft", "dpo"], base: _Table, lists: Mapping[str, Sequence[object]]
) -> list[_Table]:
    """The variants of a table.

    Raises `InvalidOptionError` for an option that the table does not have, and a value of another type.
    """
    for name, values in lists.items():
        key = f"grid.{table}.{name}"
        if name not in base.__struct_fields__:
            from core.config import keys

            raise InvalidOptionError(key, keys.unknown(name, (table,)))
        if not values:
            raise InvalidOptionError(key, "lists no value; remove it, or list some")
        for value in values:
            try:
                msgspec.convert({name: value}, type(base))
            except msgspec.ValidationError as error:
                what, _, _ = str(error).partition(" - at `$")
                raise InvalidOptionError(key, f"{value!r} is no value of {table}.{name}: {what}") from error
        _check_each(key, values)
    return [made for _, made in _combinations(table, base, lists)] if lists else []


def _combinations(
    table: str, base: _Table, lists: Mapping[str, Sequence[object]]
) -> list[tuple[NamedSettings, _Table]]:
    """One table for each combination of the listed values, with the values that `base` does not have."""
    found = []
    for values in itertools.product(*lists.values()):
        chosen = msgspec.convert(dict(zip(lists, values, strict=True)), type(base))
        changes = {name: getattr(chosen, name) for name in lists}
        named = tuple(
            (f"{table}.{name}", _in_name(value))
            for name, value in changes.items()
            if value != getattr(base, name)
        )
        found.append((named, msgspec.structs.replace(base, **changes)))
    return found


def _in_name(value: object) -> str:
    # A slash separates the parts of a name.
    return setting_value(value).replace("/", "_")


def _seed(config: Config, seed: int | None) -> NamedSettings:
    """What a seed adds to a name."""
    if seed is None or seed == config.sft.seed == config.dpo.seed:
        return ()
    return (("seed", _in_name(seed)),)


def _seeded(training: _Table, seed: int | None) -> _Table:
    return training if seed is None else msgspec.structs.replace(training, seed=seed)
