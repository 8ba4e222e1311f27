"""Benchmarks: each returns a plain dictionary with machine, workload and figures (``bench/README.md``)."""
