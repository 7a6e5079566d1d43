"""Loaded last by the server that tests fork processes from.

What is loaded by then stays for good: without this, each process would look through it for garbage, and copy
the memory that it is in.
"""

from __future__ import annotations

import gc

gc.freeze()
