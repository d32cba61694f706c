"""Measurements of the hot paths, as ratios to a baseline in the same run. Benchmarks, not tests."""
