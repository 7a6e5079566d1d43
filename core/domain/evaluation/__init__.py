"""Records of verdicts, votes, comparisons, and what follows from them."""
