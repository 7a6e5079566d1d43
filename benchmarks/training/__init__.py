"""Fine-tuning beside TRL and LLaMA-Factory."""
