"""Texts and values that somebody who means harm would send."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

#: Examples of each test.
EXAMPLES = int(os.environ.get("EMPATHY_FUZZ_EXAMPLES", "30"))

fuzz: Callable[[Any], Any] = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    # What fails is short enough as it is, and to shorten it may take minutes.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

#: What means something to a terminal, Rich, HTML, Markdown, LaTeX, Jinja, a spreadsheet or a file system.
PIECES = (
    "\x1b]0;x\x07",
    "\x1b[2J",
    "\x9b31m",
    "\u202e",
    "\u2028",
    "\r",
    "\n",
    "\n\n",
    "\0",
    "[bold red]",
    "[/]",
    "[@click=app.quit]",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="x',
    "</style>",
    "</title>",
    "]]>",
    "&lt;",
    "](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "```",
    "~~~",
    "`",
    "|",
    "# ",
    "\n---\n",
    "\n- x: !!python/object/apply:os.system [id]\n",
    "\\input{/etc/passwd}",
    "\\write18{id}",
    "$\\frac{1}{0}$",
    "$x_",
    "}{",
    "%",
    "^^5c",
    "{{ 7*7 }}",
    "{% include 'x' %}",
    "{situation}",
    "=cmd|'/c calc'!A1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\uff1d1",
    "../../x",
    "/etc/passwd",
    "C:\\x",
    "é日本",
)
#: Any text, surrogates aside: files and JSON hold none.
plain_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = st.lists(st.sampled_from(PIECES) | plain_texts, max_size=5).map("".join)
filled_texts = texts.map(lambda text: f"x{text}")

numbers = st.one_of(
    st.integers(),
    st.sampled_from([2**31, 2**53, 2**63, 2**64, -1, 10**30]),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
#: The content of a file that should be JSON: any value, any bytes, and what exhausts a parser.
json_files = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from([b"", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b"\xff\xfe{}", b"NaN", b"{}\0"]),
)


def objects(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that have some of these keys, with any values."""
    return st.dictionaries(st.sampled_from(names), values, max_size=len(names))
