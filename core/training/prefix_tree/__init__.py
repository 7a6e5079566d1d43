"""Training on a prefix tree: what examples share is computed once, at the gradient of TRL's own step.

`trainers` has TRL's trainers with another forward pass; `limits.reason_against` says when a run must use
TRL's own.
"""
