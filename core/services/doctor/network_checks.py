"""Checks of the network: certificates, proxies, and whether servers of teachers and judges answer."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from core.config.workspace import WorkspacePaths
from core.domain.checks import Check, CheckOutcome
from core.network import environment
from core.services.doctor.configured_models import large_models
from core.teachers import clients
from core.teachers.settings import api_keys


def certificates() -> Iterator[Check]:
    named = environment.certificates()
    found = "those of the system" if named is None else f"{named[0]}={named[1]}"
    variables = (*environment.CERTIFICATE_FILES, environment.CERTIFICATE_FOLDER)
    yield from _environment("certificates", found, variables)


def proxies() -> Iterator[Check]:
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


def servers(workspace: WorkspacePaths) -> Iterator[Check]:
    """Whether the servers of teachers and judges can be reached. No key is sent, and nothing is asked."""
    used = [(name, large) for name, large in large_models(workspace) if large.provider in api_keys.VARIABLES]
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
