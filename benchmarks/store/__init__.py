"""The stores and records that several benchmarks read."""
