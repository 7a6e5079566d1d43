"""How the pipeline copes: many jobs, long runs, grids, data sets, requests, workers."""
