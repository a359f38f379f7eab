"""Measurements, each against its peer in the same run. `python -m benchmarks` makes them; see `docs/benchmarks.md`."""
