"""Home: what runs, what it costs, when it ends, what failed and why, and which model is winning."""

from __future__ import annotations

from tui.screens.base import RoomScreen


class HomeScreen(RoomScreen):
    """The whole workspace at a glance."""

    ROOM = "home"
    ABOUT = "What runs, what it costs, when it ends, what failed and why, and which model is winning."
