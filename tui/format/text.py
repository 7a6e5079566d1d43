"""Makes untrusted text safe to show, for everything that draws."""

from core.api import visible

__all__ = ["visible"]
