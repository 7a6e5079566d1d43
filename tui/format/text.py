"""What makes text from outside fit to be shown, for everything that draws."""

from core.api import visible

__all__ = ["visible"]
