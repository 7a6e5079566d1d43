"""What the commands about config.toml print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from core.api import ConfigChange, Setting, SettingChange
from tui.cli.output.tables import cell, make_table, print_fields, print_line, print_table
from tui.format import config_changes


@dataclass(frozen=True)
class ConfigReport:
    """`config set --json`, `config unset --json`, `config diff --json`: a change, with jobs by their ids."""

    saved: bool
    """Whether config.toml was written."""
    settings: Sequence[SettingChange]
    """The settings that differ."""
    to_run: Sequence[str]
    """Jobs that only the later configuration has, and that are not done."""
    known: Sequence[str]
    """Those that are done."""
    superseded: Sequence[str]
    """Jobs that are done, and that only the earlier configuration has."""
    unfinished: Sequence[str]
    """Those that have not ended: they continue."""
    dropped: Sequence[str]
    """Those that were not started, failed or were cancelled."""
    seconds: float | None
    """Estimated time of the jobs to run; null when it is not known."""
    is_at_least: bool
    """Whether the time of some jobs is not known."""
    usd: float | None
    """Estimated cost of the jobs to run; null when a price is not known."""
    is_at_most: bool
    """Whether it may cost less, because a judge stops once it is decided who is better."""


def report(change: ConfigChange, *, saved: bool) -> ConfigReport:
    return ConfigReport(
        saved=saved,
        settings=change.settings,
        to_run=[job.id for job in change.to_run],
        known=[job.id for job in change.known],
        superseded=[job.id for job in change.superseded],
        unfinished=[job.id for job in change.unfinished],
        dropped=[job.id for job in change.dropped],
        seconds=change.seconds,
        is_at_least=change.is_at_least,
        usd=change.usd,
        is_at_most=change.is_at_most,
    )


def print_change(console: Console, found: ConfigChange) -> None:
    """The settings that differ, and what that means."""
    for change in found.settings:
        print_line(console, config_changes.setting(change))
    print_line(console, config_changes.summary(found) if found.settings else "No setting differs.", "bold")
    if found.settings and found.to_run:
        print_line(console, f"to run: {config_changes.stages(found.to_run)}", "dim")


def print_settings(console: Console, found: Sequence[Setting]) -> None:
    """A table of settings; of a single one everything that is known."""
    if len(found) == 1:
        (one,) = found
        print_line(console, one.key, "bold")
        print_line(console, " ".join(one.meaning.split()))
        where = f"config.toml, line {one.line}" if one.is_set else "not in config.toml"
        print_fields(
            console,
            ("value", config_changes.value(one.value)),
            ("default", config_changes.value(one.default)),
            ("type", one.kind),
            ("set", where),
            *(() if one.no_effect is None else (("effect", f"none: {one.no_effect}"),)),
        )
        return
    table = make_table("setting", "value", "default", "set", left=4)
    for one in found:
        table.add_row(
            cell(one.key),
            cell(config_changes.value(one.value), "bold" if one.is_set else ""),
            cell(config_changes.value(one.default), "dim"),
            cell(f"line {one.line}" if one.is_set else ""),
        )
    print_table(console, table)
