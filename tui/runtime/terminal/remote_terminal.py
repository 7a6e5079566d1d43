"""What the program on the user's machine and the one on another machine agree on."""

from __future__ import annotations

#: Set on the other machine: its address without a folder, as the user wrote it.
HOST_VARIABLE = "EMPATHY_REMOTE_HOST"
#: In the app's output, by Ctrl+Z: no shell there could bring a stopped app back, so ssh stops here instead.
#: What follows is the app's first frame afterwards.
SUSPEND = b"\x1b]7717;empathy-tui;suspend\x07"
