"""Effective shift factors, estimated from prices: what one more MW at a bus puts on a constraint."""
