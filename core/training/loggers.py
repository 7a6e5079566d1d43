"""The loggers of report_to, such as TensorBoard and W&B. Their errors never end a run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import get_reporting_integration_callbacks

#: Errors in a row after which a logger is given no more metrics.
_MAX_ERRORS = 3
#: The names of a callback's methods.
_EVENTS = tuple(name for name in dir(TrainerCallback) if name.startswith("on_"))

log = logging.getLogger(__name__)


def check(names: Sequence[str]) -> None:
    """Raise `ValueError` for a logger that Transformers does not know."""
    _classes(names)


def add(trainer: Any, names: Sequence[str], warn: Callable[[str], None]) -> None:
    """Add the loggers of these names to a trainer. One that cannot be used is a warning."""
    for kind in _classes(names):
        name = kind.__name__.removesuffix("Callback")
        try:
            callback = kind()
        except Exception as error:
            log.exception("%s", name)
            warn(f"the logger {name} gets no metrics: {brief(error)}")
            continue
        trainer.add_callback(_GuardedCallback(callback, name, warn))


def brief(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


class _GuardedCallback(TrainerCallback):
    """Passes the trainer's events on, and turns errors into warnings."""

    def __init__(self, callback: TrainerCallback, name: str, warn: Callable[[str], None]) -> None:
        self._callback = callback
        self._name = name
        self._warn = warn
        self._is_off = False
        #: Errors in a row, by event.
        self._errors: Counter[str] = Counter()
        for event in _EVENTS:
            setattr(self, event, partial(self._pass_on, event))

    def _pass_on(self, event: str, *args: Any, **kwargs: Any) -> Any:
        if self._is_off:
            return None
        try:
            result = getattr(self._callback, event)(*args, **kwargs)
        except Exception as error:
            log.exception("%s", self._name)
            # A logger that cannot begin would try to begin again with each step.
            self._errors[event] += 1
            self._is_off = event == "on_train_begin" or self._errors[event] >= _MAX_ERRORS
            end = "and gets no more metrics" if self._is_off else "at one event"
            self._warn(f"the logger {self._name} failed {end}: {brief(error)}")
            return None
        self._errors[event] = 0
        return result


def _classes(names: Sequence[str]) -> list[Callable[[], TrainerCallback]]:
    found: list[Callable[[], TrainerCallback]] = get_reporting_integration_callbacks(
        "all" if tuple(names) == ("all",) else list(names)
    )
    return found
