"""What all tests share."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from core.network import environment

# Several processes test at the same time: threads that wait for each other's cores cost ten times the CPU.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Certificates that a machine names are read by each process, and none of these tests needs them.
for name in (*environment.CERTIFICATE_FILES, environment.CERTIFICATE_FOLDER):
    os.environ.pop(name, None)
# A shell has programs that it starts in the background ignore Ctrl+C, and they hand that on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
# Stores and journals wait for the disk with each commit: where there is memory for their files, they do not.
MEMORY, NEEDED_BYTES = Path("/dev/shm"), 4_000_000_000
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= NEEDED_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
# To look for garbage as often as Python does takes a fifth of the CPU of tests that draw.
gc.set_threshold(20_000, 20, 50)
# A machine that is busy with something else is no fault of the code.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

ROOT = Path(__file__).resolve().parents[1]
#: The files that take longest.
LONG = (
    "tests/api/test_names.py",
    "tests/cli/test_chat.py",
    "tests/cli/test_whole_road.py",
    "tests/judging/embedded/test_embedded_judge.py",
    "tests/pipeline/supervision/test_crashes.py",
    "tests/playground/test_playground.py",
    "tests/reports/test_report.py",
    "tests/students/test_compatibility.py",
    "tests/teachers/batches/test_killed.py",
    "tests/teachers/openai/test_transformers_serve.py",
    "tests/teachers/requests/test_whole_methods.py",
    "tests/terminal/test_program.py",
    "tests/training/test_resuming.py",
    "tests/tui/app/test_read_only.py",
    "tests/tui/test_snapshots.py",
    "tests/web/test_serve_browser.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: no process is left with such a file while the other has nothing to do."""
    long = {ROOT / path for path in LONG}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True, scope="module")
def _quick_garbage_collection() -> None:
    """Keep what earlier files loaded out of full collections, which training runs with every checkpoint."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Collect garbage once: pytest does it five times at the end, through all that tests have loaded."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def reference_dataset() -> Path:
    """The real dataset.csv, which cannot be shipped; tests of its known counts are skipped without it."""
    places = [os.environ.get("EMPATHY_REFERENCE_DATASET"), ROOT.parent / "shared/reference/dataset.csv"]
    for place in places:
        if place and Path(place).is_file():
            return Path(place)
    pytest.skip("the real dataset.csv is not here: name it in EMPATHY_REFERENCE_DATASET")
