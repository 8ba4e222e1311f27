"""Benchmarks: each returns a plain dictionary with machine, workload, figures and what they mean (``bench/README.md``)."""
