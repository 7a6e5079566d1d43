"""Hypothesis on every way in, and on every way that texts from outside go out again.

Few examples by default. EMPATHY_FUZZ_EXAMPLES=2000 runs more of each, for as long as that takes.
"""
