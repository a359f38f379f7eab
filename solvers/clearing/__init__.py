"""Clearing: decisions whose rules and earning are affine (or concave quadratic) in what is decided, as convex programs.

`program` says what a program is, and how its data may move while its structure stays.
"""
