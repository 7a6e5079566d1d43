"""Loaded last by the server that tests fork processes from.

What is loaded by then stays for good: without this, each process would look through it for garbage, and copy
the memory that it is in.

Workers have no progress bars, which they say to tqdm before it is loaded: here it is by then.
"""

from __future__ import annotations

import gc
from functools import partialmethod

from tqdm import tqdm

tqdm.__init__ = partialmethod(tqdm.__init__, disable=True)
gc.freeze()
