"""Fails if a package of this environment has a licence that is not on the list.

Run it with the interpreter of an environment that holds what is locked. A licence is what the package's
metadata say: an SPDX expression, else classifiers, else a text.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distributions

#: Licences under which everything that is used may be used and passed on, as packages spell them.
ALLOWED = {
    *("0BSD", "BSD", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python"),
    *(
        "Apache-2.0",
        "Apache 2.0",
        "Apache 2.0 License",
        "Apache License, Version 2.0",
        "Apache Software License",
    ),
    *("ISC", "ISC License (ISCL)", "MIT", "MIT License", "MIT-0", "MIT-CMU", "Public Domain", "Zlib"),
    *("MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)", "PSF-2.0", "Python Software Foundation License"),
}
#: Packages with another licence, by the beginning of their name, and why they may be used.
EXCEPTIONS = {
    "cuda-": "what PyTorch needs of CUDA, under NVIDIA's licence; it is installed, and never passed on",
    "nvidia-": "the same",
    "paramiko": "LGPL: an SSH client for tests, which users install by themselves",
    "pyte": "LGPL: a terminal for tests and benchmarks, which no user installs",
}

#: A part of an expression in parentheses, which names have too.
_GROUP = re.compile(r"\(([^()]* (?:AND|OR) [^()]*)\)")


def main() -> int:
    wrong = [
        f"{one.name} {one.version}: {licence(one) or 'no licence in its metadata'}"
        for one in distributions()
        if not is_allowed(licence(one)) and not one.name.lower().startswith(tuple(EXCEPTIONS))
    ]
    for line in sorted(wrong):
        print(line, file=sys.stderr)
    return int(bool(wrong))


def licence(one: Distribution) -> str:
    """What a package's metadata say of its licence, in a line; empty if they say nothing."""
    if expression := one.metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        value.rpartition(" :: ")[2]
        for value in one.metadata.get_all("Classifier") or ()
        if value.startswith("License ::") and value != "License :: OSI Approved"
    ]
    return " AND ".join(classifiers) or str(one.metadata.get("License") or "").strip().partition("\n")[0]


def is_allowed(said: str) -> bool:
    """Whether every part of an expression is allowed, or of each choice one."""
    # What is in parentheses counts as one part, as in `SSPL-1.0 AND (Apache-2.0 OR MIT OR ISC)`.
    said, found = _GROUP.subn(lambda group: "MIT" if is_allowed(group[1]) else "none", said)
    if found:
        return is_allowed(said)
    choices = re.sub(r"\s+WITH\s+[\w.-]+", "", said).split(" OR ")
    return any(all(part.strip() in ALLOWED for part in choice.split(" AND ")) for choice in choices)


if __name__ == "__main__":
    sys.exit(main())
