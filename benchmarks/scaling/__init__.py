"""What grids need on many machines: estimates, a Ray cluster, a thousand workers."""
