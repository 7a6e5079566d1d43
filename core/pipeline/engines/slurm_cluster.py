"""Slurm through submitit: every attempt is a job, or a task of an array, that runs the worker.

See docs/decisions/0099-slurm-through-submitit.md for the reasons.
"""
