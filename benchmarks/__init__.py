"""Codecs on real scenes, side by side; what they give stands in ``benchmarks/results``."""
