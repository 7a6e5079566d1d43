"""How the libraries of models behave in background processes."""

from __future__ import annotations

import os


def keep_quiet() -> None:
    """Set the environment for libraries that are loaded later: no progress bars, and no telemetry."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    # On a full disk, a bar that cannot be written keeps the lock of all bars, and the process waits for that.
    os.environ["TQDM_DISABLE"] = "1"
    # TRL would report every training to the Hub.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
