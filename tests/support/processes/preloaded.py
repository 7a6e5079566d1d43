"""Loaded last by the server that tests fork processes from.

What is loaded by then stays for good: without this, each process would look through it for garbage, and copy
the memory that it is in.

tqdm's lock between processes would be one lock of all forked ones: a worker that is killed while it draws a
bar would keep it for good. Processes that are started by commands share none.
"""

from __future__ import annotations

import gc

from tqdm import tqdm
from tqdm.std import TqdmDefaultWriteLock

TqdmDefaultWriteLock.mp_lock = None
tqdm.set_lock(TqdmDefaultWriteLock())
gc.freeze()
