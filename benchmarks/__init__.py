"""Slow experiments whose results stand in ``benchmarks/results``."""
