"""Loaded by the server that a storm's processes are forked from: on SIGABRT each writes its Python stacks."""

from __future__ import annotations

import faulthandler

faulthandler.enable()
