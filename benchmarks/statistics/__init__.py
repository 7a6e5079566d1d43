"""How right the statistics are: intervals, tests, judges, votes, seeds."""
