"""Statistics of verdicts and votes: win rates, intervals, tests, biases, rankings, agreement, sample size."""
