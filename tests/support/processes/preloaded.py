"""Loaded last by the server that tests fork processes from.

What is loaded by then stays for good: without this, each process would look through it for garbage, and copy
the memory that it is in.

What is computed once in a process, and by each of them, is computed here.

Workers have no progress bars, which they say to tqdm before it is loaded: here it is by then.
"""

from __future__ import annotations

import gc
from functools import partialmethod

from tqdm import tqdm

from core.config.load import parse_config
from core.store import schema

tqdm.__init__ = partialmethod(tqdm.__init__, disable=True)
schema.current_parts()
# msgspec reads the annotations of a type when it first converts to it.
parse_config("")
gc.freeze()
